package events

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
)

const (
	// mostSteps bounds an answer, and deepest how far back it goes.
	mostSteps = 200
	deepest   = 32
	// together is within which time causes of one kind are told as a coincidence.
	together = 2 * time.Second
)

// state is what an object is like: of these kinds the latest record is what is asked about.
var states = []event.RecordKind{
	event.RecordState, event.RecordPriority, event.RecordVerdict, event.RecordQuorum, event.RecordTracker,
	event.RecordReload, event.RecordWorker, event.RecordOverride, event.RecordHandover, event.RecordDirector,
	event.RecordProblem,
}

// settled are the kinds that say what an object is; the others say what happened to it since.
var settled = []event.RecordKind{event.RecordState, event.RecordVerdict, event.RecordQuorum}

// Why says why the object that somebody names is as it is: the latest event of it, then the events
// that made it happen, and so on, as far as they are kept; after that, when that event does not say
// it, what state the object is in. It is nil when no event of it is kept.
func Why(dir, name string) ([]control.WhyStep, error) {
	list, err := segmentsIn(dir)
	if err != nil {
		return nil, err
	}
	steps, err := whyOf(list, func(object string) bool { return object == name || Matches(itself(object), name) })
	if err == nil && steps == nil {
		steps, err = whyOf(list, func(object string) bool { return Matches(object, name) })
	}
	return steps, err
}

// itself is an object without what it belongs to.
func itself(object string) string {
	object, _, _ = strings.Cut(object, " of virtual server ")
	return object
}

// whyOf is Why for the objects of a kind of name.
func whyOf(list []segment, named func(object string) bool) ([]control.WhyStep, error) {
	a := archive{segments: list, at: len(list)}
	for {
		a.newer, a.lines = a.lines, make(map[event.Number][]byte)
		more, err := a.older()
		if !more {
			return nil, err
		}
		r, ok := a.latest(states, named)
		if !ok {
			continue
		}
		// What comes before it is looked for first: to follow the causes reads on.
		var state event.Record
		known := slices.Contains(settled, r.Kind) || !hasState(r.Object)
		for range searched {
			if known {
				break
			}
			if state, known = a.latest(settled, func(object string) bool { return object == r.Object }); known {
				break
			}
			if more, err := a.older(); err != nil {
				return nil, err
			} else if !more {
				break
			}
		}
		w := why{archive: &a}
		w.add(&r, 0)
		if state.Number != "" && !slices.Contains(w.told, state.Number) {
			w.add(&state, 0)
		}
		return w.steps, w.err
	}
}

// hasState says whether an object is of those that have events of the settled kinds.
func hasState(object string) bool {
	for _, kind := range []string{"instance ", "group ", "virtual server ", "real server "} {
		if strings.HasPrefix(object, kind) {
			return true
		}
	}
	return false
}

// why makes an answer.
type why struct {
	archive *archive
	steps   []control.WhyStep
	told    []event.Number
	err     error
}

// add tells a record and what made it happen.
func (w *why) add(r *event.Record, depth int) {
	w.told = append(w.told, r.Number)
	w.steps = append(w.steps, control.WhyStep{Depth: depth, Text: sentence(r, depth > 0), Event: r})
	w.addCauses(r, depth)
}

func (w *why) addCauses(of *event.Record, depth int) {
	if depth == deepest || w.err != nil {
		return
	}
	var causes []*event.Record
	lost := 0
	for _, n := range of.Causes[:min(len(of.Causes), event.MostCauses)] {
		r, err := w.archive.find(n)
		switch {
		case err != nil:
			w.err = err
			return
		case r == nil:
			lost++
		default:
			causes = append(causes, r)
		}
	}
	if lost > 0 {
		text := "because of an event that is not kept any more"
		if lost > 1 {
			text = fmt.Sprintf("because of %d events that are not kept any more", lost)
		}
		w.steps = append(w.steps, control.WhyStep{Depth: depth + 1, Text: text})
	}
	for len(causes) > 0 {
		alike := w.alike(causes)
		if len(alike) > 1 {
			w.steps = append(w.steps, control.WhyStep{Depth: depth + 1, Text: coincidence(alike)})
		}
		for _, r := range alike {
			at := depth + 1
			if len(alike) > 1 {
				at++
			}
			if slices.Contains(w.told, r.Number) || len(w.steps) >= mostSteps {
				w.steps = append(w.steps, control.WhyStep{
					Depth: at, Text: "because of what is told above: " + heading(r), Event: r,
				})
				continue
			}
			w.add(r, at)
		}
		causes = causes[len(alike):]
	}
}

// alike are the first causes that are of one kind and happened together.
func (w *why) alike(causes []*event.Record) []*event.Record {
	first := causes[0]
	low, high := first.At, first.At
	for n, r := range causes[1:] {
		if r.At.Before(low) {
			low = r.At
		}
		if r.At.After(high) {
			high = r.At
		}
		if r.Kind != first.Kind || r.To != first.To || high.Sub(low) > together {
			return causes[:n+1]
		}
	}
	return causes
}

// coincidence tells several causes as what they are: no more than near in time.
func coincidence(list []*event.Record) string {
	low, high := list[0].At, list[0].At
	for _, r := range list {
		if r.At.Before(low) {
			low = r.At
		}
		if r.At.After(high) {
			high = r.At
		}
	}
	what := "events"
	switch list[0].Kind {
	case event.RecordVerdict:
		what = "real servers " + went(list[0].To)
	case event.RecordTracker:
		what = "tracked things changed"
	}
	return fmt.Sprintf("because %d %s within %v of each other", len(list), what,
		high.Sub(low).Round(time.Millisecond))
}

func went(to string) string {
	if to == "up" {
		return "came up"
	}
	return "went down"
}

// heading is what happened to what, without a reason.
func heading(r *event.Record) string {
	switch {
	case r.Kind == event.RecordState:
		return fmt.Sprintf("%s became %s (was %s)", r.Object, r.To, r.From)
	case r.Kind == event.RecordPriority:
		verb := "rose"
		if len(r.To) < len(r.From) || len(r.To) == len(r.From) && r.To < r.From {
			verb = "fell"
		}
		return fmt.Sprintf("the priority of %s %s from %s to %s", r.Object, verb, r.From, r.To)
	case r.Kind == event.RecordVerdict:
		return r.Object + " " + went(r.To)
	case r.Kind == event.RecordQuorum && r.To == "quorum":
		return r.Object + " gained its quorum"
	case r.Kind == event.RecordQuorum:
		return r.Object + " lost its quorum"
	case r.From != "" && r.To != "":
		return fmt.Sprintf("%s went from %s to %s", r.Object, r.From, r.To)
	case r.To != "":
		return fmt.Sprintf("%s: %s", r.Object, r.To)
	}
	return r.Object + ": " + string(r.Kind)
}

// sentence is a record in words, with its time and reason.
func sentence(r *event.Record, because bool) string {
	var b strings.Builder
	if because {
		b.WriteString("because ")
	}
	b.WriteString(heading(r))
	b.WriteString(" at ")
	b.WriteString(r.At.Local().Format("2006-01-02 15:04:05.000"))
	if r.Text != "" {
		b.WriteString(": ")
		b.WriteString(r.Text)
	}
	if r.By != nil {
		fmt.Fprintf(&b, " (by %s)", r.By)
	}
	if r.LeftOut > 0 {
		fmt.Fprintf(&b, " (%d earlier %s of it %s not kept one by one)", r.LeftOut,
			plural(r.LeftOut, "change", "changes"), plural(r.LeftOut, "was", "were"))
	}
	return b.String()
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
