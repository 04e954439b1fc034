package vrrptest

import (
	"time"

	"github.com/lvs-director/director/vrrp/link"
)

// Clock is Go's own, which testing/synctest controls.
type Clock struct{}

var _ link.Clock = Clock{}

// Now implements link.Clock.
func (Clock) Now() time.Time { return time.Now() }

// NewTimer implements link.Clock.
func (Clock) NewTimer() (link.Timer, error) {
	return &timer{c: make(chan struct{}, 1)}, nil
}

type timer struct {
	c     chan struct{}
	after *time.Timer
}

func (t *timer) Set(at time.Time) error {
	if t.after != nil {
		t.after.Stop()
	}
	t.after = time.AfterFunc(time.Until(at), func() {
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
