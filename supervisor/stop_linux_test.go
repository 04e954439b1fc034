package supervisor

import (
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

// stopped ends the supervisor by a signal and says how long that took.
func (r *rig) stopped() time.Duration {
	r.t.Helper()
	began := time.Now()
	r.stop <- syscall.SIGTERM
	select {
	case err := <-r.ended:
		r.ended <- err
	case <-time.After(patience):
		r.t.Fatal("it does not end")
	}
	wants(r.t, r.log.String(), "msg=stopped")
	return time.Since(began)
}

// gone fails if a worker still runs.
func (r *rig) gone() {
	r.t.Helper()
	for _, name := range []string{worker.VRRP, worker.LVS} {
		for _, life := range r.toldOf(name, "started") {
			if err := syscall.Kill(life.Pid, 0); err == nil {
				r.t.Errorf("the %s worker %d still runs", name, life.Pid)
			}
		}
	}
}

// later asks for something that is answered some time.
func (r *rig) later(method, path string, question any) <-chan error {
	answered := make(chan error, 1)
	go func() {
		var report map[string]any
		answered <- control.Ask(r.opts.RunDir, method, path, patience, question, &report)
	}()
	return answered
}

func (r *rig) isAnswered(what string, answered <-chan error) {
	r.t.Helper()
	select {
	case <-answered: // an answer, or the end of the connection
	case <-time.After(patience):
		r.t.Errorf("who waits for %s is left waiting at a stop", what)
	}
}

// TestStopAtEachStage: it is orderly and quick whatever is under way, and whoever
// waits for something is told.
func TestStopAtEachStage(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		prepare func(*rig)
		during  func(*rig) <-chan error // nil when nobody waits for anything
	}{
		"before the table is loaded": {
			prepare: func(r *rig) { r.does(worker.LVS, noTable, "") },
			during:  func(r *rig) <-chan error { r.awaitTold(worker.VRRP, "configure", 1); return nil },
		},
		"before a worker has applied anything": {
			prepare: func(r *rig) { r.does(worker.LVS, never, ""); r.does(worker.VRRP, never, "") },
			during:  func(r *rig) <-chan error { r.awaitTold(worker.LVS, "configure", 1); return nil },
		},
		"at once": {},
		"while the vrrp worker cannot be kept alive": {
			prepare: func(r *rig) { r.does(worker.VRRP, dies, "") },
			during:  func(r *rig) <-chan error { r.awaitTold(worker.VRRP, "release", 1); return nil },
		},
		"while the lvs worker cannot be kept alive": {
			prepare: func(r *rig) { r.does(worker.LVS, dies, "") },
			during:  func(r *rig) <-chan error { r.awaitTold(worker.LVS, "started", 5); return nil },
		},
		"while a reload is applied": {
			during: func(r *rig) <-chan error {
				r.serves()
				r.does(worker.VRRP, never, "")
				r.write(instance("VI_1", "") + instance2 + service)
				answered := r.later(http.MethodPost, "/v1/reload", control.ReloadRequest{})
				r.awaitTold(worker.VRRP, "configure", 2)
				return answered
			},
		},
		"while a confirmation is awaited": {
			during: func(r *rig) <-chan error {
				r.serves()
				r.write(instance("VI_1", "") + instance2 + service)
				r.reload(control.ReloadRequest{Confirm: "1h"})
				return nil
			},
		},
		"while a handover is awaited": {
			during: func(r *rig) <-chan error {
				r.serves()
				r.isMaster("VI_1")
				answered := r.later(http.MethodPost, "/v1/handover", control.HandoverRequest{Name: "VI_1"})
				r.awaitTold(worker.VRRP, "handover", 1)
				return answered
			},
		},
		"while another program is tried": {
			during: func(r *rig) <-chan error {
				r.serves()
				began := filepath.Join(filepath.Dir(r.opts.File), "began")
				slow := filepath.Join(filepath.Dir(r.opts.File), "slow")
				err := os.WriteFile(slow, []byte("#!/bin/sh\n: >"+began+"\nexec sleep 60\n"), 0o755)
				if err != nil {
					r.t.Fatal(err)
				}
				answered := r.later(http.MethodPost, "/v1/upgrade", control.UpgradeRequest{Binary: slow})
				r.until("it is tried", func() bool { _, err := os.Stat(began); return err == nil })
				return answered
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := prepared(t, instance("VI_1", "")+service)
			if tc.prepare != nil {
				tc.prepare(r)
			}
			r.start()
			var answered <-chan error
			if tc.during != nil {
				answered = tc.during(r)
			}
			if took := r.stopped(); took > 20*time.Second {
				t.Errorf("it takes %v", took)
			}
			if answered != nil {
				r.isAnswered(name, answered)
			}
			r.gone()
			if strings.Contains(r.log.String(), "panic") {
				t.Error("a panic")
			}
			if _, err := os.Stat(r.opts.RunDir.PidFile()); err == nil {
				t.Error("the pid file is left behind")
			}
			if _, err := os.Stat(r.opts.RunDir.Control()); err == nil {
				t.Error("the control socket is left behind")
			}
		})
	}
}

// TestBothWorkersDieWhileStopping: what the vrrp worker left is removed all the same.
func TestBothWorkersDieWhileStopping(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", "")+service)
	r.isMaster("VI_1")
	r.does(worker.VRRP, stays, "")
	r.does(worker.LVS, stays, "")
	vrrp, lvs := r.awaitTold(worker.VRRP, "started", 1).Pid, r.awaitTold(worker.LVS, "started", 1).Pid
	r.stop <- syscall.SIGTERM
	r.awaitTold(worker.VRRP, "finish", 1)
	kill(t, lvs)
	kill(t, vrrp)
	select {
	case err := <-r.ended:
		r.ended <- err
	case <-time.After(patience):
		t.Fatal("it does not end")
	}
	r.awaitTold(worker.VRRP, "release", 1)
	r.awaitTold(worker.LVS, "release", 1)
	if n := len(r.toldOf(worker.VRRP, "started")) + len(r.toldOf(worker.LVS, "started")); n != 2 {
		t.Errorf("workers were started %d times", n)
	}
	r.gone()
}

// TestStopKeepsWhatIsToBeKept: with -V and -I nobody removes anything.
func TestStopKeepsWhatIsToBeKept(t *testing.T) {
	t.Parallel()
	r := prepared(t, instance("VI_1", "")+service)
	r.opts.KeepAddresses, r.opts.KeepServices = true, true
	r.does(worker.VRRP, stays, "")
	r.start()
	r.serves()
	r.stopped()
	if n := len(r.toldOf(worker.VRRP, "release")) + len(r.toldOf(worker.LVS, "release")); n > 0 {
		t.Errorf("%d times something was removed", n)
	}
}

// TestScriptsAtTheEnd: those that run have their time, and what a stop says is told.
func TestScriptsAtTheEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ended := filepath.Join(dir, "ended")
	script := filepath.Join(dir, "slow")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nsleep 1\n: >"+ended+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	r := running(t, "global_defs {\n script_user root\n}\n"+instance("VI_1", " notify_master "+script+"\n"))
	r.isMaster("VI_1")
	r.until("the script runs", func() bool { s := r.status().Scripts; return len(s) > 0 && s[0].Running })
	r.stopped()
	if _, err := os.Stat(ended); err != nil {
		t.Error("a script that ran was cut short")
	}
}
