package rollout

import "time"

const (
	// lookEvery is how often Patience is looked at.
	lookEvery = 100 * time.Millisecond
	// lateLook is what counts at most of the time between two looks.
	lateLook = 2 * lookEvery
)

// Patience is how long a process may take to end. What does not end is killed, and what it holds may
// stay; on a host that has no processor for anybody that would hit processes that are about to end. So
// time in which the one that waits did not run itself counts for little, within a limit.
type Patience struct {
	left   time.Duration
	looked time.Time
	end    time.Time
}

// NewPatience is patience of d, and of no more than most whatever happens.
func NewPatience(now time.Time, d, most time.Duration) Patience {
	return Patience{left: d, looked: now, end: now.Add(most)}
}

// IsOver looks. It wants to be asked again at Next.
func (p *Patience) IsOver(now time.Time) bool {
	p.left -= min(now.Sub(p.looked), lateLook)
	p.looked = now
	return p.left <= 0 || !now.Before(p.end)
}

// Next is when to look again.
func (p *Patience) Next() time.Time {
	at := p.looked.Add(min(max(p.left, 0), lookEvery))
	if p.end.Before(at) {
		return p.end
	}
	return at
}
