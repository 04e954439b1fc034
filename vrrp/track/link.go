package track

import "time"

// Link is an interface whose changes count only when they last
// (interface_up_down_delays). The zero value follows every change at once.
type Link struct {
	// Down and Up are how long it has to be down, or up, to count as such.
	Down, Up time.Duration

	known  bool
	counts bool // the state that counts
	seen   bool // the state it was last seen in
	since  time.Time
}

// See takes what the interface is like now. The first state counts at once.
func (l *Link) See(now time.Time, up bool) {
	switch {
	case !l.known:
		l.known, l.counts = true, up
	case up != l.seen:
		l.since = now
	}
	l.seen = up
	l.Elapse(now)
}

// Elapse lets a state count that has lasted.
func (l *Link) Elapse(now time.Time) {
	if due := l.Due(); !due.IsZero() && !due.After(now) {
		l.counts = l.seen
	}
}

// Due is when the state it was last seen in will count; zero when it does.
func (l *Link) Due() time.Time {
	switch {
	case l.counts == l.seen:
		return time.Time{}
	case l.seen:
		return l.since.Add(l.Up)
	}
	return l.since.Add(l.Down)
}

// IsUp says whether the interface counts as up.
func (l *Link) IsUp() bool { return l.counts }

// Forget is for an interface that does not exist any more: it is down at once,
// and whatever comes with its name begins anew.
func (l *Link) Forget() { l.known, l.counts, l.seen = false, false, false }
