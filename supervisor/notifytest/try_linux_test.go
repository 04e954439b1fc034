package notifytest_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify"
	"github.com/lvs-director/director/notify/fifo"
	"github.com/lvs-director/director/notify/mail"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/notifytest"
)

// parts are those of a configuration, with VI_1 as MASTER.
func parts(t *testing.T, cfg *conf.Config) notifytest.Parts {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	p := notifytest.Parts{Mail: mail.New(log), FIFOs: fifo.New(fifo.Options{Log: log})}
	p.Scripts = notify.New(notify.Options{Log: log, Listeners: []notify.Listener{p.FIFOs, p.Mail}})
	t.Cleanup(func() {
		ctx := context.Background()
		_ = p.Scripts.Stop(ctx) // none runs on
		p.FIFOs.Stop(ctx)
		p.Mail.Stop(ctx)
	})
	p.Scripts.Apply(cfg)
	if len(cfg.Instances) > 0 {
		i := cfg.Instances[0]
		p.Scripts.Instance(event.InstanceState{Instance: i.Name, ID: i.ID().String(), State: event.Master, Priority: 150,
			Quiet: true, Since: time.Now()})
	}
	return p
}

// executable is a shell script.
func executable(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

var (
	times   = regexp.MustCompile(`(after|in) [0-9.]+m?s`)
	numbers = regexp.MustCompile(`\(pid \d+\)`)
)

// try is what is printed, without times.
func try(t *testing.T, p notifytest.Parts, run bool) (text string, ok bool) {
	t.Helper()
	r := notifytest.Try(t.Context(), p, control.NotifyTestRequest{RunScripts: run})
	var b bytes.Buffer
	r.Print(&b)
	return numbers.ReplaceAllString(times.ReplaceAllString(b.String(), "$1 TIME"), "(pid N)"), r.OK()
}

func diff(t *testing.T, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func TestNothingIsConfigured(t *testing.T) {
	t.Parallel()
	text, ok := try(t, parts(t, &conf.Config{}), true)
	if ok || !strings.HasPrefix(text, "nothing to try") {
		t.Errorf("%v: %s", ok, text)
	}
}

// TestEveryKind: each kind is tried, the FIFO is read by its script, and of the scripts those run, if that is
// asked for, that tell what is so.
func TestEveryKind(t *testing.T) {
	t.Parallel()
	record := filepath.Join(t.TempDir(), "record")
	script := func(text string, words ...string) conf.Script {
		return conf.Script{Argv: append([]string{executable(t, "script.sh", text)}, words...), User: "root"}
	}
	note := `echo "$*" >>` + record
	cfg := &conf.Config{Instances: []*conf.Instance{{Name: "VI_1", Notify: conf.NotifyScripts{
		Master: script(note, "up", "two words"), Backup: script(note, "down"), Any: script(note),
	}}}}
	i := cfg.Instances[0].Notify
	fifos := t.TempDir()
	read := script(`while read -r line; do :; done <"$1"`)
	cfg.Global.FIFO = conf.FIFO{Path: filepath.Join(fifos, "all"), Script: read}
	cfg.Global.ShutdownScript = script(note, "bye")
	p := parts(t, cfg)
	want := func(master, backup, any, bye string) string {
		return fmt.Sprintf(`notify_fifo %s: read after TIME
  INSTANCE "VI_1" MASTER 150
  its script is %s %s (pid N)
notify_master of INSTANCE VI_1: %s
  %s up "two words", as user root
notify_backup of INSTANCE VI_1: can be run
  %s down, as user root
%snotify of INSTANCE VI_1: %s
  %s INSTANCE VI_1 MASTER 150, as user root
shutdown_script: can be run
  %s bye, as user root
%s`, cfg.Global.FIFO.Path, read.Argv[0], cfg.Global.FIFO.Path, master, i.Master.Argv[0], i.Backup.Argv[0], backup, any,
			i.Any.Argv[0], cfg.Global.ShutdownScript.Argv[0], bye)
	}
	// The script of the FIFO starts in its own time.
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if s := p.FIFOs.Status(); len(s) == 1 && s[0].PID != 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the script of the FIFO does not run")
		}
	}
	text, ok := try(t, p, false)
	diff(t, "printed", want("can be run", "", "can be run", ""), text)
	if _, err := os.Stat(record); err == nil || !ok {
		t.Errorf("a script was run, or failed: %v, %v", err, ok)
	}
	text, ok = try(t, p, true)
	diff(t, "printed", want("ran, exit status 0 after TIME", "  not run: it would tell BACKUP, which is not so\n",
		"ran, exit status 0 after TIME", "  not run: it is for the start or the stop of director\n"), text)
	diff(t, "all is well", true, ok)
	ran, err := os.ReadFile(record)
	diff(t, fmt.Sprint("runs ", err), "up two words\nINSTANCE VI_1 MASTER 150\n", string(ran))
}

// TestWhatFails: each failure is said, and makes the whole one.
func TestWhatFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	one := []*conf.Instance{{Name: "VI_1"}}
	fails := conf.Script{Argv: []string{executable(t, "fails.sh", "echo one; echo no such thing; exit 7")}, User: "root"}
	with := func(n conf.NotifyScripts) []*conf.Instance { return []*conf.Instance{{Name: "VI_1", Notify: n}} }
	for _, test := range []struct {
		name string
		cfg  conf.Config
		run  bool
		want string // in what is printed
	}{
		{"a dead mail server", conf.Config{Global: conf.Global{SMTPServer: "127.0.0.1", SMTPPort: 1, MailTo: []string{"a@b"},
			SMTPTimeout: time.Second}}, false, "mail to 127.0.0.1:1: failed after TIME: connecting to the mail server"},
		{"a FIFO that is a file", conf.Config{Global: conf.Global{FIFO: conf.FIFO{Path: dir + "/file"}}, Instances: one},
			false, "is a regular file and not a FIFO"},
		{"a FIFO that nobody reads", conf.Config{
			Global: conf.Global{VRRPFIFO: conf.FIFO{Path: dir + "/fifo"}}, Instances: one,
		}, false, "vrrp_notify_fifo " + dir +
			"/fifo: failed after TIME: nobody has read it\n  INSTANCE \"VI_1\" MASTER 150\n"},
		{"a script that is not there", conf.Config{Instances: with(conf.NotifyScripts{
			Backup: conf.Script{Argv: []string{dir + "/absent"}}})}, false, "notify_backup of INSTANCE VI_1: failed: "},
		{"a script that fails", conf.Config{Instances: with(conf.NotifyScripts{Master: fails})}, true,
			"notify_master of INSTANCE VI_1: failed after TIME: exit status 7"},
		{"what it says", conf.Config{Instances: with(conf.NotifyScripts{Master: fails})}, true,
			"  it printed: no such thing\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			text, ok := try(t, parts(t, &test.cfg), test.run)
			if ok || !strings.Contains(text, test.want) {
				t.Errorf("ok is %v; want %q in\n%s", ok, test.want, text)
			}
		})
	}
}

// TestAFIFOOfWhichNothingIsKnown has nothing written to it, which is no failure.
func TestAFIFOOfWhichNothingIsKnown(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "fifo")
	p := parts(t, &conf.Config{
		Global: conf.Global{LVSFIFO: conf.FIFO{Path: path}}, Instances: []*conf.Instance{{Name: "VI_1"}},
	})
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(path); err == nil {
			break
		}
		if time.Now().After(end) {
			t.Fatal("the FIFO is not made")
		}
	}
	text, ok := try(t, p, false)
	diff(t, "printed", "lvs_notify_fifo "+path+
		": open\n  nothing was written: no state is known of an object that it is told of\n", text)
	diff(t, "all is well", true, ok)
}

// TestScriptsAreHeld: during an upgrade nothing is run, and nothing is said to have hung.
func TestScriptsAreHeld(t *testing.T) {
	t.Parallel()
	p := parts(t, &conf.Config{Instances: []*conf.Instance{{Name: "VI_1", Notify: conf.NotifyScripts{
		Master: conf.Script{Argv: []string{executable(t, "master", "exit 0")}},
	}}}})
	p.Scripts.Hold(t.Context())
	text, ok := try(t, p, true)
	if ok || !strings.Contains(text, "an upgrade or a stop is under way") || strings.Contains(text, "has not ended") {
		t.Errorf("%v\n%s", ok, text)
	}
}
