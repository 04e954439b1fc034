package control

import (
	"cmp"
	"slices"

	"github.com/lvs-director/director/event"
)

// ChecksRequest asks for the results of the checks of a virtual server or a real server.
type ChecksRequest struct {
	Name string `json:"name"`
}

// ChecksReport is what is remembered of checks.
type ChecksReport struct {
	Schema
	// Error says why that is not known; empty when it is.
	Error    string         `json:"error,omitempty"`
	Checkers []CheckHistory `json:"checkers"`
}

// CheckHistory is the last results of a checker, the latest one last.
type CheckHistory struct {
	VirtualServer string  `json:"virtual_server"`
	RealServer    string  `json:"real_server"`
	Checker       string  `json:"checker"`
	Runs          uint64  `json:"runs"` // since it was added
	Results       []Check `json:"results"`
}

// NewHistories is the form of what the lvs worker remembers.
func NewHistories(list []event.CheckHistory) []CheckHistory {
	out := make([]CheckHistory, 0, len(list))
	for _, h := range list {
		c := CheckHistory{VirtualServer: h.VirtualServer, RealServer: h.RealServer, Checker: h.Checker, Runs: h.Runs}
		for _, r := range h.Results {
			c.Results = append(c.Results, *NewCheck(r))
		}
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b CheckHistory) int {
		return cmp.Or(cmp.Compare(a.VirtualServer, b.VirtualServer), cmp.Compare(a.RealServer, b.RealServer),
			cmp.Compare(a.Checker, b.Checker))
	})
	return out
}

// ProbeReport is what director probe --json prints.
type ProbeReport struct {
	Schema
	File   string  `json:"file,omitempty"` // empty: the check of the command line
	Checks []Probe `json:"checks"`
}

// Probe is one run of director probe.
type Probe struct {
	VirtualServer string `json:"virtual_server"`
	RealServer    string `json:"real_server"`
	Check
}
