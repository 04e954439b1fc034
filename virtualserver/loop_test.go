package virtualserver_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/ipvs/ipvstest"
	"github.com/lvs-director/director/virtualserver/table"
)

func TestLoadsTheTable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		vs := virtual(vip, a, b)
		r.apply(7, nil, vs)
		r.expect(tables{vip: {a: 1, b: 1}})
		if want := (event.TableLoaded{Generation: 7, VirtualServers: 1, RealServers: 2}); r.lastLoaded() != want {
			t.Errorf("loaded %+v, want %+v", r.lastLoaded(), want)
		}
		if s := r.state(vs); !s.Quorum || s.Alive != 2 || s.Total != 2 || s.Error != "" {
			t.Errorf("state %+v", s)
		}
		if diff := cmp.Diff([]string{"service tcp 10.0.0.1:80"}, r.journal.services()); diff != "" {
			t.Errorf("journal (-want +got):\n%s", diff)
		}
		// And then it is silent.
		told, lines := r.told, len(r.lines(""))
		time.Sleep(time.Minute)
		synctest.Wait()
		if r.told != told || len(r.lines("")) != lines || len(r.loaded) != 1 {
			t.Errorf("not silent: %q", r.lines(""))
		}
	})
}

func TestVerdicts(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		vs := virtual(vip, a, b)
		r.apply(1, nil, vs)
		r.kernel.Forget()

		r.loop.Verdict(verdict(vs, 0, false))
		r.expectDone("remove real server [10.1.0.1]:80 of [10.0.0.1]:tcp:80")
		if s := r.state(vs); !s.Quorum || s.Alive != 1 {
			t.Errorf("state with one of two: %+v", s)
		}
		r.loop.Verdict(verdict(vs, 1, false))
		r.expect(tables{vip: {}})
		if s := r.state(vs); s.Quorum || s.Alive != 0 || s.Reason == "" {
			t.Errorf("state with none of two: %+v", s)
		}
		r.kernel.Forget()

		// The latest of many counts.
		for up := range 100 {
			v := verdict(vs, 0, up%2 == 1)
			v.Weight, v.Checked = up, true
			r.loop.Verdict(v)
		}
		r.expect(tables{vip: {a: 99}})
		// One about a server that is not configured is dropped.
		late := verdict(vs, 0, true)
		late.RealServer = "[10.1.0.9]:tcp:80"
		r.loop.Verdict(late)
		r.expect(tables{vip: {a: 99}})
	})
}

func TestInhibitKeepsTheServerWithWeightZero(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		vs := virtual(vip, a, b)
		vs.RealServers[0].Inhibit = true
		r.apply(1, nil, vs)
		r.loop.Verdict(verdict(vs, 0, false))
		r.expect(tables{vip: {a: 0, b: 1}})
		r.loop.Verdict(verdict(vs, 0, true))
		r.expect(tables{vip: {a: 1, b: 1}})
	})
}

func TestReload(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		vs, gone := virtual(vip, a, b), virtual(vip2, a)
		r.apply(1, nil, vs, gone)
		r.loop.Verdict(verdict(vs, 1, false))
		synctest.Wait()
		r.kernel.Forget()

		// A server comes, a server stays (down), a virtual server goes: nothing
		// is done about what stays.
		r.apply(2, nil, virtual(vip, a, b, c))
		r.expectDone(
			"add real server [10.1.0.3]:80 of [10.0.0.1]:tcp:80 DR weight 1",
			"remove virtual server [10.0.0.2]:tcp:80")
		r.apply(3, nil, virtual(vip, b, c))
		r.expectDone("remove real server [10.1.0.1]:80 of [10.0.0.1]:tcp:80")
		if diff := cmp.Diff([]string{"service tcp 10.0.0.1:80"}, r.journal.services()); diff != "" {
			t.Errorf("journal (-want +got):\n%s", diff)
		}
		// The verdict about a server that went does not outlive it.
		r.apply(4, nil, virtual(vip, c))
		r.apply(5, nil, virtual(vip, b, c))
		r.expect(tables{vip: {b: 1, c: 1}})
		if r.lastLoaded().Generation != 5 {
			t.Errorf("loaded %+v", r.lastLoaded())
		}
	})
}

func TestReloadChangesWeight(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		vs := virtual(vip, a, b)
		r.apply(1, nil, vs)
		r.loop.Verdict(verdict(vs, 0, true)) // with the configured weight
		own := verdict(vs, 1, true)
		own.Weight, own.Checked = 3, true // a checker's own
		r.loop.Verdict(own)
		synctest.Wait()
		heavy := virtual(vip, a, b)
		heavy.RealServers[0].Weight, heavy.RealServers[1].Weight = 10, 10
		r.apply(2, nil, heavy)
		r.expect(tables{vip: {a: 10, b: 3}})
	})
}

func TestReloadToNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		r.apply(1, nil, virtual(vip, a))
		r.apply(2, nil)
		r.expect(tables{})
		if held := r.journal.Held(); len(held) != 0 {
			t.Errorf("journal still holds %q", held)
		}
		if want := (event.TableLoaded{Generation: 2}); r.lastLoaded() != want {
			t.Errorf("loaded %+v, want %+v", r.lastLoaded(), want)
		}
	})
}

// Without virtual servers there need not be an IPVS.
func TestKernelIsNotTouchedWithoutVirtualServers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal("address eth0 10.0.0.1/32"))
		r.withoutIPVS(ipvs.ErrNoIPVS)
		r.apply(1, nil)
		time.Sleep(time.Minute)
		if want := (event.TableLoaded{Generation: 1}); r.lastLoaded() != want {
			t.Errorf("loaded %+v, want %+v", r.lastLoaded(), want)
		}
		r.loop.Stop(false)
		if r.opened != 0 || len(r.lines("ERROR")) != 0 {
			t.Errorf("opened %d times, log %q", r.opened, r.lines(""))
		}
	})
}

func TestNothingHappensBeforeTheFirstApply(t *testing.T) {
	bubble(t, func(t *testing.T) {
		kernel := ipvstest.NewFake()
		vs := virtual(vip, a)
		kernel.Do(foreign(table.NewService, vs, "", 0))
		r := start(t, kernel, newJournal("service tcp 10.0.0.1:80"))
		r.loop.Verdict(verdict(vs, 0, false))
		time.Sleep(time.Minute)
		r.expectDone()
	})
}

func TestStop(t *testing.T) {
	for _, keep := range []bool{false, true} {
		bubble(t, func(t *testing.T) {
			kernel, j := ipvstest.NewFake(), newJournal()
			other := virtual(vip2, c)
			kernel.Do(foreign(table.NewService, other, "", 0), foreign(table.NewDestination, other, c, 5))
			r := start(t, kernel, j)
			r.apply(1, nil, virtual(vip, a))
			r.loop.Stop(keep)
			if keep {
				r.expect(tables{vip: {a: 1}, vip2: {c: 5}})
				if len(j.services()) != 1 {
					t.Errorf("journal %q after -I", j.Held())
				}
			} else {
				r.expect(tables{vip2: {c: 5}})
				if len(j.Held()) != 0 {
					t.Errorf("journal %q after a stop", j.Held())
				}
			}
		})
	}
}

func TestEndOfContextLeavesTheTable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		kernel, j := ipvstest.NewFake(), newJournal()
		loop := virtualserver.New(virtualserver.Options{Open: func() (ipvs.Driver, error) { return kernel, nil }, Journal: j})
		ctx, cancel := context.WithCancel(t.Context())
		loop.Apply(&conf.Config{VirtualServers: []*conf.VirtualServer{virtual(vip, a)}}, virtualserver.Known{}, 1)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			loop.Run(ctx)
		}()
		synctest.Wait()
		cancel()
		<-ended
		if len(kernel.Table()) != 1 || len(j.services()) != 1 {
			t.Errorf("table %v, journal %q", kernel.Table(), j.Held())
		}
	})
}
