package retry_test

import (
	"testing"
	"time"

	"github.com/lvs-director/director/retry"
)

var start = time.Unix(1_700_000_000, 0)

// The pause after a failure doubles from 1 s to 30 s.
func TestPausesAfterFailures(t *testing.T) {
	var r retry.Retry
	now := start
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30, 30} {
		if !r.Ready(now) {
			t.Fatalf("attempt %d: not ready", i+1)
		}
		r.Failed(now)
		if got := r.Next().Sub(now); got != want*time.Second {
			t.Errorf("pause after failure %d: %v, want %ds", i+1, got, want)
		}
		if r.Ready(r.Next().Add(-time.Nanosecond)) {
			t.Errorf("ready before the pause after failure %d is over", i+1)
		}
		now = r.Next()
	}
	if r.Times != 8 || !r.Since.Equal(start) {
		t.Errorf("%d times since %v, want 8 since %v", r.Times, r.Since, start)
	}
}

// The first repairs are made at once; who keeps undoing them has to wait.
func TestFirstRepairsAreFree(t *testing.T) {
	var r retry.Retry
	now := start
	for i := range retry.FreeRepairs {
		r.Repaired(now)
		if !r.Ready(now) {
			t.Errorf("after repair %d: not ready at once", i+1)
		}
	}
	for i, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30} {
		r.Repaired(now)
		if got := r.Next().Sub(now); got != want*time.Second {
			t.Errorf("pause after further repair %d: %v, want %ds", i+1, got, want)
		}
		now = r.Next()
	}
}

// After a minute of calm what happened before is forgotten.
func TestCalmForgets(t *testing.T) {
	var r retry.Retry
	for range 5 {
		r.Failed(start)
	}
	later := r.Next().Add(retry.Calm + time.Second)
	if !r.IsCalm(later) {
		t.Fatal("not calm")
	}
	r.Failed(later)
	if r.Times != 1 || !r.Since.Equal(later) || r.Next().Sub(later) != time.Second {
		t.Errorf("%d times since %v, next after %v", r.Times, r.Since, r.Next().Sub(later))
	}
}
