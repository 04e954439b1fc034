package verdict

import "time"

// A slow start has so many steps at most, and at least minSteps. Those between are a second long.
const (
	maxSteps = 10
	minSteps = 2
)

// Ramp is how much of its weight a real server has that came back since ago, in percent,
// when it takes total to get all of it; and how long that lasts. 100 is all, for ever.
//
// The first step is half of the others, so that a server begins with a little.
func Ramp(since, total time.Duration) (percent int, lasts time.Duration) {
	steps := time.Duration(minSteps)
	if n := total / time.Second; n > steps {
		steps = min(n, maxSteps)
	}
	step := total / steps
	since = max(since, 0)
	if step <= 0 || since >= total {
		return 100, 0
	}
	n := min(since/step, steps-1)
	percent = int(100 * n / steps)
	if n == 0 {
		percent = int(100 / (2 * steps))
	}
	if n == steps-1 {
		return percent, total - since
	}
	return percent, (n+1)*step - since
}
