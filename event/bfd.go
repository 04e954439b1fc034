package event

import "time"

// BFDState is what a BFD session (bfd_instance) is like. The latest one of a session
// replaces all earlier ones.
type BFDState struct {
	Session string // name in the configuration
	ID      string // identity in conf's form (conf.BFDInstance.ID)
	// State and From, the one before, in the words of RFC 5880: "Up", "Init", "Down", "AdminDown".
	State string
	From  string
	Since time.Time // when the state began
	// Settled says that a session that is not up has had the time to come up.
	Settled bool
	// Presumed says that it was up in a process that has ended, and counts as up until it is settled.
	Presumed bool
	// Diagnostic says why the session was up no longer, and RemoteDiagnostic what the neighbor says.
	Diagnostic       string
	RemoteState      string
	RemoteDiagnostic string
	Neighbor         string // its address
	Source           string // the configured one; empty is the kernel's choice
	Multihop         bool
	// The discriminators; that of the neighbor is 0 when it is not known.
	Discriminator       uint32
	RemoteDiscriminator uint32
	// Interval is the time between two packets that are sent, without jitter; 0 is none. Detection
	// is how long the neighbor may be silent.
	Interval  time.Duration
	Detection time.Duration
	// What the neighbor says of itself.
	RemoteMinTx      time.Duration
	RemoteMinRx      time.Duration
	RemoteMultiplier int
	// Ups and Downs count how often it came up, and was up no longer, since director started.
	Ups   uint64
	Downs uint64
	// Error is why its socket cannot be had, or nothing can be sent; empty is nothing.
	Error string
	// VRRP and Checker say who is told of it.
	VRRP    bool
	Checker bool
	Event   Number // of the state
	Causes  Numbers
}

// IsUp says whether the neighbor is reached.
func (s BFDState) IsUp() bool { return s.State == "Up" }

// Why says in words what the session is like, for those that track it.
func (s BFDState) Why() string {
	switch {
	case s.Error != "":
		return s.Error
	case s.IsUp():
		return "neighbor " + s.Neighbor + " is reached"
	case s.RemoteState == "AdminDown":
		return "neighbor " + s.Neighbor + " was taken out of service"
	case s.Diagnostic == "no diagnostic":
		return "neighbor " + s.Neighbor + " has not answered"
	}
	return "neighbor " + s.Neighbor + ": " + s.Diagnostic
}

// Tracker is the session as something to be tracked; false as long as nothing is known of it.
func (s BFDState) Tracker() (TrackerState, bool) {
	t := TrackerState{
		Kind: TrackBFD, Name: s.Session, Up: s.IsUp() || s.Presumed, Since: s.Since, Reason: s.Why(), Event: s.Event,
	}
	return t, s.Settled || t.Up
}

// BFDCounters are what the sessions have counted since the worker started.
type BFDCounters struct {
	Session  string            // name in the configuration; empty is packets of no session
	Sent     uint64            // packets
	Received uint64            // packets that were accepted
	Dropped  map[string]uint64 // by reason
	Errors   uint64            // failed to send
}
