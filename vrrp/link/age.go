package link

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

// ages turns receive timestamps into ages. The kernel takes them from the wall
// clock, which may be set at any time; nothing else here depends on it.
type ages struct {
	offset time.Duration // wall clock minus monotonic clock, at the last look
	known  bool
	// stepped: the wall clock was set while packets may have waited. Until
	// none does, timestamps of before and after cannot be told apart.
	stepped bool
}

// look takes the clocks' readings (since any moment) before a batch is judged.
func (a *ages) look(wall, monotonic time.Duration) {
	offset := wall - monotonic
	if a.known && (offset-a.offset).Abs() > clockStep {
		a.stepped = true
	}
	a.offset, a.known = offset, true
}

// of says how old a packet is that was stamped at a time of the wall clock; 0
// when that cannot be known.
func (a *ages) of(wall, stamp time.Duration) time.Duration {
	if age := wall - stamp; !a.stepped && age > 0 && age <= maxAge {
		return age
	}
	return 0
}

// emptied is called when no packet waits any more.
func (a *ages) emptied() { a.stepped = false }
