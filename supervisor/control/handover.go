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
	// Nothing says why a resume has ended no handover, for people; empty when it has.
	Nothing string `json:"nothing,omitempty"`
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
