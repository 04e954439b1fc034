package control

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/event"
)

// The bounds of an answer.
const (
	defaultEvents = 100
	maxEvents     = 10_000
)

// EventsRequest asks for events that are kept.
type EventsRequest struct {
	// Object is all of its text ("instance VI_1"), its name ("VI_1") or an address ("10.0.0.2");
	// empty is all.
	Object string    `json:"object,omitempty"`
	Since  time.Time `json:"since,omitzero"`
	Kinds  []string  `json:"kinds,omitempty"`
	// Limit is how many at most, the latest ones; 0 is 100, or 10000 with Since. With After it is
	// the first ones.
	Limit int `json:"limit,omitempty"`
	// After is the cursor of an answer: only events that were kept after it.
	After string `json:"after,omitempty"`
}

// Check says what is wrong with a request, and completes it.
func (q *EventsRequest) Check() error {
	for _, k := range q.Kinds {
		if !slices.Contains(event.RecordKinds, event.RecordKind(k)) {
			return fmt.Errorf("there is no kind of events %q; there are: %s", k, kindsText())
		}
	}
	switch {
	case q.Limit < 0:
		return fmt.Errorf("the limit %d is below 0", q.Limit)
	case q.Limit == 0 && q.Since.IsZero() && q.After == "":
		q.Limit = defaultEvents
	case q.Limit == 0 || q.Limit > maxEvents:
		q.Limit = maxEvents
	}
	return nil
}

func kindsText() string {
	var list []string
	for _, k := range event.RecordKinds {
		list = append(list, string(k))
	}
	return strings.Join(list, ", ")
}

// EventsReport are events in the order in which they were kept.
type EventsReport struct {
	Schema
	Events []event.Record `json:"events"`
	Cursor string         `json:"cursor"` // for EventsRequest.After
	More   bool           `json:"more"`   // there are more than the limit
	// Damaged are lines that cannot be read: of a host that lost its power, or written by others.
	Damaged int `json:"damaged_lines,omitempty"`
	// Problem says why events are not kept at present; empty when they are.
	Problem string `json:"problem,omitempty"`
}

// WhyRequest asks why an object is as it is.
type WhyRequest struct {
	Object string `json:"object"` // as EventsRequest's
}

// WhyReport is the chain of events behind the state of an object, the latest first; empty when
// no event of the object is kept.
type WhyReport struct {
	Schema
	Steps []WhyStep `json:"steps"`
}

// WhyStep is one sentence. The causes of a step follow it, one deeper.
type WhyStep struct {
	Depth int           `json:"depth"`
	Text  string        `json:"text"`
	Event *event.Record `json:"event,omitempty"` // absent when it is not kept any more
}
