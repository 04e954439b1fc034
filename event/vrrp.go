package event

import (
	"fmt"
	"time"
)

// VRRPState is the state of a VRRP instance in the words of keepalived's users:
// RFC 9568 section 6.4 calls Master "Active".
type VRRPState uint8

const (
	// Init is before the first transition and after the last one.
	Init VRRPState = iota
	Backup
	Master
	// Fault is director's, not the RFC's: something the instance tracks is
	// down, so it neither claims the addresses nor listens for a master.
	Fault
	// Stop is told to the outside when an instance ends; no instance stays in it.
	Stop
	// UnknownState is what a director of another version says and this one has no word for. No instance of this host
	// is in it.
	UnknownState VRRPState = 255
)

var vrrpStateNames = [...]string{"INIT", "BACKUP", "MASTER", "FAULT", "STOP"}

const unknownState = "UNKNOWN"

// String is the upper-case name that notify scripts and logs use.
func (s VRRPState) String() string {
	if int(s) < len(vrrpStateNames) {
		return vrrpStateNames[s]
	}
	if s == UnknownState {
		return unknownState
	}
	return fmt.Sprintf("VRRPState(%d)", uint8(s))
}

// MarshalText makes states readable in JSON.
func (s VRRPState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText is the inverse of MarshalText.
func (s *VRRPState) UnmarshalText(text []byte) error {
	for i, name := range vrrpStateNames {
		if name == string(text) {
			*s = VRRPState(i)
			return nil
		}
	}
	if string(text) == unknownState {
		*s = UnknownState
		return nil
	}
	return fmt.Errorf("unknown VRRP state %q", text)
}

// GroupState says where a sync group is: its members are MASTER or BACKUP
// together, and the fault of one is the fault of all.
type GroupState struct {
	Group  string // name in the configuration
	From   VRRPState
	State  VRRPState
	Since  time.Time
	Reason string // which member changed last, and why
	Quiet  bool   // as InstanceState's
	Event  Number
	Causes Numbers
}

// LowerHeard says that a MASTER has heard an advertisement that loses against
// it: there were two masters.
type LowerHeard struct {
	Instance string // name in the configuration
	ID       string // identity in conf's form (conf.InstanceID); empty from an older director
	Priority int    // of the one that was heard
	Sender   string // address
	At       time.Time
	Event    Number
	Causes   Numbers // the priority of this host, when that has changed
}

// RefusedSender says that an instance refuses the advertisements of a router. It is told the first
// time, and then once a minute.
type RefusedSender struct {
	Instance string // name in the configuration
	Sender   string // address
	Reason   string // the name of the reason, as the counters have it
	Times    int    // since it was told last
	At       time.Time
	Event    Number
}

// InstanceState says where a VRRP instance is since its last transition. The
// latest one of an instance replaces all earlier ones.
type InstanceState struct {
	Instance string    // name in the configuration, which a reload may change
	ID       string    // identity in conf's form (conf.InstanceID); empty from an older director
	From     VRRPState // state before the transition
	State    VRRPState
	Since    time.Time
	Priority int    // effective priority, 0..255
	Reason   string // why the last transition happened, for people
	Peer     string // address of the router that is MASTER now, when another is; else empty
	// Heard is the address of the router whose advertisement, or silence, made the last transition; empty is none.
	Heard string
	// Quiet marks a state that was taken over rather than reached (a restarted
	// worker that resumes MASTER): nobody is notified of it.
	Quiet bool
	// HandOver is the number of the hand-over that was asked for last, 0 when
	// there is none, and HandedOver says whether it is still in force: it comes
	// to its end by itself when there is no other router.
	HandOver   uint64
	HandedOver bool
	// Restored counts the addresses, routes and rules that somebody else had
	// removed and that were put back.
	Restored int
	// Presence says whether its virtual addresses are on this host, or are about to be.
	// It outlasts MASTER by the time that it takes to remove them.
	Presence Presence
	// Acquired counts how often it went for its addresses. Whoever has its virtual servers
	// in the table answers with it (HeldInTable).
	Acquired uint64
	// Missing is what the instance, as MASTER, wants to have on this host and
	// cannot get, for people; empty is nothing.
	Missing string
	// Holding is what the instance does not want on this host any more and
	// director failed to remove, for people; empty is nothing.
	Holding string
	// Weighed says what made the priority what it is, when it has changed since the last transition,
	// for people.
	Weighed string
	// Event is the number of what happened to the instance last, a transition or a change of its
	// priority, and Causes are the events that made it happen. A state that is told again keeps both.
	Event  Number
	Causes Numbers
}
