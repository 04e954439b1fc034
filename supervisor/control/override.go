package control

import (
	"fmt"
	"math"
	"strings"
	"time"
	"unicode"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/words"
)

// The actions of an OverrideRequest.
const (
	ActionDrain   = "drain"
	ActionUndrain = "undrain"
	ActionWeight  = "weight"
	ActionReset   = "reset" // of a weight
)

// Bounds of what an override may be.
const (
	maxOverride = 366 * 24 * time.Hour
	maxReason   = 1000 // bytes
	// maxWeight is keepalived's and ipvsadm's limit.
	maxWeight = math.MaxUint16
)

// OverrideRequest is what POST /v1/override is given.
type OverrideRequest struct {
	Action string `json:"action"`
	Name   string `json:"name"` // of a host or a real server
	// VirtualServer is the name of one; empty is every one that has the real server.
	VirtualServer string `json:"virtual_server,omitempty"`
	Weight        int    `json:"weight,omitempty"`
	// For is how long, in Go's notation of durations; empty is until it is undone.
	For    string `json:"for,omitempty"`
	Reason string `json:"reason,omitempty"`
	By     string `json:"by,omitempty"` // who asks
	// Local: on this half of a pair only.
	Local bool `json:"local,omitempty"`
	// DryRun changes nothing: it shows what the name means and what has to be known.
	DryRun bool `json:"dry_run,omitempty"`
}

// Override is the override that a target gets now. The error says what of the
// request is out of range.
func (q OverrideRequest) Override(now time.Time) (event.Override, error) {
	o := event.Override{
		Kind: event.Drain, Reason: printable(q.Reason), By: printable(q.By),
		Source: event.SourceOperator, Since: now.Round(0),
	}
	if q.Action == ActionWeight {
		o.Kind, o.Weight = event.SetWeight, q.Weight
	}
	switch {
	case q.Weight < 0 || q.Weight > maxWeight:
		return o, fmt.Errorf("the weight %d is out of range: 0 to %d", q.Weight, maxWeight)
	case len(q.Reason) > maxReason || len(q.By) > maxReason:
		return o, fmt.Errorf("the reason has more than %d bytes", maxReason)
	case q.For == "":
		return o, nil
	}
	d, err := time.ParseDuration(q.For)
	if err != nil || d <= 0 || d > maxOverride {
		return o, fmt.Errorf("invalid duration %q: it must be above 0 and at most %s", q.For,
			words.Duration(maxOverride))
	}
	o.Until = o.Since.Add(d)
	return o, nil
}

// printable is a text of one line: everybody's status shows it.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text)
}

// OverrideReport is what became of an OverrideRequest.
type OverrideReport struct {
	Schema
	// Changed are the overrides that are in force now, or that were ended.
	Changed []event.Override `json:"changed"`
	// Notices are what has to be known before a drain, one a line.
	Notices []string `json:"notices"`
	// Servers are the real servers that are meant, as the kernel has them.
	Servers []ServerConnections `json:"servers"`
	// Nothing says why an undrain or a reset has changed nothing, for people; empty when it has.
	Nothing string `json:"nothing,omitempty"`
	// Drained says that all that is named was drained before this request.
	Drained bool `json:"drained,omitempty"`
	// NotKept says why a start of director would not know of it; empty when it would.
	NotKept string `json:"not_kept,omitempty"`
	// NoWorker: nobody programs the kernel's table at present.
	NoWorker bool `json:"no_worker,omitempty"`
	// Halves are the other halves of the pair, and whether they have it.
	Halves []Half `json:"halves,omitempty"`
	// Local says that it was asked for this half only.
	Local bool `json:"local,omitempty"`
}

// Half is another half of a pair, asked to take over a drain or a weight.
type Half struct {
	Name      string `json:"name"`
	Reachable bool   `json:"reachable"`
	// Has says that it has confirmed to have it.
	Has bool `json:"has"`
	// Refused says why it does not take it over.
	Refused string `json:"refused,omitempty"`
}

// Where says which halves of a pair have what was asked for, for people: "here and on lb2". It is
// empty without a pair, and when nothing was changed.
func (r OverrideReport) Where() string {
	if len(r.Halves) == 0 {
		return ""
	}
	if r.Local {
		return "here only (--local)"
	}
	places, rest := []string{"here"}, ""
	for _, h := range r.Halves {
		switch {
		case h.Has:
			places = append(places, "on "+h.Name)
		case !h.Reachable:
			rest += "; " + h.Name + " is not reachable, it learns it when it is back"
		case h.Refused != "":
			rest += "; " + h.Name + " does not take it over: " + h.Refused
		default:
			rest += "; " + h.Name + " has not confirmed it yet"
		}
	}
	text, last := strings.Join(places[:len(places)-1], ", "), places[len(places)-1]
	if text != "" {
		text += " and "
	}
	return text + last + rest
}

// ServerConnections is a real server of a virtual server with its connections.
type ServerConnections struct {
	VirtualServer string `json:"virtual_server"`
	RealServer    string `json:"real_server"`
	Weight        int    `json:"weight"` // in the kernel
	Present       bool   `json:"present"`
	Active        uint64 `json:"active"`
	Inactive      uint64 `json:"inactive"`
	// Counted is when the connections were counted; absent is never.
	Counted time.Time `json:"counted,omitzero"`
}

// Gone says that no connection to the server is left, as of a time after since.
func (s ServerConnections) Gone(since time.Time) bool {
	if !s.Present {
		return !s.Counted.IsZero()
	}
	return s.Weight == 0 && s.Active+s.Inactive == 0 && s.Counted.After(since)
}
