package worker_test

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/worker"
)

func instance(name string, s event.VRRPState) worker.Message {
	return worker.Message{Instance: &event.InstanceState{Instance: name, State: s}}
}

// slowly puts messages into an outbox whose reader reads nothing until all are there, and
// returns what it reads then. The first message is on its way and not replaced by any other.
func slowly(t *testing.T, put func(o *worker.Outbox)) (got []worker.Message) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		reading := make(chan struct{})
		out := worker.NewOutbox(func(m worker.Message) error {
			<-reading
			got = append(got, m)
			return nil
		})
		out.Put("first", worker.Message{})
		synctest.Wait()
		put(out)
		close(reading)
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
	})
	return got[1:]
}

// A supervisor that does not read stops nobody, and learns the latest of what is no transition
// when it reads again.
func TestLatestStateWinsWhileTheReaderIsSlow(t *testing.T) {
	var got []string
	for _, m := range slowly(t, func(o *worker.Outbox) {
		for n := range 1000 {
			for _, name := range []string{"A", "B"} {
				o.Put(name, worker.Message{Instance: &event.InstanceState{Instance: name, State: event.Backup, Peer: fmt.Sprint(n),
					Quiet: true}})
				o.Put("server", worker.Message{RealServer: &event.RealServerState{Up: true, Weight: n}})
			}
		}
	}) {
		if m.Instance != nil {
			got = append(got, m.Instance.Instance+" "+m.Instance.Peer)
		} else {
			got = append(got, fmt.Sprint(m.RealServer.Weight))
		}
	}
	if d := cmp.Diff([]string{"A 999", "999", "B 999"}, got); d != "" {
		t.Error(d)
	}
}

// Transitions are all told, in the order in which they happened, and so is everything beside
// them that scripts can be told of.
func TestTransitionsAreRecorded(t *testing.T) {
	var got []string
	for _, m := range slowly(t, func(o *worker.Outbox) {
		i := func(s event.VRRPState, priority int, quiet bool) {
			o.Put("instance", worker.Message{Instance: &event.InstanceState{State: s, Priority: priority, Quiet: quiet}})
		}
		i(event.Fault, 100, false)
		i(event.Fault, 100, true) // other words for the same
		o.Put("group", worker.Message{Group: &event.GroupState{State: event.Fault}})
		i(event.Backup, 100, false)
		i(event.Backup, 90, true)
		i(event.Master, 90, false)
		o.Put("lower", worker.Message{LowerHeard: &event.LowerHeard{}})
		o.Put("group", worker.Message{Group: &event.GroupState{State: event.Master}})
		i(event.Master, 90, true)
		o.Put("lower", worker.Message{LowerHeard: &event.LowerHeard{}})
		for _, up := range []bool{false, true, true} {
			o.Put("server", worker.Message{RealServer: &event.RealServerState{Up: up}})
			o.Put("virtual", worker.Message{VirtualServer: &event.VirtualServerState{Quorum: up}})
		}
	}) {
		if m.LeftOut != 0 {
			t.Errorf("%d were left out before %+v", m.LeftOut, m)
		}
		switch {
		case m.Instance != nil:
			got = append(got, fmt.Sprint(m.Instance.State, " ", m.Instance.Priority, " ", m.Instance.Quiet))
		case m.Group != nil:
			got = append(got, "G "+m.Group.State.String())
		case m.LowerHeard != nil:
			got = append(got, "lower")
		case m.RealServer != nil:
			got = append(got, fmt.Sprint("RS ", m.RealServer.Up))
		case m.VirtualServer != nil:
			got = append(got, fmt.Sprint("VS ", m.VirtualServer.Quorum))
		}
	}
	if d := cmp.Diff([]string{
		"FAULT 100 false", "G FAULT", "BACKUP 100 false", "BACKUP 90 true", "MASTER 90 false", "lower", "G MASTER", "lower",
		"RS false", "VS false", "RS true", "VS true",
	}, got); d != "" {
		t.Error(d)
	}
}

// Nothing is overtaken by what is older than it: a configuration tells of every object where it
// is, and so do single messages before and after it.
func TestAConfigurationIsInItsPlace(t *testing.T) {
	told := func(m worker.Message) (s string) {
		switch {
		case m.Presence != nil:
			return m.Presence.ID + " is " + m.Presence.State.String()
		case m.Configure != nil:
			for _, i := range m.Configure.Presence {
				s += ", " + i.ID + " is " + i.State.String()
			}
			return fmt.Sprint("configuration ", m.Configure.Generation, s)
		case m.Applied != nil:
			return fmt.Sprint("applied ", m.Applied.Generation)
		case m.Table != nil:
			return fmt.Sprint("table ", m.Table.Generation)
		}
		return m.VirtualServer.VirtualServer
	}
	at := func(id string, s event.VRRPState) event.InstanceState { return event.InstanceState{ID: id, State: s} }
	presence := func(id string, s event.VRRPState) worker.Message {
		i := at(id, s)
		return worker.Message{Presence: &i}
	}
	configure := func(generation uint64, s event.VRRPState) worker.Message {
		return worker.Message{Configure: &worker.Configure{Generation: generation,
			Presence: []event.InstanceState{at("x", s)}}}
	}
	virtual := worker.Message{VirtualServer: &event.VirtualServerState{VirtualServer: "virtual"}}
	applied := func(generation uint64) worker.Message {
		return worker.Message{Applied: &worker.Applied{Generation: generation}}
	}
	loaded := func(generation uint64) worker.Message {
		return worker.Message{Table: &event.TableLoaded{Generation: generation}}
	}
	type put struct {
		key string
		m   worker.Message
	}
	for name, tc := range map[string]struct {
		puts []put
		want []string
	}{
		"a message after a configuration": {[]put{
			{"x", presence("x", event.Backup)}, {"y", presence("y", event.Backup)}, {"configure", configure(2, event.Backup)},
			{"x", presence("x", event.Master)}, {"x", presence("x", event.Fault)},
		}, []string{"y is BACKUP", "configuration 2, x is BACKUP", "x is FAULT"}},
		"a configuration after a message": {[]put{
			{"configure", configure(2, event.Backup)}, {"x", presence("x", event.Master)},
			{"configure", configure(3, event.Fault)},
		}, []string{"x is MASTER", "configuration 3, x is FAULT"}},
		"without one the place stays": {[]put{
			{"x", presence("x", event.Backup)}, {"y", presence("y", event.Backup)}, {"x", presence("x", event.Master)},
		}, []string{"x is MASTER", "y is BACKUP"}},
		"an answer comes after what was told before it": {[]put{
			{"applied", applied(2)}, {"table", loaded(2)}, {"virtual", virtual}, {"applied", applied(3)}, {"table", loaded(3)},
		}, []string{"virtual", "applied 3", "table 3"}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, m := range slowly(t, func(o *worker.Outbox) {
				for _, p := range tc.puts {
					o.Put(p.key, p.m)
				}
			}) {
				got = append(got, told(m))
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// What only an earlier message says is told by the one that takes its place: to a worker that has
// just started what is known, and which weights set by hand end.
func TestNothingIsLostWithWhatIsReplaced(t *testing.T) {
	reset := func(name string) []event.Override { return []event.Override{{RealServer: name}} }
	got := slowly(t, func(o *worker.Outbox) {
		o.Put("configure", worker.Message{Configure: &worker.Configure{Generation: 1, Known: worker.Snapshot{Died: 7}}})
		o.Put("overrides", worker.Message{Overrides: &worker.Overrides{List: reset("old"), Reset: reset("a")}})
		o.Put("configure", worker.Message{Configure: &worker.Configure{Generation: 2}})
		o.Put("overrides", worker.Message{Overrides: &worker.Overrides{List: reset("new"), Reset: reset("b")}})
		o.Put("configure", worker.Message{Configure: &worker.Configure{Generation: 3}})
	})
	want := []worker.Message{
		{Overrides: &worker.Overrides{List: reset("new"), Reset: append(reset("a"), reset("b")...)}},
		{Configure: &worker.Configure{Generation: 3, Known: worker.Snapshot{Died: 7}}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// What waits is bounded, and what is left out is counted by the next message of its object.
func TestAGapIsCounted(t *testing.T) {
	const all = worker.MostRecorded + 1000
	got := slowly(t, func(o *worker.Outbox) {
		o.Put("calm", worker.Message{Group: &event.GroupState{Group: "calm"}})
		for n := range all {
			o.Put("A", instance("A", []event.VRRPState{event.Backup, event.Master}[n%2]))
		}
		o.Put("B", instance("B", event.Backup))
	})
	if n := len(got); n != worker.MostRecorded+3 { // with the latest one of each
		t.Fatalf("%d messages", n)
	}
	left := 0
	for _, m := range got {
		if m.Instance == nil || m.Instance.Instance != "A" {
			if m.LeftOut != 0 {
				t.Errorf("%d left out before a message of another object", m.LeftOut)
			}
			continue
		}
		left += m.LeftOut
	}
	if got[0].Group == nil || got[1].LeftOut != 999 || left != 999 {
		t.Errorf("%d are said to be left out, %d in the first of the object", left, got[1].LeftOut)
	}
	if last := got[len(got)-2].Instance; last.State != event.Master {
		t.Errorf("the last state is %v", last.State)
	}
}

func TestABrokenConnectionBlocksNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		out := worker.NewOutbox(func(worker.Message) error { return broken })
		for i := range 100 {
			out.Put(fmt.Sprint(i), worker.Message{})
		}
		if err := out.Close(); !errors.Is(err, broken) {
			t.Errorf("Close: %v, want %v", err, broken)
		}
		out.Put("late", worker.Message{})
		if err := out.Close(); !errors.Is(err, broken) {
			t.Errorf("second Close: %v, want %v", err, broken)
		}
	})
}
