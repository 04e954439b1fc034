package supervisor

import (
	"context"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/rollout"
	"github.com/lvs-director/director/worker"
)

// The vrrp worker counts and is asked when somebody wants to know: while
// nobody does, its counters cost nothing.

// countPatience is how long director status waits for them. A worker that
// takes longer has something better to do.
const countPatience = time.Second

// count has the counters brought up to date, if that is possible in time.
func (s *supervisor) count(ctx context.Context) error {
	var done chan struct{}
	if err := s.do(ctx, func() { done = s.askCounters() }); err != nil || done == nil {
		return err
	}
	enough := time.NewTimer(countPatience)
	defer enough.Stop()
	select {
	case <-done:
	case <-enough.C:
	case <-s.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// askCounters asks; the channel is closed when the answer is there. It is nil
// when there is nobody to ask.
func (s *supervisor) askCounters() chan struct{} {
	if !s.runs(rollout.VRRP) {
		return nil
	}
	if s.counting == nil {
		s.counting = make(chan struct{})
	}
	s.keepers[rollout.VRRP].Send("count", worker.Message{Count: &worker.Count{}})
	return s.counting
}

// counted takes the counters in.
func (s *supervisor) counted(c event.VRRPCounters) {
	s.known.Counters = c
	if s.counting != nil {
		close(s.counting)
		s.counting = nil
	}
}
