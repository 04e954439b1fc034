package doctor

import (
	"cmp"
	"fmt"
	"slices"
)

// Severity is how bad a finding is.
type Severity string

// The severities. Of an exit status: nothing or notes 0, warnings 1, errors 2.
const (
	Note    Severity = "note"
	Warning Severity = "warning"
	Error   Severity = "error"
)

// rank orders severities, the worst first.
func (s Severity) rank() int { return slices.Index([]Severity{Error, Warning, Note}, s) }

// Finding is something that is wrong or may go wrong.
type Finding struct {
	Severity Severity `json:"severity"`
	Code     string   `json:"code"`     // "ip-forward"
	Cause    string   `json:"cause"`    // what is wrong
	Evidence string   `json:"evidence"` // what was seen
	Cure     string   `json:"cure"`     // what to do
}

// Examine says what is wrong, the worst first.
func Examine(f Facts) []Finding {
	if f.Config == nil {
		f.Config = noConfig
	}
	d := &examination{Facts: &f}
	for _, rule := range rules {
		rule(d)
	}
	slices.SortStableFunc(d.found, func(a, b Finding) int {
		return cmp.Compare(a.Severity.rank(), b.Severity.rank())
	})
	return d.found
}

// ExitStatus is 0 without warnings, 1 with some, 2 with errors.
func ExitStatus(list []Finding) (code int) {
	for _, f := range list {
		code = max(code, 2-f.Severity.rank())
	}
	return code
}

// examination is one run.
type examination struct {
	*Facts
	found []Finding
}

func (d *examination) say(s Severity, code, cause, evidence, cure string, args ...any) {
	d.found = append(d.found, Finding{s, code, cause, evidence, fmt.Sprintf(cure, args...)})
}

// showSetting is a setting as evidence.
func (d *examination) showSetting(name string) string { return name + " = " + d.Settings[name] }

// rules are all of them.
var rules = []func(*examination){
	ipForward, reversePath, modules, vipPlace, arpAnswers, routes, natRoutes, marks, filters, connReuse, strangers,
	portZero, conntrack, networkd, networkManager, flushRuleset, offload, tunnelMTU, tableSize, otherPrograms,
	udpExpiry, quiescent, surveyed, duplicates, unheard, peerPaths, returns,
	announcedPlace, announcedFlows, announcedSettings,
}
