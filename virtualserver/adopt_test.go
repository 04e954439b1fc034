package virtualserver_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/ipvs/ipvstest"
	"github.com/lvs-director/director/virtualserver/table"
)

// crashed is what a worker leaves that was killed: a table and a journal.
func crashed(t *testing.T, servers []*conf.VirtualServer, verdicts ...event.RealServerState) (*ipvstest.Fake,
	*journal) {
	kernel, j := ipvstest.NewFake(), newJournal()
	r := start(t, kernel, j)
	r.apply(1, verdicts, servers...)
	r.loop.Stop(true)
	kernel.Forget()
	return kernel, j
}

func TestRestartTouchesNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		vs, inhibiting := virtual(vip, a, b, c), virtual(vip2, a, b)
		inhibiting.RealServers[0].Inhibit = true
		heavy := verdict(vs, 2, true)
		heavy.Weight, heavy.Checked = 50, true // a checker's
		remembered := []event.RealServerState{verdict(vs, 1, false), verdict(inhibiting, 0, false), heavy}
		kernel, j := crashed(t, []*conf.VirtualServer{vs, inhibiting}, remembered...)

		// The supervisor remembers what was down: it stays out.
		r := start(t, kernel, j)
		r.apply(1, remembered, vs, inhibiting)
		r.expectDone()
		r.expect(tables{vip: {a: 1, c: 50}, vip2: {a: 0, b: 1}})
		time.Sleep(time.Minute)
		r.expectDone()
		if s := r.state(vs); s.Alive != 2 || s.Repaired != 0 || s.Error != "" {
			t.Errorf("state %+v", s)
		}
		if lines := r.lines("WARN"); len(lines) != 0 {
			t.Errorf("log %q", lines)
		}
		// Until its check succeeds.
		r.loop.Verdict(verdict(vs, 1, true))
		r.expectDone("add real server [10.1.0.2]:80 of [10.0.0.1]:tcp:80 DR weight 1")
	})
}

func TestRestartWithAnotherConfiguration(t *testing.T) {
	bubble(t, func(t *testing.T) {
		kernel, j := crashed(t, []*conf.VirtualServer{virtual(vip, a, b), virtual(vip2, a)})
		r := start(t, kernel, j)
		r.apply(1, nil, virtual(vip, b, c))
		r.expectDone(
			"add real server [10.1.0.3]:80 of [10.0.0.1]:tcp:80 DR weight 1",
			"remove real server [10.1.0.1]:80 of [10.0.0.1]:tcp:80",
			"remove virtual server [10.0.0.2]:tcp:80")
		if held := strings.Join(j.services(), ", "); held != "service tcp 10.0.0.1:80" {
			t.Errorf("journal %q", held)
		}
	})
}

func TestRestartWithoutVirtualServersRemovesWhatIsLeft(t *testing.T) {
	bubble(t, func(t *testing.T) {
		kernel, j := crashed(t, []*conf.VirtualServer{virtual(vip, a)})
		r := start(t, kernel, j)
		r.apply(1, nil)
		r.expect(tables{})
		if len(j.Held()) != 0 {
			t.Errorf("journal %q", j.Held())
		}
	})
}

// What the journal has and the kernel has lost is forgotten.
func TestJournalOfWhatIsGone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal("service tcp 10.0.0.9:80", "address eth0 10.0.0.1/32", "nonsense"))
		r.apply(1, nil, virtual(vip, a))
		want := "address eth0 10.0.0.1/32, nonsense, service tcp 10.0.0.1:80"
		if held := strings.Join(slices.DeleteFunc(r.journal.Held(), func(key string) bool {
			return strings.HasPrefix(key, "weight ")
		}), ", "); held != want {
			t.Errorf("journal %q, want %q", held, want)
		}
	})
}

// keepalived, or an operator, was here before us.
func TestServiceThatWasThereIsAdopted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		kernel := ipvstest.NewFake()
		vs, other := virtual(vip, a, b), virtual(vip2, c)
		before := foreign(table.NewService, vs, "", 0)
		before.Service.Scheduler = "rr"
		kernel.Do(before, foreign(table.NewDestination, vs, a, 1), foreign(table.NewDestination, vs, c, 1),
			foreign(table.NewService, other, "", 0), foreign(table.NewDestination, other, c, 5))
		r := start(t, kernel, newJournal())
		r.apply(1, nil, vs)
		r.expectDone(
			"change virtual server [10.0.0.1]:tcp:80 scheduler wlc",
			"add real server [10.1.0.2]:80 of [10.0.0.1]:tcp:80 DR weight 1",
			"remove real server [10.1.0.3]:80 of [10.0.0.1]:tcp:80")
		if lines := r.lines("was in the kernel already"); len(lines) != 1 {
			t.Errorf("log %q", r.lines(""))
		}
		if len(r.journal.services()) != 1 {
			t.Errorf("journal %q", r.journal.Held())
		}
		// The other one is not ours, now and at the end.
		time.Sleep(time.Minute)
		r.loop.Stop(false)
		r.expect(tables{vip2: {c: 5}})
	})
}

func TestDirectVerdictIsNewerThanTheSnapshot(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		vs := virtual(vip, a, b)
		r.apply(1, []event.RealServerState{verdict(vs, 0, false)}, vs)
		r.expect(tables{vip: {b: 1}})
		r.loop.Verdict(verdict(vs, 0, true))
		synctest.Wait()
		// A reload with what the supervisor knew a moment ago.
		r.apply(2, []event.RealServerState{verdict(vs, 0, false)}, vs)
		r.expect(tables{vip: {a: 1, b: 1}})
	})
}

// What was adopted is told apart in the journal for as long as it is the service that was
// there, over a restart too.
func TestAdoptedIsToldApart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		left, own := virtual(vip, a), virtual(vip2, a)
		kernel, j := ipvstest.NewFake(), newJournal()
		if err := kernel.Do(foreign(table.NewService, left, "", 0)); err != nil {
			t.Fatal(err)
		}
		adopted := func() []string {
			synctest.Wait()
			return slices.DeleteFunc(j.Held(), func(key string) bool { return !strings.HasPrefix(key, "adopted ") })
		}
		want := []string{"adopted tcp 10.0.0.1:80"}
		r := start(t, kernel, j)
		r.apply(1, nil, left, own)
		if got := adopted(); !slices.Equal(got, want) {
			t.Errorf("adopted %q", got)
		}
		r.loop.Stop(true)
		r = start(t, kernel, j)
		r.apply(1, nil, left, own)
		if got := adopted(); !slices.Equal(got, want) {
			t.Errorf("after a restart: adopted %q", got)
		}
		kernel.Clear() // ipvsadm -C: what comes back is made by us
		time.Sleep(2 * time.Second)
		if got := adopted(); len(got) > 0 {
			t.Errorf("made again: adopted %q", got)
		}
		r.loop.Stop(false)
		if held := j.Held(); len(held) > 0 {
			t.Errorf("after a stop the journal has %q", held)
		}
	})
}

// A table that was there before (keepalived's, or a director's whose run directory is
// gone) and is right: nothing is sent, so nothing is known of what was sent when a real
// server leaves it.
func TestAdoptedServerFails(t *testing.T) {
	bubble(t, func(t *testing.T) {
		kernel := ipvstest.NewFake()
		first := start(t, kernel, newJournal())
		vs := virtual(vip, a, b)
		first.apply(1, nil, vs)
		first.loop.Stop(true)
		r := start(t, kernel, newJournal())
		r.apply(1, nil, vs)
		r.loop.Verdict(verdict(vs, 0, false))
		r.expect(tables{vip: {b: 1}})
	})
}

// A real server of weight 0 that somebody else has put there may have the slots of any weight: it is given those
// of its own, once.
func TestAdoptedServerGetsItsPlace(t *testing.T) {
	bubble(t, func(t *testing.T) {
		vs := virtual(vip, a, b)
		vs.Scheduler, vs.RealServers[0].Weight = "mh", 3
		kernel := ipvstest.NewFake()
		if err := kernel.Do(foreign(table.NewService, vs, "", 0), foreign(table.NewDestination, vs, a, 0),
			foreign(table.NewDestination, vs, b, 1)); err != nil {
			t.Fatal(err)
		}
		j := newJournal()
		r := start(t, kernel, j)
		r.apply(1, []event.RealServerState{verdict(vs, 0, false)}, vs)
		r.expectDone("change virtual server [10.0.0.1]:tcp:80 scheduler mh flags 0x8",
			"change real server [10.1.0.1]:80 of [10.0.0.1]:tcp:80 DR weight 3",
			"change real server [10.1.0.1]:80 of [10.0.0.1]:tcp:80 DR weight 0")
		time.Sleep(time.Minute)
		r.expectDone()
		r.loop.Stop(true)
		r = start(t, kernel, j)
		r.apply(1, []event.RealServerState{verdict(vs, 0, false)}, vs)
		time.Sleep(time.Minute)
		r.expectDone()
	})
}
