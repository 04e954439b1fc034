package vrrptest

import (
	"time"

	"github.com/lvs-director/director/vrrp/link"
)

// Clock is Go's own, which testing/synctest controls.
type Clock struct {
	// Late is how long after its deadline a timer that is set now will fire;
	// nil is never late.
	Late func() time.Duration
}

var _ link.Clock = Clock{}

// Now implements link.Clock.
func (Clock) Now() time.Time { return time.Now() }

// NewTimer implements link.Clock.
func (c Clock) NewTimer() (link.Timer, error) {
	return &timer{c: make(chan struct{}, 1), late: c.Late}, nil
}

type timer struct {
	c     chan struct{}
	after *time.Timer
	late  func() time.Duration
}

func (t *timer) Set(at time.Time) error {
	if t.after != nil {
		t.after.Stop()
	}
	wait := time.Until(at)
	if t.late != nil {
		wait += t.late()
	}
	t.after = time.AfterFunc(wait, func() {
		select {
		case t.c <- struct{}{}:
		default:
		}
	})
	return nil
}

func (t *timer) C() <-chan struct{} { return t.c }

func (t *timer) Close() error {
	if t.after != nil {
		t.after.Stop()
	}
	return nil
}
