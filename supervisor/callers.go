package supervisor

import (
	"context"

	"github.com/lvs-director/director/supervisor/reload"
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
