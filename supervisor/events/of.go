package events

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify"
	"github.com/lvs-director/director/words"
)

// What was known of an object and what it is now make records. A state with the number of the one
// before is no news: it was told again. One without a number is an older worker's, and is compared.

// Instance are the records of what happened to an instance.
func Instance(was, is event.InstanceState) (list []event.Record) {
	if n := is.Restored - was.Restored; n > 0 {
		list = append(list, event.Record{
			Kind: event.RecordRepair, Object: "instance " + is.Instance,
			Text: fmt.Sprintf("something else removed %d of its addresses, routes or rules: put back", n),
		})
	}
	return append(list, moves(was, is)...)
}

// moves are the records of a transition or a change of the priority.
func moves(was, is event.InstanceState) []event.Record {
	moved := is.State != was.State || is.Event != was.Event && !is.Quiet
	weighed := is.Priority != was.Priority && was.State != event.Init
	r := event.Record{
		Number: is.Event, At: is.Since, Kind: event.RecordState, Object: "instance " + is.Instance, Causes: is.Causes.List(),
		From: is.From.String(), To: is.State.String(), Text: is.Reason, Peer: is.Heard,
	}
	switch {
	case is.Event != "" && is.Event == was.Event:
		return nil
	case is.Quiet && is.State == was.State && !weighed:
		return nil
	case moved:
		return []event.Record{r}
	case weighed:
		r.Kind, r.From, r.To = event.RecordPriority, strconv.Itoa(was.Priority), strconv.Itoa(is.Priority)
		r.At, r.Text, r.Peer = time.Time{}, is.Weighed, "" // Since and Reason are about the state
		return []event.Record{r}
	}
	return nil
}

// Group are the records of what happened to a sync group.
func Group(was, is event.GroupState) []event.Record {
	if is.State == was.State || is.Event != "" && is.Event == was.Event {
		return nil
	}
	return []event.Record{{
		Number: is.Event, At: is.Since, Kind: event.RecordState, Object: "group " + is.Group, From: is.From.String(),
		To: is.State.String(), Text: is.Reason, Causes: is.Causes.List(),
	}}
}

// TwoMasters is the record of a losing advertisement that a MASTER has heard.
func TwoMasters(h event.LowerHeard) event.Record {
	return event.Record{
		Number: h.Event, At: h.At, Kind: event.RecordTwoMasters, Object: "instance " + h.Instance, Causes: h.Causes.List(),
		Text: fmt.Sprintf("%s was MASTER too, with priority %d", h.Sender, h.Priority),
	}
}

// Refused is the record of a router whose advertisements are refused.
func Refused(r event.RefusedSender) event.Record {
	return event.Record{
		Number: r.Event, At: r.At, Kind: event.RecordRefused, Object: "instance " + r.Instance,
		Text: fmt.Sprintf("%s from %s: %s", words.Count(r.Times, "advertisement"), r.Sender, r.Reason),
	}
}

// RealServer are the records of a verdict on a real server. That its first check passed is no news,
// and that nothing is known of it yet is none.
func RealServer(was, is event.RealServerState, known bool) []event.Record {
	same := known && is.Up == was.Up && !was.Initial || is.Event != "" && is.Event == was.Event
	if same || is.Initial || is.Up && (!known || was.Initial) && is.Event == "" {
		return nil
	}
	r := event.Record{
		Number: is.Event, At: is.Since, Kind: event.RecordVerdict, Causes: is.Causes.List(),
		Object: "real server " + is.RealServer + " of virtual server " + is.VirtualServer, From: "down", To: "up",
		Text: is.Reason,
	}
	if !is.Up {
		r.From, r.To = r.To, r.From
	}
	if is.Unset != "" {
		r.Text += "; the table does not have it: " + is.Unset
	}
	return []event.Record{r}
}

// VirtualServer are the records of a change of a quorum.
func VirtualServer(was, is event.VirtualServerState, known bool) (list []event.Record) {
	if n := is.Repaired - was.Repaired; known && n > 0 {
		list = append(list, event.Record{
			Kind: event.RecordRepair, Object: "virtual server " + is.VirtualServer,
			Text: fmt.Sprintf("something else changed it in the table: put back (%s)", words.Count(n, "change")),
		})
	}
	return append(list, quorum(was, is, known)...)
}

// quorum is the record of a gain or a loss.
func quorum(was, is event.VirtualServerState, known bool) []event.Record {
	if is.Event != "" && is.Event == was.Event || known && is.Quorum == was.Quorum || !known && is.Event == "" {
		return nil
	}
	r := event.Record{
		Number: is.Event, At: is.Since, Kind: event.RecordQuorum, Object: "virtual server " + is.VirtualServer,
		From: "no quorum", To: "quorum", Text: is.Reason, Causes: is.Causes.List(),
	}
	if !is.Quorum {
		r.From, r.To = r.To, r.From
	}
	return []event.Record{r}
}

// Tracker is the record of a change of what is tracked; of a virtual server its quorum is one
// already.
func Tracker(was, is event.TrackerState, known bool) []event.Record {
	to, from := tracked(is), ""
	if known {
		from = tracked(was)
	}
	if is.Kind == event.TrackVirtualServer || from == to {
		return nil
	}
	return []event.Record{{
		Number: is.Event, At: is.Since, Kind: event.RecordTracker, Object: is.Kind.String() + " " + is.Name,
		From: from, To: to,
		Text: is.Reason,
	}}
}

// BFD are the records of what happened to a BFD session: that the neighbor is reached, that it is no longer, and that
// it has not answered.
func BFD(was, is event.BFDState, known bool) []event.Record {
	if is.Event == "" || known && is.Event == was.Event {
		return nil
	}
	r := event.Record{
		Number: is.Event, At: is.Since, Kind: event.RecordTracker, Object: "BFD session " + is.Session, From: "down",
		To: "up", Text: is.Why(), Causes: is.Causes.List(),
	}
	if !is.IsUp() {
		r.From, r.To = "", "down"
		if was.IsUp() || was.Presumed {
			r.From = "up"
		} else {
			r.At = time.Time{} // it has been down for longer
		}
	}
	return []event.Record{r}
}

// tracked is the state of a tracker in a word.
func tracked(s event.TrackerState) string {
	switch {
	case s.Ignored:
		return "not tracked"
	case s.Kind == event.TrackFile:
		return strconv.Itoa(s.Value)
	case s.Up:
		return "up"
	}
	return "down"
}

// Problems are the records of what has become wrong in the kernel, or right again, between two
// lists.
func Problems(was, is []event.Problem) (list []event.Record) {
	differ := func(a, b []event.Problem, from, to string) {
		for _, p := range a {
			if !slices.ContainsFunc(b, func(o event.Problem) bool { return o.Kind == p.Kind && o.Object == p.Object }) {
				list = append(list, event.Record{
					Kind: event.RecordProblem, Object: p.Object, From: from, To: to, Text: p.String(),
				})
			}
		}
	}
	differ(is, was, "", string(event.RecordProblem))
	differ(was, is, string(event.RecordProblem), "over")
	return list
}

// Script is the record of a script that has ended.
func Script(l notify.Last) event.Record {
	r := event.Record{
		At: l.Exit.Ended, Kind: event.RecordScript, Object: l.Object + " " + l.Script, To: "ok",
		Text: fmt.Sprintf("told %s, %s after %v", l.State, l.Exit.String(),
			l.Exit.Ended.Sub(l.Exit.Started).Round(time.Millisecond)),
	}
	if l.Cause != "" {
		r.Causes = []event.Number{l.Cause}
	}
	if !l.Exit.OK() {
		r.To = "failed"
		if l.Exit.Output != "" {
			r.Text += ": " + l.Exit.Output
		}
	}
	return r
}
