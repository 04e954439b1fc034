package worker

import "time"

// A worker that dies is restarted at once, and after longer and longer pauses
// when it keeps dying. At the fifth death within a minute the supervisor no
// longer expects it to recover and releases what it held. Restarts go on every
// ten seconds, so that an operator who removes the cause need not restart director.
const (
	deathWindow = time.Minute
	manyDeaths  = 5
	slowRestart = 10 * time.Second
)

var restartDelays = [manyDeaths]time.Duration{0, 0, 100 * time.Millisecond, 400 * time.Millisecond, 1600 * time.Millisecond}

// restartDelay returns how long to wait before the restart that follows the last
// of deaths, which are in order of time, and whether there were too many of them.
func restartDelay(deaths []time.Time) (wait time.Duration, givenUp bool) {
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
	return restartDelays[n], false
}
