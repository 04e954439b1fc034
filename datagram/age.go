package datagram

import "time"

const (
	// maxAge is how old a packet may look. One that is older waited while this
	// process was stopped, and counts as just received: its sender is given
	// the benefit of the doubt.
	maxAge = 250 * time.Millisecond
	// clockStep is more than the wall clock drifts between two looks into a
	// busy socket, and little beside an advertisement interval.
	clockStep = time.Millisecond
)

// Ages turns receive timestamps into Ages. The kernel takes them from the wall
// clock, which may be set at any time; nothing else here depends on it.
type Ages struct {
	offset time.Duration // wall clock minus monotonic clock, at the last look
	known  bool
	// stepped: the wall clock was set while packets may have waited. Until
	// none does, timestamps of before and after cannot be told apart.
	stepped bool
}

// Look takes the clocks' readings (since any moment) before a batch is judged.
func (a *Ages) Look(wall, monotonic time.Duration) {
	offset := wall - monotonic
	if a.known && (offset-a.offset).Abs() > clockStep {
		a.stepped = true
	}
	a.offset, a.known = offset, true
}

// Of says how old a packet is that was stamped at a time of the wall clock; 0
// when that cannot be known.
func (a *Ages) Of(wall, stamp time.Duration) time.Duration {
	if age := wall - stamp; !a.stepped && age > 0 && age <= maxAge {
		return age
	}
	return 0
}

// Emptied is called when no packet waits any more.
func (a *Ages) Emptied() { a.stepped = false }
