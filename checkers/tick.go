package checkers

import "time"

// Checks begin together at the multiples of a tick, since it costs more to wake a process than to
// make a check. Pauses shorter than fine are kept as they are.
const (
	tick = 100 * time.Millisecond
	fine = time.Second
	// burst is how many checks begin together for which a longer tick would gain little.
	burst = 60
	// share of its pause is the longest tick of a check: by half of it a check may be early or late.
	share = 10
)

// longTicks are for checks that are few, or whose pauses are long.
var longTicks = [...]time.Duration{500 * time.Millisecond, 200 * time.Millisecond}

// longestTick is the longest tick for so many checks in one second.
func longestTick(second float64) time.Duration {
	for _, t := range longTicks {
		if second*t.Seconds() <= burst {
			return t
		}
	}
	return tick
}

// tick is the tick of runs that follow after a pause. A pause that is no multiple of it would be
// another one each time, or always longer.
func (s *Schedule) tick(pause time.Duration) time.Duration {
	for _, t := range longTicks {
		if t <= s.longest && t <= pause/share && pause%t == 0 {
			return t
		}
	}
	return tick
}

// measure fits the ticks to the checks that there are.
func (s *Schedule) measure() {
	second := 0.0
	for _, list := range s.tasks {
		for _, t := range list {
			second += 1 / max(t.conf.Interval, minPause).Seconds()
		}
	}
	s.longest = longestTick(second)
}

// together is the tick next to a time: on average no check is made later than configured. It stays a
// time of the monotonic clock, which Round alone would make one of the wall clock.
func together(at time.Time, tick time.Duration) time.Time {
	return at.Add(at.Round(tick).Sub(at.Round(0)))
}
