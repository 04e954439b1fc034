package agree

import "time"

// Pace bounds how much is taken in: so much a second on average, and so much at once.
type Pace struct {
	PerSecond, AtOnce float64
	left              float64
	at                time.Time
}

// Take takes n, and says how long to wait before the next one.
func (p *Pace) Take(now time.Time, n float64) time.Duration {
	p.fill(now)
	p.left -= n
	if p.left >= 0 {
		return 0
	}
	return time.Duration(-p.left / p.PerSecond * float64(time.Second))
}

// Try takes n when there is as much, and says whether there is. Who is refused owes nothing: however
// often somebody tries, he is let in again when the pace permits it.
func (p *Pace) Try(now time.Time, n float64) bool {
	if p.fill(now); p.left < n {
		return false
	}
	p.left -= n
	return true
}

func (p *Pace) fill(now time.Time) {
	if p.at.IsZero() {
		p.left = p.AtOnce
	} else {
		p.left = min(p.AtOnce, p.left+now.Sub(p.at).Seconds()*p.PerSecond)
	}
	p.at = now
}
