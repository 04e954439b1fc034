package supervisor

import (
	"context"
	"fmt"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/hostcheck"
	"github.com/lvs-director/director/supervisor/reload"
	"github.com/lvs-director/director/supervisor/rollout"
	"github.com/lvs-director/director/vrrp/track"
	"github.com/lvs-director/director/worker"
)

// callers are those who wait for an answer of a machine. Each gets one.
type callers struct {
	last     uint64 // the last ID
	reloads  map[uint64]func(reload.Outcome)
	confirms map[uint64]func(waited bool)
	upgrades map[uint64]*upgradeCall
	// handovers are those who wait for the outcome of one.
	handovers map[*handoverCall]bool
}

func newCallers() callers {
	return callers{
		reloads: make(map[uint64]func(reload.Outcome)), confirms: make(map[uint64]func(bool)),
		upgrades: make(map[uint64]*upgradeCall), handovers: make(map[*handoverCall]bool),
	}
}

// id names a caller.
func (c *callers) id() uint64 {
	c.last++
	return c.last
}

// ask enters the loop and waits for an answer of it. tell is called in the
// loop with the function that takes the answer, which may be called in the loop
// only.
func ask[A any](ctx context.Context, s *supervisor, tell func(answer func(A))) (A, error) {
	answers := make(chan A, 1)
	var none A
	if err := s.do(ctx, func() { tell(func(a A) { answers <- a }) }); err != nil {
		return none, err
	}
	select {
	case a := <-answers:
		return a, nil
	case <-ctx.Done():
		return none, ctx.Err()
	case <-s.done:
	}
	select {
	case a := <-answers: // it was the last thing that the loop did
		return a, nil
	default:
		return none, errStopping
	}
}

// What the control socket can ask for. These methods run in the goroutines of
// their connections and enter the supervisor's by do.

func (s *supervisor) Status(ctx context.Context, _ struct{}) (control.Status, error) {
	var r control.Status
	s.latestChecks(ctx)
	err := s.count(ctx)
	if err == nil {
		var links map[string]track.Interface
		if links, err = hostcheck.Links(); err == nil {
			err = s.do(ctx, func() { r = s.report(links) })
		}
	}
	if err == nil {
		err = s.compareFile(ctx, &r.ConfigState)
	}
	if err == nil {
		err = s.compareProgram(ctx, &r)
	}
	if err != nil {
		return r, fmt.Errorf("status: %w", err)
	}
	return r, nil
}

func (s *supervisor) About(ctx context.Context, _ struct{}) (control.ConfigState, error) {
	var c control.ConfigState
	err := s.do(ctx, func() { c = s.state() })
	if err == nil {
		err = s.compareFile(ctx, &c)
	}
	if err != nil {
		return c, fmt.Errorf("asking what is in force: %w", err)
	}
	return c, nil
}

// The vrrp worker counts and is asked when somebody wants to know: while
// nobody does, its counters cost nothing.

// countPatience is how long director status waits for them. A worker that
// takes longer has something better to do.
const countPatience = time.Second

// count has the counters brought up to date, if that is possible in time.
func (s *supervisor) count(ctx context.Context) error {
	var done chan struct{}
	if err := s.do(ctx, func() { done = s.askCounters(false) }); err != nil || done == nil {
		return err
	}
	return s.awaitCounters(ctx, done, countPatience)
}

// awaitCounters waits for the answer, for so long at most.
func (s *supervisor) awaitCounters(ctx context.Context, done chan struct{}, patience time.Duration) error {
	enough := time.NewTimer(patience)
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
// when there is nobody to ask. With clear the counters begin at zero afterwards.
func (s *supervisor) askCounters(clear bool) chan struct{} {
	if !s.runs(rollout.VRRP) {
		return nil
	}
	if s.counting == nil {
		s.counting = make(chan struct{})
	}
	key := "count"
	if clear {
		key = "count and clear" // a question that only counts must not take its place
	}
	s.keepers[rollout.VRRP].Send(key, worker.Message{Count: &worker.Count{Clear: clear}})
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
