package event

import "time"

// TrackerKind is what sort of thing is tracked.
type TrackerKind uint8

// The kinds, in the words of the configuration.
const (
	TrackScript        TrackerKind = iota // vrrp_script
	TrackFile                             // track_file
	TrackProcess                          // vrrp_track_process
	TrackVirtualServer                    // the quorum of a virtual server
	TrackBFD                              // bfd_instance
)

// String is the kind in words.
func (k TrackerKind) String() string {
	return [...]string{"script", "file", "process", "virtual server", "BFD session"}[k%5]
}

// TrackerState is what a tracked thing is like. The latest one of a kind and
// name replaces all earlier ones; before the first one nothing is known of it.
type TrackerState struct {
	Kind TrackerKind
	Name string // in the configuration; of a virtual server its text
	// Up says that it is well; of a file only Value counts.
	Up    bool
	Value int // of a file
	// Ignored says that it is not tracked, because it cannot be.
	Ignored bool
	Since   time.Time
	Reason  string // what was seen: "exit status 1"
	// Event is the number of the change that Since is about, of a virtual server the one that
	// changed its quorum.
	Event Number
}
