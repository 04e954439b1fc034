package rollout

import (
	"testing"
	"time"
)

// TestRestartDelay: at once, then later and later, then slowly; a quiet minute
// makes everything good again.
func TestRestartDelay(t *testing.T) {
	t0 := time.Now()
	at := func(seconds ...int) (list []time.Time) {
		for _, s := range seconds {
			list = append(list, t0.Add(time.Duration(s)*time.Second))
		}
		return list
	}
	for _, tc := range []struct {
		deaths  []time.Time
		wait    time.Duration
		tooMany bool
	}{
		{nil, 0, false},
		{at(0), 0, false},
		{at(0, 1), 100 * time.Millisecond, false},
		{at(0, 1, 2), 400 * time.Millisecond, false},
		{at(0, 1, 2, 3), 1600 * time.Millisecond, false},
		{at(0, 1, 2, 3, 4), 10 * time.Second, true},
		{at(0, 15, 30, 45, 59), 10 * time.Second, true},
		{at(0, 15, 30, 45, 60), 1600 * time.Millisecond, false},
		{at(0, 1, 2, 3, 100), 0, false},
	} {
		if wait, tooMany := restartDelay(tc.deaths); wait != tc.wait || tooMany != tc.tooMany {
			t.Errorf("%v: %v %v, want %v %v", tc.deaths, wait, tooMany, tc.wait, tc.tooMany)
		}
	}
}
