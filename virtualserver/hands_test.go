package virtualserver_test

import (
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/ipvs/ipvstest"
	"github.com/lvs-director/director/virtualserver/table"
)

// byHand is ipvsadm -e.
func byHand(r *rig, vs *conf.VirtualServer, server string, weight int) {
	r.t.Helper()
	if err := r.kernel.Do(foreign(table.SetDestination, vs, server, weight)); err != nil {
		r.t.Fatal(err)
	}
	time.Sleep(2 * time.Second)
}

// A weight set by hand stays, is shown, raises nobody, and ends by a reload that
// changes the configured one.
func TestAWeightSetByHandStays(t *testing.T) {
	bubble(t, func(t *testing.T) {
		kernel, j := ipvstest.NewFake(), newJournal()
		vs := virtual(vip, a, b)
		r := start(t, kernel, j)
		r.apply(1, nil, vs)
		byHand(r, vs, a, 9)
		r.expect(tables{vip: {a: 9, b: 1}})
		if one := r.inTable(vs, a); one.Source != event.WeightKernel || one.Weight != 9 {
			t.Errorf("in the table: %+v", one)
		}
		if len(r.hands) != 1 || r.hands[0].Source != event.SourceKernel || r.hands[0].Weight != 9 {
			t.Errorf("told %+v", r.hands)
		}
		r.loop.Verdict(verdict(vs, 0, false))
		r.expect(tables{vip: {b: 1}})
		r.loop.Verdict(verdict(vs, 0, true))
		r.expect(tables{vip: {a: 9, b: 1}})

		// After a restart as well.
		r.loop.Stop(true)
		r = start(t, kernel, j)
		r.apply(1, nil, vs)
		time.Sleep(time.Minute)
		r.expect(tables{vip: {a: 9, b: 1}})
		// The same configuration again ends nothing, another weight does.
		r.apply(2, nil, virtual(vip, a, b))
		r.expect(tables{vip: {a: 9, b: 1}})
		other := virtual(vip, a, b)
		other.RealServers[0].Weight = 5
		r.apply(3, nil, other)
		r.expect(tables{vip: {a: 5, b: 1}})
	})
}

func TestAWeightSetByHandEnds(t *testing.T) {
	for _, test := range []struct {
		name string
		end  func(*rig, *conf.VirtualServer)
	}{
		{"reset", func(r *rig, vs *conf.VirtualServer) {
			r.loop.Override(nil, []event.Override{{VirtualServer: vs.String(), RealServer: vs.RealServers[0].String()}})
		}},
		{"set back by hand", func(r *rig, vs *conf.VirtualServer) { byHand(r, vs, a, 1) }},
		{"reconcile enforce", func(r *rig, vs *conf.VirtualServer) {
			r.global.Reconcile = conf.Enforce
			r.apply(2, nil, vs)
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				vs := virtual(vip, a, b)
				r := start(t, ipvstest.NewFake(), newJournal())
				r.apply(1, nil, vs)
				byHand(r, vs, a, 9)
				test.end(r, vs)
				r.expect(tables{vip: {a: 1, b: 1}})
				if len(r.hands) != 0 {
					t.Errorf("told %+v", r.hands)
				}
				for _, key := range r.journal.Held() {
					if n, ok := table.ParseNote(key); ok && n.Kind == table.NoteHand {
						t.Errorf("still in the journal: %q", key)
					}
				}
			})
		})
	}
}

// A worker that was killed between two messages to the kernel, while a real server
// was failed or drained: what it sent is not taken for a weight set by hand.
func TestKilledBetweenTwoMessages(t *testing.T) {
	for _, dies := range []int{1, 2, 3} { // after so many operations of "add at its place, then 0"
		bubble(t, func(t *testing.T) {
			kernel, j := ipvstest.NewFake(), newJournal()
			vs := virtual(vip, a, b)
			vs.Scheduler = "mh"
			vs.RealServers[0].Weight = 4
			down := []event.RealServerState{verdict(vs, 0, false)}
			n := 0
			kernel.Refuse(func(table.Op) error {
				if n++; n > dies {
					return errUnanswered
				}
				return nil
			})
			r := start(t, kernel, j)
			r.apply(1, down, vs)
			r.loop.Stop(true)
			kernel.Refuse(nil)
			r = start(t, kernel, j)
			r.apply(1, down, vs)
			r.expect(tables{vip: {a: 0, b: 1}})
			if len(r.hands) != 0 {
				t.Errorf("after %d operations taken for set by hand: %+v", dies, r.hands)
			}
		})
	}
}

func TestReconcileReportAndOff(t *testing.T) {
	for _, policy := range []conf.ReconcilePolicy{conf.ReportOnly, conf.NoReconcile} {
		bubble(t, func(t *testing.T) {
			vs := virtual(vip, a, b)
			r := start(t, ipvstest.NewFake(), newJournal())
			r.global.Reconcile = policy
			r.apply(1, nil, vs)
			byHand(r, vs, a, 9)
			if err := r.kernel.Do(foreign(table.DelDestination, vs, b, 0)); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			r.expect(tables{vip: {a: 9}})
			if differs := r.state(vs).Differs != ""; differs != (policy == conf.ReportOnly) {
				t.Errorf("%s: state %+v", policy, r.state(vs))
			}
			// Our own changes are made all the same.
			r.loop.Verdict(verdict(vs, 0, false))
			time.Sleep(2 * time.Second)
			if _, there := r.kernel.Table()[vs.Key].Destinations[serverKey(a)]; there {
				t.Errorf("%s: a failed server stays", policy)
			}
		})
	}
}

// ipvsadm -C with another table beside ours.
func TestClearedTable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		vs := virtual(vip, a, b)
		r := start(t, ipvstest.NewFake(), newJournal())
		r.apply(1, nil, vs)
		r.kernel.Clear()
		time.Sleep(2 * time.Second)
		r.expect(tables{vip: {a: 1, b: 1}})
	})
}

// A weight set by hand ends with its virtual server, for good: nothing of it is left in
// the journal to come back later.
func TestAWeightSetByHandEndsWithItsService(t *testing.T) {
	bubble(t, func(t *testing.T) {
		kernel, j := ipvstest.NewFake(), newJournal()
		one, other := virtual(vip, a, b), virtual(vip2, a, b)
		r := start(t, kernel, j)
		r.apply(1, nil, one, other)
		byHand(r, one, a, 7)
		r.apply(2, nil, other)
		r.apply(3, nil, virtual(vip, a, b), other)
		r.expect(tables{vip: {a: 1, b: 1}, vip2: {a: 1, b: 1}})
		r.loop.Stop(true)
		r = start(t, kernel, j)
		r.apply(4, nil, virtual(vip, a, b), other)
		time.Sleep(time.Minute)
		r.expect(tables{vip: {a: 1, b: 1}, vip2: {a: 1, b: 1}})
	})
}

// A program that sets weights all the time does not fill the log.
func TestWeightsSetByAProgram(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		vs := virtual(vip, a, b)
		r.apply(1, nil, vs)
		for i := range 50 {
			byHand(r, vs, a, 7+i%20)
		}
		if n := len(r.lines("set by hand")); n < 1 || n > 3 {
			t.Errorf("%d lines in 100 s", n)
		}
	})
}
