//go:build linux

package native_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// TestNetNamespace: with net_namespace the virtual router, and its scripts, are
// in the namespace of that name, also after a worker has died; when director
// ends nothing is left there.
func TestNetNamespace(t *testing.T) {
	t.Parallel()
	w := watch(t)
	record := filepath.Join(w.a.Dir(), "record")
	script := w.a.WriteFile("notify.sh", "#!/bin/sh\nreadlink /proc/self/ns/net >>"+record+"\n")
	if err := os.Chmod(script, 0o755); err != nil {
		t.Fatal(err)
	}
	conf := "net_namespace " + pair.HostNamespace + "\n" + base(150, `notify "`+script+`" root`)
	d := pair.Start(t, pair.Namespaced{Director: stage.PlainDirector()}, w.a, conf)
	t.Cleanup(func() {
		if d.Running() {
			d.KillAll() // its supervisor is not in the namespace that the lab clears
		}
	})
	w.daemons[w.a] = d
	w.Until(15*time.Second, "a is MASTER", func() bool { return w.a.HasAddress("eth0", frontVIP) })
	w.start(w.b, base(100))
	w.Until(10*time.Second, "scripts have run", func() bool {
		text, _ := os.ReadFile(record)
		return strings.Count(string(text), "\n") >= 2
	})
	want := strings.TrimSpace(w.a.Run("readlink", "/proc/self/ns/net"))
	text, _ := os.ReadFile(record)
	for line := range strings.Lines(string(text)) {
		if strings.TrimSpace(line) != want {
			t.Errorf("a script ran in %s, not in %s", strings.TrimSpace(line), want)
		}
	}
	old := d.Worker(pair.VRRP)
	d.KillWorker(pair.VRRP)
	w.steady(w.a, time.Second)
	if d.Worker(pair.VRRP) == old {
		t.Error("the worker was not killed")
	}
	d.Terminate()
	w.untilMaster(w.b, takeover)
	d.WaitEnd(10 * time.Second)
}
