package ipvs

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A request that hangs in the kernel costs one wait, not one each, and one
// goroutine, and is forgiven when it comes back.
func TestGuard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var g guard
		if err := g.do(func() { time.Sleep(patience - 1) }); err != nil {
			t.Fatalf("a slow request: %v", err)
		}
		back := make(chan struct{})
		begin := time.Now()
		if err := g.do(func() { <-back }); !errors.Is(err, ErrNoAnswer) {
			t.Fatalf("a request that hangs: %v, want %v", err, ErrNoAnswer)
		}
		if took := time.Since(begin); took != patience {
			t.Errorf("waited %v, want %v", took, patience)
		}
		g.close(func() { <-back }) // as closing a socket does that is in use
		if err := g.do(func() { t.Error("two requests at once") }); !errors.Is(err, errStuck) {
			t.Errorf("the next request: %v, want %v", err, errStuck)
		}
		if took := time.Since(begin); took != patience {
			t.Errorf("waited again: %v", took)
		}
		close(back)
		synctest.Wait()
		done := false
		if err := g.do(func() { done = true }); err != nil || !done {
			t.Errorf("after it came back: %v", err)
		}
	})
}
