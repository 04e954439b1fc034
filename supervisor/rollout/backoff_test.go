package rollout

import (
	"testing"
	"time"
)

// TestRestartDelay: at once, then later and later, then slowly; a quiet minute
// makes everything good again. After a life of two seconds nothing waits before
// the deaths are too many.
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
		lived   time.Duration
		wait    time.Duration
		tooMany bool
	}{
		{nil, time.Second, 0, false},
		{at(0), time.Second, 0, false},
		{at(0, 1), time.Second, 100 * time.Millisecond, false},
		{at(0, 1, 2), time.Second, 400 * time.Millisecond, false},
		{at(0, 1, 2, 3), time.Second, 1600 * time.Millisecond, false},
		{at(0, 1, 2, 3, 4), time.Second, 10 * time.Second, true},
		{at(0, 15, 30, 45, 59), time.Second, 10 * time.Second, true},
		{at(0, 15, 30, 45, 60), time.Second, 1600 * time.Millisecond, false},
		{at(0, 1, 2, 3, 100), time.Second, 0, false},
		{at(0, 2, 4, 6), 2 * time.Second, 0, false},
		{at(0, 2, 4, 6, 8), 2 * time.Second, 10 * time.Second, true},
		{at(0, 2, 4), 2*time.Second - 1, 400 * time.Millisecond, false},
	} {
		if wait, tooMany := restartDelay(tc.deaths, tc.lived); wait != tc.wait || tooMany != tc.tooMany {
			t.Errorf("%v: %v %v, want %v %v", tc.deaths, wait, tooMany, tc.wait, tc.tooMany)
		}
	}
}
