package checkers

import (
	"strings"
	"testing"
	"time"
)

// TestTicksAreOfTheMonotonicClock: a check whose time is of the wall clock would wait for an hour
// when that is set back by one.
func TestTicksAreOfTheMonotonicClock(t *testing.T) {
	if at := together(time.Now(), tick); !strings.Contains(at.String(), " m=") {
		t.Errorf("the time of the next run is %v, without the monotonic clock", at)
	} else if at.Nanosecond()%int(tick) != 0 {
		t.Errorf("%v is no tick", at)
	}
}

// TestTick: few checks with long pauses begin together at fewer times, and none is made later or
// earlier by more than a twentieth of its pause.
func TestTick(t *testing.T) {
	for _, test := range []struct {
		pause  time.Duration
		second float64 // checks in one
		want   time.Duration
	}{
		{time.Second, 1, 100 * time.Millisecond},
		{2 * time.Second, 1, 200 * time.Millisecond},
		{5 * time.Second, 100.0001, 500 * time.Millisecond}, // as a sum of five hundred fifths may be
		{time.Hour, 0.1, 500 * time.Millisecond},
		{5100 * time.Millisecond, 100, 100 * time.Millisecond},
		{5 * time.Second, 200.0001, 200 * time.Millisecond},
		{5 * time.Second, 2000, 100 * time.Millisecond},
	} {
		s := Schedule{longest: longestTick(test.second)}
		if got := s.tick(test.pause); got != test.want {
			t.Errorf("a pause of %v, %v checks a second: a tick of %v, want %v", test.pause, test.second, got, test.want)
		}
	}
}
