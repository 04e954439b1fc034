package control

import (
	"fmt"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/words"
)

// maxHandover bounds the time of a handover that ends by itself.
const maxHandover = 30 * 24 * time.Hour

// HandoverRequest is what POST /v1/handover and /v1/resume are given.
type HandoverRequest struct {
	Name string `json:"name"` // of an instance or a sync group, or "all"
	// For is how long, in Go's notation of durations; empty is until a resume.
	For string `json:"for,omitempty"`
	// Force hands over also when no peer says that it is ready.
	Force bool `json:"force,omitempty"`
}

// Until is when a handover that begins now ends by itself; zero is never.
func (q HandoverRequest) Until(now time.Time) (time.Time, error) {
	if q.For == "" {
		return time.Time{}, nil
	}
	d, err := time.ParseDuration(q.For)
	if err != nil || d <= 0 || d > maxHandover {
		return time.Time{}, fmt.Errorf("invalid duration %q: it must be above 0 and at most %s", q.For,
			words.Duration(maxHandover))
	}
	return now.Round(0).Add(d), nil
}

// HandoverReport is what became of a handover.
type HandoverReport struct {
	Schema
	Until     time.Time         `json:"until,omitzero"`
	Instances []HandoverOutcome `json:"instances"`
	// Announces are announce blocks that were handed over, or are resumed.
	Announces []AnnounceOutcome `json:"announces,omitempty"`
	// Nothing says why a resume has ended no handover, for people; empty when it has.
	Nothing string `json:"nothing,omitempty"`
	// Readiness is what is known of whether another half can take over, for people.
	Readiness string `json:"readiness,omitempty"`
}

// HandoverOutcome is what became of one instance.
type HandoverOutcome struct {
	Instance string          `json:"instance"`
	Was      event.VRRPState `json:"was"`
	State    event.VRRPState `json:"state"`
	// Master is who has taken over, and After how long that took.
	Master string        `json:"master,omitempty"`
	After  time.Duration `json:"after_ns,omitempty"`
	// TakenBack: there was no other router. Ended: somebody ended it meanwhile.
	TakenBack bool `json:"taken_back,omitempty"`
	Ended     bool `json:"ended,omitempty"`
	Settled   bool `json:"settled"`
}

// OutcomeText is the outcome in words.
func OutcomeText(o HandoverOutcome) string {
	took := words.Duration(o.After.Round(time.Millisecond))
	switch {
	case o.TakenBack:
		return fmt.Sprintf("%s: no other router took over: the addresses are back here after %s", o.Instance, took)
	case o.Ended:
		return fmt.Sprintf("%s: the handover was ended meanwhile; it is %s", o.Instance, o.State)
	case !o.Settled:
		return fmt.Sprintf("%s: %s; nobody was heard within %s", o.Instance, o.State, took)
	case o.Was == event.Master:
		return fmt.Sprintf("%s: %s is MASTER after %s", o.Instance, o.Master, took)
	case o.Master != "":
		return fmt.Sprintf("%s: remains %s, MASTER is %s", o.Instance, o.Was, o.Master)
	}
	return fmt.Sprintf("%s: remains %s", o.Instance, o.Was)
}

// Failed says that it is announced still.
func (o AnnounceOutcome) Failed() bool { return o.State == Announced }

// AnnounceText is what became of an announce block, in words.
func AnnounceText(o AnnounceOutcome) string {
	took := words.Duration(o.After.Round(time.Millisecond))
	if o.Failed() {
		return fmt.Sprintf("%s: still announced after %s: director announce show says why", o.Announce, took)
	}
	return fmt.Sprintf("%s: %s after %s", o.Announce, o.State, took)
}

// Peer is another director that this one talks to.
type Peer struct {
	Address string    `json:"address"`        // and port, where it is dialed
	Host    string    `json:"host,omitempty"` // its name; empty is not known
	Up      bool      `json:"up"`             // the connection
	Since   time.Time `json:"since"`          // when it became as it is
	Error   string    `json:"error,omitempty"`
	// Heard is when it has told of itself last; what follows is of then, and absent before.
	Heard   time.Time `json:"heard,omitzero"`
	Version string    `json:"version,omitempty"`
	// Ready says whether it could take over now; NotReady says why not.
	Ready       bool     `json:"ready"`
	NotReady    []string `json:"not_ready,omitempty"`
	ConfigEqual bool     `json:"config_equal"` // less what has to differ between halves
	// ClockOffset is how far its clock is ahead.
	ClockOffset time.Duration  `json:"clock_offset_ns,omitempty"`
	Instances   []PeerInstance `json:"instances,omitempty"`
}

// PeerInstance is a VRRP instance of a peer.
type PeerInstance struct {
	Name     string          `json:"name"`
	VRID     uint8           `json:"virtual_router_id"`
	State    event.VRRPState `json:"state"`
	Priority int             `json:"priority"`         // effective
	Reason   string          `json:"reason,omitempty"` // why it came to its state; empty is not told
	Unable   string          `json:"unable,omitempty"` // why it would not take over
}

// PeerDiffRequest is what POST /v1/peer/diff is given.
type PeerDiffRequest struct {
	Peer string `json:"peer,omitempty"` // its address or name; empty is the only one
	All  bool   `json:"all,omitempty"`  // give all lines, however many
}

// PeerDiffReport is how the configuration of a peer differs, in the normal form of both.
type PeerDiffReport struct {
	Schema
	Peer string `json:"peer"`
	// Lines begin with "- " when they are here only, and with "+ " when they are there only.
	Lines []string `json:"lines"`
	Count int      `json:"count"` // of the lines that differ
	// LeftOut is how many lines of the peer are not compared, since they are too many.
	LeftOut int `json:"left_out,omitempty"`
}

// Announce is an announce block: addresses that a routing daemon tells to the routers.
type Announce struct {
	Name      string   `json:"name"`
	Interface string   `json:"interface"` // the dummy interface that they are on
	Addresses []string `json:"addresses"` // without a mask: each is a host route
	// State is announced, withdrawn, or expired: nothing has refreshed the addresses, and the kernel has removed
	// them.
	State string    `json:"state"`
	Since time.Time `json:"since,omitzero"` // of State; absent before it was announced first
	// Why says what made the state, and Waiting what is not known while nothing changes.
	Why     string `json:"why,omitempty"`
	Waiting string `json:"waiting,omitempty"`
	// MinLifetime is for how long the kernel keeps the addresses without a refresh, in seconds; 0 is for ever.
	// Refreshed is when they were refreshed last, and Expires when they go unless they are.
	MinLifetime float64   `json:"min_lifetime"`
	Refreshed   time.Time `json:"refreshed,omitzero"`
	Expires     time.Time `json:"expires,omitzero"`
	// NotRefreshed says why they are not refreshed at present. OnGrace says that they are all the same, for
	// restart_grace at most.
	NotRefreshed string `json:"not_refreshed,omitempty"`
	OnGrace      bool   `json:"on_grace,omitempty"`
	// Missing are addresses that are to be there and are not, and Error is why.
	Missing []string `json:"missing,omitempty"`
	Error   string   `json:"error,omitempty"`
	// HandedOver is the handover in force; absent is none.
	HandedOver *Order `json:"handed_over,omitempty"`
}

// Announced is the State of a block that is announced.
const Announced = "announced"

// IsWrong says that it is to be announced and is not.
func (a Announce) IsWrong() bool {
	return a.HandedOver == nil && (a.State != Announced || len(a.Missing) > 0)
}

// AnnounceReport is what director announce show prints.
type AnnounceReport struct {
	Schema
	Announces []Announce `json:"announces"`
}

// AnnounceOutcome is what became of an announce block that was handed over.
type AnnounceOutcome struct {
	Announce string        `json:"announce"`
	State    string        `json:"state"`    // as Announce.State
	After    time.Duration `json:"after_ns"` // of the order
}
