package control

import "time"

// BFDSession is a BFD session (bfd_instance). Times that are no moments are seconds.
type BFDSession struct {
	Name     string `json:"name"`
	Neighbor string `json:"neighbor"`         // its address
	Source   string `json:"source,omitempty"` // the configured one; absent is the kernel's choice
	Multihop bool   `json:"multihop"`         // RFC 5883
	State    string `json:"state"`            // Up, Init, Down, AdminDown; unknown before the vrrp worker has told
	// Since is when it came into that state.
	Since time.Time `json:"since,omitzero"`
	// Reason says in words what it is like, and Diagnostic why it was up no longer, in those of RFC 5880.
	Reason           string `json:"reason"`
	Diagnostic       string `json:"diagnostic"`
	RemoteState      string `json:"remote_state"`      // as the neighbor says it
	RemoteDiagnostic string `json:"remote_diagnostic"` // the neighbor's
	// Discriminator is the session's own.
	Discriminator       uint32 `json:"discriminator"`
	RemoteDiscriminator uint32 `json:"remote_discriminator"` // the neighbor's; 0 while it is not known
	// Interval is the time between two packets that are sent; 0 is that none are. DetectionTime is
	// how long the neighbor may be silent.
	Interval      float64 `json:"interval"`
	DetectionTime float64 `json:"detection_time"`
	// Ups and Downs count how often it came up, and was up no longer, since director was started.
	Ups   uint64 `json:"ups"`
	Downs uint64 `json:"downs"`
	// Counters are those of the vrrp worker that runs; absent without an answer of it.
	Counters *BFDCounters `json:"counters,omitempty"`
}

// BFDCounters are packets of a session.
type BFDCounters struct {
	Sent       uint64            `json:"sent"`        // by this host
	SendErrors uint64            `json:"send_errors"` // that the kernel refused
	Received   uint64            `json:"received"`    // and accepted
	Dropped    map[string]uint64 `json:"dropped"`     // by the name of the reason
}
