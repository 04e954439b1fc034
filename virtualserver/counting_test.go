package virtualserver_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/ipvs/ipvstest"
	"github.com/lvs-director/director/virtualserver/table"
)

// rounds are how many rounds of counting were told to be over.
func (r *rig) rounds() int {
	synctest.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.counted)
}

// What the kernel counts is told while somebody looks: at once, then every ten seconds, for a minute.
func TestCountersAreToldWhileSomebodyLooks(t *testing.T) {
	for _, policy := range []conf.ReconcilePolicy{conf.KeepWeights, conf.NoReconcile} {
		bubble(t, func(t *testing.T) {
			vs := virtual(vip, a, b)
			r := start(t, ipvstest.NewFake(), newJournal())
			r.global.Reconcile = policy
			r.apply(1, nil, vs)
			const wide = 1 << 40
			connect := func(n uint64) {
				r.kernel.Connect(vs.Key, serverKey(a), table.Counts{Active: n, Traffic: event.Traffic{Connections: wide + n}})
				r.kernel.Pass(vs.Key, event.Traffic{Connections: wide + n, InBytes: n})
			}
			connect(3)
			time.Sleep(time.Minute)
			if one := r.inTable(vs, a); one.Active != 0 || r.rounds() != 0 {
				t.Errorf("nobody looks, and %d rounds and %+v were told", r.rounds(), one)
			}
			looked := time.Now()
			r.loop.Look()
			time.Sleep(time.Second)
			one := r.inTable(vs, a)
			r.mu.Lock()
			service := r.tables[vs.String()].Traffic
			r.mu.Unlock()
			if one.Active != 3 || one.Traffic.Connections != wide+3 || service.Connections != wide+3 || service.InBytes != 3 {
				t.Errorf("told: %+v, of the service %+v", one, service)
			}
			if n := r.rounds(); n != 1 || r.counted[0].Begun.Before(looked) {
				t.Errorf("%d rounds: %v", n, r.counted)
			}
			connect(4)
			time.Sleep(countRound)
			if one := r.inTable(vs, a); one.Active != 4 || r.rounds() != 2 {
				t.Errorf("after ten more seconds: %d rounds, %+v", r.rounds(), one)
			}
			time.Sleep(time.Minute)
			told := r.rounds()
			connect(5)
			time.Sleep(time.Minute)
			if one := r.inTable(vs, a); one.Active != 4 || r.rounds() != told {
				t.Errorf("nobody looks any more: %d rounds, %+v", r.rounds()-told, one)
			}
		})
	}
}

// countRound is the least time between two rounds of counting.
const countRound = 10 * time.Second

// lists is how many netlink dumps a minute costs on a table of many services, with so many who look
// each second.
func lists(t *testing.T, readers int) (lists, rounds int) {
	bubble(t, func(t *testing.T) {
		r, _ := wide(t)
		time.Sleep(time.Minute)
		before := r.kernel.Lists()
		for range 60 {
			for range readers {
				r.loop.Look()
				synctest.Wait()
			}
			time.Sleep(time.Second)
		}
		lists, rounds = r.kernel.Lists()-before, r.rounds()
	})
	return lists, rounds
}

// Ten who look cost what one costs, and one no more than a round in ten seconds. The slices of a round
// are spread over it.
func TestTenReadersCostWhatOneCosts(t *testing.T) {
	none, _ := lists(t, 0)
	one, rounds := lists(t, 1)
	ten, _ := lists(t, 10)
	if ten > one+one/50 { // a comparison that somebody interrupts goes on in the next interval
		t.Errorf("netlink dumps in a minute: %d with one reader, %d with ten", one, ten)
	}
	if rounds < 5 || rounds > 6 {
		t.Errorf("%d rounds in a minute", rounds)
	}
	if one > none+6*1000 {
		t.Errorf("netlink dumps in a minute: %d with one reader, %d without", one, none)
	}
}

// TestNobodyLooksAnyMore: a minute after the last look the table costs what it costs when nobody looks.
func TestNobodyLooksAnyMore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, _ := wide(t)
		dumps := func() int {
			before := r.kernel.Lists()
			time.Sleep(2 * time.Minute)
			return r.kernel.Lists() - before
		}
		time.Sleep(time.Minute)
		quiet := dumps()
		r.loop.Look()
		time.Sleep(time.Minute + time.Second)
		if after := dumps(); after > quiet+quiet/50 {
			t.Errorf("netlink dumps in two minutes: %d after somebody has looked, %d before", after, quiet)
		}
	})
}

// wide is a table of a thousand services.
func wide(t *testing.T) (*rig, []*conf.VirtualServer) {
	t.Helper()
	var all []*conf.VirtualServer
	for n := range 1000 {
		all = append(all, virtual(fmt.Sprintf("10.0.%d.%d:80", n/250, n%250+1), a, b))
	}
	r := start(t, ipvstest.NewFake(), newJournal())
	r.apply(1, nil, all...)
	return r, all
}

// TestReloadWithinARound: a reload that takes services away in the middle of a round leaves none of the others
// uncounted when the round is told to be over.
func TestReloadWithinARound(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, all := wide(t)
		time.Sleep(time.Minute + 100*time.Millisecond) // not at the moment of a comparison
		for _, vs := range all {
			r.kernel.Connect(vs.Key, serverKey(a), table.Counts{Active: 7})
		}
		r.loop.Look()
		time.Sleep(3 * time.Second) // some slices
		left := all[100:]
		r.apply(2, nil, left...)
		for r.rounds() == 0 {
			time.Sleep(100 * time.Millisecond)
		}
		for _, vs := range left {
			if one := r.inTable(vs, a); one.Active != 7 {
				t.Fatalf("the round is over, and of %s %d connections were told", vs, one.Active)
			}
		}
	})
}
