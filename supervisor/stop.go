package supervisor

import (
	"context"
	"syscall"
	"time"

	"github.com/lvs-director/director/worker"
)

const (
	// workerPatience is how long a worker may take to end by itself.
	workerPatience = 1200 * time.Millisecond
	// scriptPatience is how long the user's scripts may take at the end.
	scriptPatience = 30 * time.Second
)

// stop ends everything in order: mastership and addresses first, so that the
// peer takes over; then the services, which no client reaches any more; then
// the scripts have their time.
func (s *supervisor) stop(kill func()) error {
	s.stopping = true
	s.ready("STOPPING=1")
	s.finish(worker.VRRP, s.opts.KeepAddresses)
	s.finish(worker.LVS, s.opts.KeepServices)
	kill()
	ctx, cancel := context.WithTimeout(context.Background(), scriptPatience)
	defer cancel()
	s.tracking.Stop(ctx)
	if err := s.notify.Stop(ctx); err != nil {
		s.log.Warn("scripts still run", "error", err)
	}
	s.log.Info("stopped")
	return nil
}

// finish asks a worker to end, and listens to it until it has. When there was
// none to do it in good order, what a worker left in the kernel is removed
// here, unless it is to be kept.
func (s *supervisor) finish(name string, keep bool) {
	w := s.workers[name]
	if w == nil {
		return
	}
	s.awaitEnd(name, w)
	if keep || w.cleaned {
		return
	}
	if w.pid != 0 {
		_ = syscall.Kill(w.pid, syscall.SIGKILL) // it may be gone by now
	}
	s.log.Warn("no worker to clean up after itself: removing what is left", "worker", name)
	if err := s.release[name](); err != nil {
		s.log.Error("removing what a worker has left in the kernel", "worker", name, "error", err)
	}
}

func (s *supervisor) awaitEnd(name string, w *workerState) {
	if name == worker.VRRP && w.pid != 0 {
		// A signal is there sooner than a message: priority 0 leaves at once.
		_ = syscall.Kill(w.pid, syscall.SIGTERM)
	}
	w.keeper.Finish()
	w.keeper.Send("finish", worker.Message{Finish: &worker.Finish{}})
	overdue := time.NewTimer(workerPatience)
	defer overdue.Stop()
	for !w.ended {
		select {
		case e := <-s.events:
			s.workerEvent(e)
		case <-overdue.C:
			s.log.Error("the worker does not end: killing it", "worker", name, "pid", w.pid)
			return
		}
	}
}
