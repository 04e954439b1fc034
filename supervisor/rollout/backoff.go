package rollout

import "time"

// A worker that dies is restarted at once, and later and later when it keeps
// dying soon after its start. The fifth death within a minute is the point where
// it is given up as something that heals by itself: tries go on, slowly, so that
// the operator who mends the cause need not restart the rest.
const (
	// livedWell is how long a life takes that is no part of such a loop. A pause
	// after it would protect nothing: lives of two seconds are few starts, and the
	// mastership of short intervals would be lost in it.
	livedWell   = 2 * time.Second
	deathWindow = time.Minute
	manyDeaths  = 5
	slowRestart = 10 * time.Second
	// politeRestart is how long a worker that ended in good order is not
	// replaced: somebody asked it to, most likely a service manager that is about
	// to ask us too.
	politeRestart = time.Second
)

var restartDelays = [manyDeaths]time.Duration{
	0, 0, 100 * time.Millisecond, 400 * time.Millisecond, 1600 * time.Millisecond,
}

// restartDelay says how long to wait after the last of deaths, which are in
// order and ended a life of lived, and whether they are too many.
func restartDelay(deaths []time.Time, lived time.Duration) (wait time.Duration, tooMany bool) {
	if len(deaths) == 0 {
		return 0, false
	}
	last := deaths[len(deaths)-1]
	n := 0
	for _, t := range deaths {
		if last.Sub(t) < deathWindow {
			n++
		}
	}
	if n >= manyDeaths {
		return slowRestart, true
	}
	if lived >= livedWell {
		return 0, false
	}
	return restartDelays[n], false
}
