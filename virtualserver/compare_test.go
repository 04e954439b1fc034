package virtualserver_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/ipvs/ipvstest"
	"github.com/lvs-director/director/virtualserver/table"
)

func TestClearedTableIsRepairedWithinASecond(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		vs, vs2 := virtual(vip, a, b), virtual(vip2, c)
		vs.RealServers[0].Inhibit = true
		r.apply(1, nil, vs, vs2)
		r.loop.Verdict(verdict(vs, 0, false))
		want := tables{vip: {a: 0, b: 1}, vip2: {c: 1}}
		r.expect(want)
		for round := range 3 {
			time.Sleep(10*time.Second + time.Duration(round)*333*time.Millisecond)
			r.kernel.Clear() // ipvsadm -C
			time.Sleep(time.Second)
			r.expect(want)
			if s := r.state(vs); s.Repaired != round+1 || s.Error != "" {
				t.Errorf("state after repair %d: %+v", round+1, s)
			}
		}
		// A line for each virtual server, and not more than one a minute.
		if lines := r.lines("something else changed"); len(lines) != 2 {
			t.Errorf("log %q", lines)
		}
		if lines := r.lines("found=missing"); len(lines) != 2 {
			t.Errorf("log %q", lines)
		}
	})
}

func TestForeignChangesAreRepaired(t *testing.T) {
	vs := virtual(vip, a, b)
	scheduler := foreign(table.SetService, vs, "", 0)
	scheduler.Service.Scheduler = "rr"
	for _, test := range []struct {
		name   string
		change table.Op
		within time.Duration
		found  string
	}{
		{"service removed", foreign(table.DelService, vs, "", 0), time.Second, "found=missing"},
		{"scheduler changed", scheduler, time.Second, "scheduler"},
		{"real server removed", foreign(table.DelDestination, vs, a, 0), 30 * time.Second, "1 missing"},
		{"weight changed", foreign(table.SetDestination, vs, a, 9), 30 * time.Second, "1 changed"},
		{"real server added", foreign(table.NewDestination, vs, c, 1), 30 * time.Second, "1 added"},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := start(t, ipvstest.NewFake(), newJournal())
				r.global.Reconcile = conf.Enforce
				r.apply(1, nil, vs)
				before := r.kernel.Table()
				if err := r.kernel.Do(test.change); err != nil {
					t.Fatal(err)
				}
				time.Sleep(test.within)
				r.expect(tables{vip: {a: 1, b: 1}})
				if got := r.kernel.Table()[vs.Key].Service; got != before[vs.Key].Service {
					t.Errorf("service %+v, want %+v", got, before[vs.Key].Service)
				}
				if lines := r.lines(test.found); len(lines) != 1 {
					t.Errorf("no line with %q in %q", test.found, r.lines(""))
				}
				// What we do ourselves afterwards is no repair.
				r.loop.Verdict(verdict(vs, 1, false))
				if s := r.state(vs); s.Repaired != 1 || s.Alive != 1 {
					t.Errorf("state %+v", s)
				}
			})
		})
	}
}

// A table of any size is seen whole in 30 seconds, and not all at once.
func TestLargeTableIsComparedInSlices(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		var servers []*conf.VirtualServer
		for i := range 100 {
			vs := virtual(fmt.Sprintf("10.0.1.%d:80", i+1))
			for j := range 1 + i*2 {
				rs := *virtual(vip, fmt.Sprintf("10.1.1.%d:80", j+1)).RealServers[0]
				vs.RealServers = append(vs.RealServers, &rs)
			}
			servers = append(servers, vs)
		}
		r.global.Reconcile = conf.Enforce
		r.apply(1, nil, servers...)
		time.Sleep(time.Minute) // any phase of the round
		for _, vs := range servers {
			if err := r.kernel.Do(foreign(table.SetDestination, vs, "10.1.1.1:80", 7)); err != nil {
				t.Fatal(err)
			}
		}
		repaired := func() (n int) {
			for _, vs := range servers {
				n += r.state(vs).Repaired
			}
			return n
		}
		time.Sleep(time.Second)
		if n := repaired(); n == 0 || n > 50 {
			t.Errorf("%d virtual servers were repaired in a second, want some and not all", n)
		}
		time.Sleep(29 * time.Second)
		if n := repaired(); n != len(servers) {
			t.Errorf("%d of %d virtual servers were repaired in 30 s", n, len(servers))
		}
		if lines := r.lines("changed more virtual servers"); len(lines) == 0 {
			t.Error("many repairs of one round have a line each")
		}
	})
}

// Somebody else's change to what is wanted anyway is nothing to repair.
func TestForeignChangeToWhatIsWanted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		vs, changed := virtual(vip, a), virtual(vip, a)
		changed.Scheduler = "rr"
		r.apply(1, nil, vs)
		if err := r.kernel.Do(foreign(table.SetService, changed, "", 0)); err != nil {
			t.Fatal(err)
		}
		r.apply(2, nil, changed)
		if s := r.state(vs); s.Repaired != 0 {
			t.Errorf("state %+v", s)
		}
	})
}

func TestForeignServicesAreLeftAlone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		r.apply(1, nil, virtual(vip, a))
		other := virtual(vip2, c)
		if err := r.kernel.Do(foreign(table.NewService, other, "", 0),
			foreign(table.NewDestination, other, c, 3)); err != nil {
			t.Fatal(err)
		}
		r.kernel.Forget()
		time.Sleep(time.Minute)
		r.expectDone()
		r.expect(tables{vip: {a: 1}, vip2: {c: 3}})
	})
}

// With reconcile report each difference is told once, until it is another one or another policy.
func TestADifferenceIsReportedOnce(t *testing.T) {
	vs := virtual(vip, a, b)
	scheduler := foreign(table.SetService, vs, "", 0)
	scheduler.Service.Scheduler = "rr"
	for found, op := range map[string]table.Op{
		"missing": foreign(table.DelService, vs, "", 0), "scheduler, flags or persistence changed": scheduler,
		"real servers 1 added": foreign(table.NewDestination, vs, c, 1),
	} {
		t.Run(found, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := start(t, ipvstest.NewFake(), newJournal())
				r.global.Reconcile = conf.ReportOnly
				r.apply(1, nil, vs)
				if err := r.kernel.Do(op); err != nil {
					t.Fatal(err)
				}
				time.Sleep(5 * time.Minute)
				if s := r.state(vs); s.Differs != found || s.Repaired != 0 {
					t.Errorf("state %+v", s)
				}
				if lines := r.lines("leaving it"); len(lines) != 1 {
					t.Errorf("log %q", lines)
				}
				r.global.Reconcile = conf.Enforce
				r.apply(2, nil, vs)
				time.Sleep(time.Minute)
				r.expect(tables{vip: {a: 1, b: 1}})
				if s := r.state(vs); s.Differs != "" || s.Repaired != 1 {
					t.Errorf("with another policy: %+v", s)
				}
			})
		})
	}
}
