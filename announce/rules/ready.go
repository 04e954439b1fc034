package rules

import (
	"fmt"
	"time"

	"github.com/lvs-director/director/event"
)

// Server is what is known of a virtual server.
type Server struct {
	event.VirtualServerState
	// Unchecked counts the real servers that have checks of which no result was told yet.
	Unchecked int
}

// Table is how far the IPVS table has come.
type Table struct {
	Loaded bool // with the virtual servers of the block
	// Since is when that was; what a first check takes is counted from then on.
	Since time.Time
	Why   string // not; empty is that nothing was told yet
}

// Facts are what is known on this host now.
type Facts struct {
	Interfaces map[string]bool // those that are there, and whether they are up; nil is that nobody knows
	Trackers   map[Key]event.TrackerState
	Servers    map[string]Server
	Table      Table
	// Unable is why no address can be put on the interface of the block; empty is that one can.
	Unable   string
	Stopping bool
	// HandedOver says that an operator has taken the block away from this host, by that event.
	HandedOver bool
	Order      event.Number
}

// FirstChecks is how long a block waits for the first results of checks, from the loaded table on.
// A pair does not wait for them at all.
const FirstChecks = 30 * time.Second

// Ready says whether this host is ready for the addresses of a block.
type Ready uint8

// The answers. What is not known is no reason to withdraw what is announced, nor to announce what is not.
const (
	NotKnown Ready = iota
	IsReady
	NotReady
)

// Reason is why a host is not ready, or not yet.
type Reason struct {
	Text  string
	Cause event.Number // of the event behind it; empty is not known
}

// Verdict is whether this host is ready, and why not.
type Verdict struct {
	Ready   Ready
	Reasons []Reason
}

// Judge says whether this host is ready for a block.
func Judge(b *Block, f *Facts, now time.Time) Verdict {
	j := judge{block: b, facts: f}
	if f.Stopping {
		j.against("director is stopping", "")
	}
	if f.HandedOver {
		j.against("it was handed over", f.Order)
	}
	if f.Unable != "" {
		j.wait(f.Unable)
	}
	j.interfaces()
	for _, t := range b.Trackers {
		j.tracker(t)
	}
	j.table(now)
	j.quorum()
	switch {
	case len(j.no) > 0:
		return Verdict{NotReady, j.no}
	case len(j.open) > 0:
		return Verdict{NotKnown, j.open}
	}
	return Verdict{Ready: IsReady}
}

// judge collects what speaks against a block, and what is not known.
type judge struct {
	block    *Block
	facts    *Facts
	no, open []Reason
}

func (j *judge) against(text string, cause event.Number) { j.no = append(j.no, Reason{text, cause}) }
func (j *judge) wait(text string)                        { j.open = append(j.open, Reason{Text: text}) }

func (j *judge) interfaces() {
	for _, i := range j.block.Interfaces {
		up, exists := j.facts.Interfaces[i.Name]
		switch {
		case j.facts.Interfaces == nil:
			j.wait("the state of interface " + i.Name + " is not known")
		case up != i.Reverse:
		case up:
			j.against("interface "+i.Name+" is up", "")
		case !exists:
			j.against("there is no interface "+i.Name, "")
		default:
			j.against("interface "+i.Name+" is down", "")
		}
	}
}

func (j *judge) tracker(t Tracker) {
	what := t.Kind.String() + " " + t.Name
	s, known := j.facts.Trackers[t.Key]
	switch {
	case !known:
		j.wait("waiting for the first result of " + what)
	case s.Ignored: // it cannot be watched, which was said, and counts for nothing
	case t.Kind == event.TrackFile:
		if down(s.Value, t) {
			j.against(fmt.Sprintf("%s has the value %d", what, s.Value), s.Event)
		}
	case s.Up != t.Reverse:
	default:
		word := "down"
		if s.Up {
			word = "up"
		}
		text := what + " is " + word
		if s.Reason != "" {
			text += " (" + s.Reason + ")"
		}
		j.against(text, s.Event)
	}
}

// down says whether the value of a file withdraws. Without a weight that is every value but 0; with one it is
// what makes a VRRP instance FAULT: -254 or less, or less than 0, since nothing else has a priority here.
func down(value int, t Tracker) bool {
	if t.Weight == 0 {
		return (value != 0) != t.Reverse
	}
	weight := t.Weight
	if t.Reverse {
		weight = -weight
	}
	return value > 0 && weight < 0 || value < 0 && weight > 0
}

// table is the order of a start: the table, then the first round of checks.
func (j *judge) table(now time.Time) {
	t := j.facts.Table
	if !t.Loaded {
		text := "waiting for the IPVS table"
		if t.Why != "" {
			text += ": " + t.Why
		}
		j.wait(text)
		return
	}
	if now.Sub(t.Since) >= FirstChecks {
		return
	}
	for _, name := range j.block.Servers {
		if s := j.facts.Servers[name]; s.Unchecked > 0 {
			j.wait(fmt.Sprintf("waiting for the first checks of %s: %d of %d real servers have no result yet", name,
				s.Unchecked, s.Total))
		}
	}
}

func (j *judge) quorum() {
	if j.block.KeepWithoutQuorum {
		return
	}
	for _, name := range j.block.Servers {
		switch s, known := j.facts.Servers[name]; {
		case !known || s.VirtualServer == "":
			j.wait("nothing is known of virtual server " + name + " yet")
		case !s.Quorum:
			j.against(fmt.Sprintf("virtual server %s has no quorum: %d of %d real servers are alive", name, s.Alive, s.Total),
				s.Event)
		}
	}
}
