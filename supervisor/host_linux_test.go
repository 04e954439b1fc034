package supervisor

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/worker"
)

// What the host does to director: files that go, processes that hang or end, a
// service manager that wants to hear of it.

// TestTheRunDirectoryIsRemoved: all of it, or a file of it, is there again in a
// moment, and it is said once.
func TestTheRunDirectoryIsRemoved(t *testing.T) {
	t.Parallel()
	for name, remove := range map[string]func(dir worker.RunDir) error{
		"all of it":          func(dir worker.RunDir) error { return os.RemoveAll(string(dir)) },
		"the pid file":       func(dir worker.RunDir) error { return os.Remove(dir.PidFile()) },
		"the control socket": func(dir worker.RunDir) error { return os.Remove(dir.Control()) },
		"a file instead of the socket": func(dir worker.RunDir) error {
			_ = os.Remove(dir.Control())
			return os.WriteFile(dir.Control(), []byte("x"), 0o644)
		},
		"an empty pid file": func(dir worker.RunDir) error { return os.Truncate(dir.PidFile(), 0) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := running(t, instance("VI_1", ""))
			pid := r.pidFile()
			if err := remove(r.opts.RunDir); err != nil {
				t.Fatal(err)
			}
			r.until("the pid file is there again", func() bool { return r.pidFile() == pid })
			r.until("the control socket is there again", func() bool {
				var s control.Status
				return control.Ask(r.opts.RunDir, http.MethodGet, "/v1/status", time.Second, nil, &s) == nil
			})
			if r.hasProblem("run directory") {
				t.Error("status still has a problem")
			}
			if n := strings.Count(r.log.String(), "files in the run directory were removed"); n != 1 {
				t.Errorf("it is said %d times", n)
			}
			if _, err := openRunDir(r.opts); err == nil {
				t.Error("another director gets the run directory")
			}
		})
	}
}

// TestAnotherDirectorTakesTheRunDirectory while it is gone: this one serves on, and
// says so.
func TestAnotherDirectorTakesTheRunDirectory(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	other := prepared(t, "")
	lock, err := lockRunDir(other.opts.RunDir)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	// Its pid file, with its lock, takes the place of ours in one step.
	if err := os.Rename(other.opts.RunDir.PidFile(), r.opts.RunDir.PidFile()); err != nil {
		t.Fatal(err)
	}
	r.until("it is said", func() bool { return strings.Contains(r.log.String(), "runs already") })
	time.Sleep(1500 * time.Millisecond) // it is tried again each round
	if n := strings.Count(r.log.String(), "runs already"); n != 1 {
		t.Errorf("it is said %d times", n)
	}
	if n := len(r.toldOf(worker.VRRP, "finish")); n != 0 {
		t.Error("the worker was ended")
	}
	r.until("status has it", func() bool { return r.hasProblem("run directory", "runs already") })
}

// TestStatusDuringAReload: it is answered, with what is in force and what is not yet.
func TestStatusDuringAReload(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", "")+service)
	r.does(worker.LVS, never, "")
	r.does(worker.LVS, noTable, "")
	r.write(instance("VI_1", "") + instance2 + service)
	answered := r.later(http.MethodPost, "/v1/reload", control.ReloadRequest{})
	r.awaitTold(worker.LVS, "configure", 2)
	began := time.Now()
	s := r.status()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("status takes %v", took)
	}
	if s.Generation != 2 || s.FileDiffers || len(s.Instances) != 2 {
		t.Errorf("status is %+v", s.ConfigState)
	}
	if i := s.Instances[1]; i.Name == "VI_2" && i.State == event.Master {
		t.Errorf("an instance that nobody has told of is %+v", i)
	}
	var p control.PlanReport
	r.write(instance("VI_1", "") + service)
	r.ask(http.MethodPost, "/v1/plan", control.PlanRequest{}, &p)
	if p.Nothing || p.Refused != "" || p.Generation != 2 {
		t.Errorf("the plan is %+v", p)
	}
	select {
	case <-answered:
		t.Error("the reload is answered before the workers have it")
	default:
	}
}

// TestAReloadThatNoWorkerApplies is answered in time, and says who is behind.
func TestAReloadThatNoWorkerApplies(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", "")+service)
	r.does(worker.VRRP, never, "")
	r.write(instance("VI_1", "") + instance2 + service)
	report := r.reload(control.ReloadRequest{})
	if !report.Applied || len(report.Problems) != 1 {
		t.Fatalf("the answer is %+v", report)
	}
	wants(t, report.Problems[0], "the vrrp worker has not applied it within")
	wants(t, r.log.String(), "workers have not applied the configuration in time")
	r.until("the service manager was told", func() bool { return r.countReady("READY=1") == 2 })
}

// TestStatusOfAWorkerThatDoesNotRun names it and how it ended.
func TestStatusOfAWorkerThatDoesNotRun(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", "")+service)
	r.does(worker.LVS, dies, "")
	kill(t, r.awaitTold(worker.LVS, "started", 1).Pid)
	r.until("status has it", func() bool { return r.hasProblem("the lvs worker does not run", "exit status 3") })
	r.doesNot(worker.LVS, dies)
	r.until("it is back", func() bool { return !r.hasProblem("the lvs worker does not run") })
}

// TestBothWorkersDieAtOnce: each comes back with what is known of its objects.
func TestBothWorkersDieAtOnce(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", "")+service)
	r.isMaster("VI_1")
	for life := 1; life <= 3; life++ {
		for _, name := range []string{worker.VRRP, worker.LVS} {
			kill(t, r.awaitTold(name, "started", life).Pid)
		}
		for _, name := range []string{worker.VRRP, worker.LVS} {
			r.awaitTold(name, "configure", life+1)
		}
		r.until("both run", func() bool {
			up := 0
			for _, w := range r.status().Workers {
				if w.Pid != 0 {
					up++
				}
			}
			return up == 2
		})
	}
	list := r.toldOf(worker.VRRP, "configure")
	last := list[len(list)-1]
	if len(last.Known) != 1 || last.Known[0].State != event.Master || !last.Proceed {
		t.Errorf("the vrrp worker was told %+v", last)
	}
	if s := r.status(); s.Instances[0].State != event.Master {
		t.Errorf("status has %+v", s.Instances[0])
	}
}

// TestUnkillable: a process that is stopped may be killed, one that somebody traces
// may not, and of one that is gone nothing is said.
func TestUnkillable(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	pid := cmd.Process.Pid
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	if why := unkillable(pid); why != "" {
		t.Errorf("a process that sleeps: %q", why)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if why := unkillable(pid); why != "" {
		t.Errorf("a process that is stopped: %q", why)
	}
	if why := unkillable(1 << 22); why != "" {
		t.Errorf("no process: %q", why)
	}
}

// TestReaper: an orphan that has ended is taken in, a child that somebody waits for
// is left to him, and nothing is done where it is not needed.
func TestReaper(t *testing.T) {
	ended := func() int {
		t.Helper()
		cmd := exec.Command("true")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		pid := cmd.Process.Pid
		_ = cmd.Process.Release() // nobody waits for it
		for end := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
			for _, p := range endedChildren() {
				if p == pid {
					return pid
				}
			}
			if time.Now().After(end) {
				t.Fatal("the process does not end")
			}
		}
	}
	is := func(pid int) bool {
		for _, p := range endedChildren() {
			if p == pid {
				return true
			}
		}
		return false
	}
	orphan, owned := ended(), ended()
	defer func() { _, _ = syscall.Wait4(owned, nil, 0, nil) }()
	mine := func(pid int) bool { return pid != orphan }
	now := time.Now()
	idle := reaper{}
	idle.reap(now, mine)
	idle.reap(now.Add(reapInterval), mine)
	if !is(orphan) {
		t.Fatal("it is taken in by one that is not needed")
	}
	r := reaper{needed: true}
	r.reap(now, mine)
	r.reap(now.Add(reapInterval/2), mine)
	if !is(orphan) {
		t.Error("it is taken in at once, before whoever started it can wait for it")
	}
	late := now.Add(5 * reapInterval)
	r.reap(late, mine)
	if !is(orphan) {
		t.Error("it is taken in although this process was late, and others may be")
	}
	r.reap(late.Add(reapInterval), mine)
	if is(orphan) {
		t.Error("it stays for ever")
	}
	if !is(owned) {
		t.Error("a process that somebody waits for was taken from him")
	}
}

// TestWatchdog is fed at a quarter of the time that the service manager names.
func TestWatchdog(t *testing.T) {
	t.Setenv("WATCHDOG_PID", "")
	t.Setenv("WATCHDOG_USEC", "400000")
	os.Unsetenv("WATCHDOG_PID")
	if w := newWatchdog(); w.interval != 100*time.Millisecond {
		t.Errorf("the interval is %v", w.interval)
	}
	fed := 0
	s := &supervisor{ready: func(state string) {
		if state == "WATCHDOG=1" {
			fed++
		}
	}}
	s.feedWatchdog()
	if fed != 0 {
		t.Error("fed although nobody wants to know")
	}
	s.watchdog = watchdog{interval: time.Hour}
	s.feedWatchdog()
	s.feedWatchdog()
	if fed != 1 {
		t.Errorf("fed %d times in an hour", fed)
	}
	for _, text := range []string{"x", "-5"} {
		t.Setenv("WATCHDOG_USEC", text)
		if w := newWatchdog(); w.interval != 0 {
			t.Errorf("%s: the interval is %v", text, w.interval)
		}
	}
}
