package supervisor

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/worker"
)

// canTakeOver is what a program says that may take the place of this one.
var canTakeOver = fmt.Sprintf(`{"hand_down":%d,"protocol":%d,"version":"other","releases_signals":true}`, handoffVersion,
	worker.ProtocolVersion)

// other is a program that says that it can take over. It cannot be executed a
// second time, since it removes its interpreter. More is what it does before.
func (r *rig) other(more string) string {
	r.t.Helper()
	dir := r.t.TempDir()
	sh, path := filepath.Join(dir, "sh"), filepath.Join(dir, "other")
	if err := os.Symlink("/bin/sh", sh); err != nil {
		r.t.Fatal(err)
	}
	text := "#!" + sh + "\ncat >/dev/null\n" + more + "\nrm -f " + sh + "\necho '" + canTakeOver + "'\n"
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		r.t.Fatal(err)
	}
	return path
}

// upgraded waits until no upgrade is under way, and gives how the last one went.
func (r *rig) upgraded() control.UpgradeReport {
	r.t.Helper()
	var report control.UpgradeReport
	r.until("the upgrade is over", func() bool {
		r.ask(http.MethodGet, "/v1/upgrade", nil, &report)
		return !report.Busy
	})
	return report
}

// works fails unless everything still goes its way: a reload, a handover, the
// trackers and the restart of a worker, none of which has happened yet.
func (r *rig) works(lives int) {
	r.t.Helper()
	r.write(instance("VI_1", "") + instance2 + service)
	if report := r.reload(control.ReloadRequest{}); !report.Applied || len(report.Problems) > 0 {
		r.t.Errorf("the answer to a reload is %+v", report)
	}
	for _, name := range []string{worker.VRRP, worker.LVS} {
		started := r.toldOf(name, "started")
		if len(started) != lives {
			r.t.Errorf("the %s worker was started %d times, want %d", name, len(started), lives)
		}
		kill(r.t, started[len(started)-1].Pid)
		r.awaitTold(name, "started", lives+1)
	}
	r.until("status has both workers", func() bool {
		up := 0
		for _, w := range r.status().Workers {
			if w.Pid != 0 && w.Restarts == 1 {
				up++
			}
		}
		return up == 2
	})
}

// TestUpgradeWhoseExecFails: the workers are taken back, with their connections,
// and notice nothing.
func TestUpgradeWhoseExecFails(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", "")+service)
	r.isMaster("VI_1")
	configured := len(r.toldOf(worker.VRRP, "configure"))
	for range 3 {
		path := r.other("")
		var report control.UpgradeReport
		r.ask(http.MethodPost, "/v1/upgrade", control.UpgradeRequest{Binary: path}, &report)
		if !report.Busy || report.Upgrades != 0 {
			t.Errorf("the answer is %+v", report)
		}
		wants(t, r.upgraded().Error, "executing "+path)
	}
	wants(t, r.log.String(), "upgrade failed: this program keeps running")
	if s := r.status(); s.Instances[0].State.String() != "MASTER" {
		t.Errorf("status is %+v", s.Instances)
	}
	if n := len(r.toldOf(worker.VRRP, "configure")); n != configured {
		t.Errorf("the vrrp worker was configured %d times more", n-configured)
	}
	r.works(1)
}

// TestUpgradeToAFileThatChanges: what was tried is what is executed, or nothing is.
func TestUpgradeToAFileThatChanges(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", "")+service)
	path := filepath.Join(t.TempDir(), "other")
	text := "#!/bin/sh\ncat >/dev/null\necho ': more' >>" + path + "\necho '" + canTakeOver + "'\n"
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	var report control.UpgradeReport
	r.ask(http.MethodPost, "/v1/upgrade", control.UpgradeRequest{Binary: path}, &report)
	wants(t, r.upgraded().Error, path+" was changed meanwhile")
	r.works(1)
}

// TestUpgradeBesideOthers: one at a time, not during a reload, and a reload that is
// asked for meanwhile is not lost.
func TestUpgradeBesideOthers(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", "")+service)
	began := filepath.Join(t.TempDir(), "began")
	path := r.other(": >" + began + "\nsleep 2")
	first := r.later(http.MethodPost, "/v1/upgrade", control.UpgradeRequest{Binary: path})
	r.until("the program is tried", func() bool { _, err := os.Stat(began); return err == nil })
	wants(t, r.refused(http.MethodPost, "/v1/upgrade", control.UpgradeRequest{Binary: path}), "nothing has changed",
		"upgrade is under way")
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	r.upgraded()

	r.does(worker.LVS, never, "")
	r.does(worker.LVS, noTable, "")
	r.write(instance("VI_1", "") + instance2 + service)
	r.hup <- syscall.SIGHUP
	r.awaitTold(worker.LVS, "configure", 2)
	wants(t, r.refused(http.MethodPost, "/v1/upgrade", control.UpgradeRequest{Binary: r.other("")}), "nothing has changed",
		"is being put in force")
	kill(t, r.awaitTold(worker.LVS, "started", 1).Pid)
	r.doesNot(worker.LVS, never)
	r.doesNot(worker.LVS, noTable)
	kill(t, r.awaitTold(worker.LVS, "started", 2).Pid)
	r.until("it is in force", func() bool { return strings.Contains(r.log.String(), "msg=reloaded") })
}

// TestASignalWhileAnUpgradeIsPrepared is obeyed when it has failed: a script that
// runs has the upgrade wait.
func TestASignalWhileAnUpgradeIsPrepared(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script := filepath.Join(dir, "slow")
	// It runs until it is let go, a minute at most.
	if err := os.WriteFile(script, []byte("#!/bin/sh\nfor i in $(seq 600); do [ -e $0.go ] && exit; sleep 0.1; done\n"),
		0o755); err != nil {
		t.Fatal(err)
	}
	const user = "global_defs {\n script_user root\n}\n"
	r := running(t, user+instance("VI_1", " notify_master "+script+"\n"))
	r.isMaster("VI_1")
	r.until("the script runs", func() bool { s := r.status().Scripts; return len(s) > 0 && s[0].Running })
	var report control.UpgradeReport
	r.ask(http.MethodPost, "/v1/upgrade", control.UpgradeRequest{Binary: r.other("")}, &report)
	r.write(user + instance("VI_1", " notify_master "+script+"\n") + instance2)
	r.hup <- syscall.SIGHUP
	time.Sleep(300 * time.Millisecond)
	if n := len(r.toldOf(worker.VRRP, "configure")); n != 1 {
		t.Error("a reload came between the preparation of an upgrade and its exec")
	}
	if got := r.awaitTold(worker.VRRP, "configure", 2); len(got.Instances) != 2 {
		t.Errorf("the vrrp worker was told %+v", got)
	}
	wants(t, r.upgraded().Error, "executing")
}

// TestStopWhileAnUpgradeIsPrepared ends everything and upgrades nothing.
func TestStopWhileAnUpgradeIsPrepared(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	script := filepath.Join(dir, "slow")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexec sleep 3\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := running(t, "global_defs {\n script_user root\n}\n"+instance("VI_1", " notify_master "+script+"\n"))
	r.isMaster("VI_1")
	r.until("the script runs", func() bool { s := r.status().Scripts; return len(s) > 0 && s[0].Running })
	var report control.UpgradeReport
	r.ask(http.MethodPost, "/v1/upgrade", control.UpgradeRequest{Binary: r.other("")}, &report)
	r.stopped()
	r.awaitTold(worker.VRRP, "finish", 1)
	if err := os.WriteFile(script+".go", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r.gone()
	if strings.Contains(r.log.String(), "executing") {
		t.Error("another program was executed in the middle of a stop")
	}
}

// TestWhoReadsWhom: versions that overlap understand each other.
func TestWhoReadsWhom(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		oldest, newest, myOldest, mine int
		want                           bool
	}{
		"the same":                     {1, 1, 1, 1, true},
		"it names no oldest":           {0, 1, 1, 1, true},
		"newer, and reads ours":        {1, 3, 1, 1, true},
		"newer, and does not":          {2, 3, 1, 1, false},
		"newer, and names no oldest":   {0, 2, 1, 1, false},
		"older, and can read ours":     {1, 1, 1, 2, true},
		"older, and cannot read ours":  {1, 1, 2, 2, false},
		"older, names nothing, cannot": {0, 1, 2, 2, false},
	} {
		if got := reads(tc.oldest, tc.newest, tc.myOldest, tc.mine); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
}

// TestTheProgramThatPrintsWithoutEnd is refused with bounded memory.
func TestTheProgramThatPrintsWithoutEnd(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\nexec yes\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := handoffQuestion{}.try(t.Context(), path)
	if err == nil {
		t.Fatal("it can take over")
	}
	wants(t, err.Error(), path, "is not a director binary")
}
