package session

import "time"

// allowance bounds how often something happens: burst times in a row, and once in each pause
// after that.
type allowance struct {
	whole time.Time // when all of it may be used again
}

// next is when it may happen next, from now on.
func (a *allowance) next(now time.Time, burst int, pause time.Duration) time.Time {
	if at := a.whole.Add(-time.Duration(burst-1) * pause); at.After(now) {
		return at
	}
	return now
}

// take is called when it happens.
func (a *allowance) take(now time.Time, pause time.Duration) {
	if a.whole.Before(now) {
		a.whole = now
	}
	a.whole = a.whole.Add(pause)
}

// random is a splitmix64 sequence.
type random uint64

func (r *random) next() uint64 {
	*r += 0x9e3779b97f4a7c15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below is a number from 0 to n-1.
func (r *random) below(n int) int { return int(r.next() % uint64(n)) }
