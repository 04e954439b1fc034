package supervisor

import (
	"fmt"
	"os"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/worker"
)

// After an upgrade the workers are replaced as well, when they run another
// file: one at a time, so that each has the other beside it, and with what the
// supervisor knows, as if they had died.

// renewalPatience is how long a worker may take to be back in service.
const renewalPatience = tablePatience

// renewal is the replacing of workers.
type renewal struct {
	waiting []string // to be replaced
	done    []string
	now     string // empty when none is being replaced
	pid     int    // of the one that was replaced
	timer   *time.Timer
	failed  bool
}

func (r *renewal) busy() bool { return r != nil && !r.failed && (r.now != "" || len(r.waiting) > 0) }

func (r *renewal) overdue() <-chan time.Time {
	if !r.busy() || r.now == "" {
		return nil
	}
	return r.timer.C
}

// beginRenewal looks which workers have to be replaced.
func (s *supervisor) beginRenewal() {
	own, err := os.Stat("/proc/self/exe")
	if err != nil {
		s.log.Error("the workers are not replaced: the program they run cannot be told", "error", err)
		return
	}
	r := &renewal{}
	for _, name := range []string{worker.LVS, worker.VRRP} {
		w := s.workers[name]
		if w == nil {
			continue
		}
		its, err := os.Stat(fmt.Sprintf("/proc/%d/exe", w.pid))
		if err == nil && !os.SameFile(own, its) { // one that has just died is started with this program
			r.waiting = append(r.waiting, name)
		}
	}
	s.renewal = r
}

// renew goes on with the replacing when the last one is back in service.
func (s *supervisor) renew() {
	r := s.renewal
	if !r.busy() {
		return
	}
	if r.now != "" {
		if !s.inService(r.now, r.pid) {
			return
		}
		r.timer.Stop()
		s.log.Info("worker replaced", "worker", r.now, "pid", s.workers[r.now].pid, "before", r.pid)
		r.done, r.now = append(r.done, r.now), ""
	}
	if len(r.waiting) == 0 || s.loading || s.tableAwaited {
		return // a reload goes first: what ends it comes here
	}
	r.now, r.waiting = r.waiting[0], r.waiting[1:]
	w := s.workers[r.now]
	r.pid, r.timer = w.pid, time.NewTimer(renewalPatience)
	if r.now == worker.LVS {
		s.known.Table = event.TableLoaded{}
	}
	// Not here: a keeper may be telling something, and waits for us.
	go func() { _ = w.keeper.Replace() }() // one that has just died is replaced all the same
}

// inService says that a worker other than pid does its work.
func (s *supervisor) inService(name string, pid int) bool {
	w := s.workers[name]
	return w.pid != 0 && w.pid != pid && w.applied.Generation == s.generation &&
		(name != worker.LVS || s.known.Table.Generation == s.generation)
}

// renewalFailed leaves the other worker alone.
func (s *supervisor) renewalFailed() {
	r := s.renewal
	r.failed = true
	s.upgradeError = fmt.Sprintf("the new %s worker is not in service after %v", r.now, renewalPatience)
	if len(r.waiting) > 0 {
		s.upgradeError += "; the " + r.waiting[0] + " worker runs on with the program before"
	}
	s.log.Error("workers are not replaced", "error", s.upgradeError)
}
