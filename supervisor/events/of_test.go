package events_test

import (
	"slices"
	"testing"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/events"
)

// What a worker tells makes a record when it is news, once, whatever version the worker has.
func TestWhatIsNews(t *testing.T) {
	master := event.InstanceState{Instance: "VI_1", From: event.Backup, State: event.Master, Priority: 100, Event: "v1"}
	with := func(s event.InstanceState, change func(*event.InstanceState)) event.InstanceState {
		change(&s)
		return s
	}
	older := with(master, func(s *event.InstanceState) { s.Event = "" })
	for name, tc := range map[string]struct {
		was, is event.InstanceState
		want    []event.RecordKind
	}{
		"the first state":           {event.InstanceState{}, master, []event.RecordKind{event.RecordState}},
		"resumed by another worker": {master, with(master, func(s *event.InstanceState) { s.Quiet = true }), nil},
		"a priority": {master, with(master, func(s *event.InstanceState) {
			s.Quiet, s.Priority, s.Event = true, 50, "v2"
		}), []event.RecordKind{event.RecordPriority}},
		"MASTER again": {master, with(master, func(s *event.InstanceState) { s.Event = "v3" }),
			[]event.RecordKind{event.RecordState}},
		"an older worker": {older, with(older, func(s *event.InstanceState) { s.State = event.Fault }),
			[]event.RecordKind{event.RecordState}},
		"an older worker, told again": {older, with(older, func(s *event.InstanceState) { s.Quiet = true }), nil},
		"put back": {master, with(master, func(s *event.InstanceState) { s.Quiet, s.Restored = true, 2 }),
			[]event.RecordKind{event.RecordRepair}},
	} {
		got := kinds(events.Instance(tc.was, tc.is))
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
	}
	fell := with(master, func(s *event.InstanceState) {
		s.Quiet, s.Priority, s.Event, s.Weighed = true, 70, "v2", "interface eth1 is down: -30"
	})
	if r := events.Instance(master, fell)[0]; r.Text != fell.Weighed || !r.At.IsZero() {
		t.Errorf("the record of a priority is %+v", r)
	}
}

func TestWhichVerdictsAreNews(t *testing.T) {
	up := event.RealServerState{VirtualServer: "V", RealServer: "R", Up: true, Since: time.Unix(1, 0)}
	initial, down := up, up
	initial.Initial = true
	down.Up, down.Event = false, "c1"
	back := up
	back.Event = "c2"
	for name, tc := range map[string]struct {
		was, is event.RealServerState
		known   bool
		news    bool
	}{
		"before the first check":   {event.RealServerState{}, initial, false, false},
		"the first check passed":   {initial, up, true, false},
		"the first check failed":   {initial, down, true, true},
		"down":                     {up, down, true, true},
		"down, told again":         {down, down, true, false},
		"up again":                 {down, back, true, true},
		"up, with another warning": {back, back, true, false},
		"down before this process": {event.RealServerState{}, down, false, true},
	} {
		if got := len(events.RealServer(tc.was, tc.is, tc.known)) > 0; got != tc.news {
			t.Errorf("%s: news is %v, want %v", name, got, tc.news)
		}
	}
}

func kinds(list []event.Record) (all []event.RecordKind) {
	for _, r := range list {
		all = append(all, r.Kind)
	}
	return all
}

// Of a BFD session it is news that its neighbor is reached, is no longer, or has not answered; what the next worker
// tells of it again is none.
func TestWhatIsNewsOfASession(t *testing.T) {
	fresh := event.BFDState{Session: "r", State: "Down"}
	silent := event.BFDState{Session: "r", State: "Down", Settled: true, Event: "v1"}
	up := event.BFDState{Session: "r", State: "Up", Settled: true, Event: "v2"}
	down := event.BFDState{Session: "r", State: "Down", Settled: true, Event: "v3"}
	restarted := event.BFDState{Session: "r", State: "Down", Presumed: true}
	for name, tc := range map[string]struct {
		was, is  event.BFDState
		known    bool
		from, to string
	}{
		"made":                      {event.BFDState{}, fresh, false, "", ""},
		"never reached":             {fresh, silent, true, "", "down"},
		"reached":                   {silent, up, true, "down", "up"},
		"no longer":                 {up, down, true, "up", "down"},
		"told again":                {down, down, true, "", ""},
		"has to be reached again":   {up, restarted, true, "", ""},
		"and is not":                {restarted, down, true, "up", "down"},
		"still not reached, before": {down, silent, true, "", "down"},
	} {
		var from, to string
		if list := events.BFD(tc.was, tc.is, tc.known); len(list) > 0 {
			from, to = list[0].From, list[0].To
		}
		if from != tc.from || to != tc.to {
			t.Errorf("%s: a record from %q to %q, want %q and %q", name, from, to, tc.from, tc.to)
		}
	}
}
