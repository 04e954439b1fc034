package notify_test

import (
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify"
)

// TestRealScripts runs scripts as keepalived's users write them.
func TestRealScripts(t *testing.T) {
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	path := filepath.Join(dir, "notify.sh")
	text := "#!/bin/sh\necho \"$@\" >> " + out + "\n"
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	before := runtime.NumGoroutine()
	n := notify.New(notify.Options{Log: slog.New(slog.DiscardHandler)})
	n.Apply(&conf.Config{
		Global: conf.Global{ScriptUser: me.Username},
		Instances: []*conf.Instance{{Name: "VI 1", Notify: conf.NotifyScripts{
			Master: conf.Script{Argv: []string{path, "specific", "a b"}},
			Any:    conf.Script{Argv: []string{path, "generic"}},
		}}},
	})
	n.Instance(event.InstanceState{Instance: "VI 1", State: event.Master, Since: time.Now(), Priority: 150})
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if list := n.Last(); len(list) == 2 && !list[0].Running && !list[1].Running {
			if !list[0].Exit.OK() || !list[1].Exit.OK() {
				t.Fatalf("%+v", list)
			}
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the scripts have not ended: %+v", n.Last())
		}
	}
	if err := n.Stop(t.Context()); err != nil {
		t.Error(err)
	}
	got, err := os.ReadFile(out)
	want := "specific a b\ngeneric INSTANCE VI 1 MASTER 150\ngeneric INSTANCE VI 1 STOP 150\n"
	if err != nil || string(got) != want {
		t.Errorf("the scripts wrote %q %v, want %q", got, err, want)
	}
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<16)
			t.Fatalf("goroutines left:\n%s", buf[:runtime.Stack(buf, true)])
		}
	}
	if children, err := os.ReadFile("/proc/thread-self/children"); err == nil &&
		len(strings.TrimSpace(string(children))) > 0 {
		t.Errorf("children left: %s", children)
	}
}
