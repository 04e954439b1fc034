package datagram

import (
	"testing"
	"time"
)

// TestAgesSurviveAStepOfTheWallClock: whatever the wall clock is set to, no
// packet counts as older than it is.
func TestAgesSurviveAStepOfTheWallClock(t *testing.T) {
	const waited = 3 * time.Millisecond
	for _, step := range []time.Duration{
		0, time.Hour, -time.Hour, 100 * time.Millisecond, -100 * time.Millisecond, 2 * time.Millisecond,
	} {
		var a Ages
		wall, monotonic := 1000*time.Hour, 5*time.Hour
		a.Look(wall, monotonic)
		a.Emptied()

		stamp := wall + time.Second
		wall, monotonic = stamp+waited+step, monotonic+time.Second+waited
		a.Look(wall, monotonic)
		if got := a.Of(wall, stamp); got != 0 && got != waited || step == 0 && got != waited {
			t.Errorf("after a step of %v a packet that waited %v is %v old", step, waited, got)
		}
		// More of them wait than one batch has room for.
		a.Look(wall, monotonic)
		if got := a.Of(wall, stamp); got != 0 && got != waited {
			t.Errorf("after a step of %v, in the second batch: %v old", step, got)
		}
		a.Emptied()

		stamp = wall + time.Second
		wall, monotonic = stamp+waited, monotonic+time.Second+waited
		a.Look(wall, monotonic)
		if got := a.Of(wall, stamp); got != waited {
			t.Errorf("long after a step of %v: %v old, want %v", step, got, waited)
		}
	}
}
