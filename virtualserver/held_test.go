package virtualserver_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver"
	"github.com/lvs-director/director/virtualserver/ipvs/ipvstest"
	"github.com/lvs-director/director/virtualserver/table"
)

// holder is an instance that has the address of vip.
func holder() *conf.Instance {
	return &conf.Instance{Name: "VI", Interface: "eth0", VRID: 1,
		Addresses: []conf.Address{{Prefix: netip.MustParsePrefix("10.0.0.1/32"), Device: "eth0"}}}
}

func presence(state event.VRRPState, held event.Presence, acquired uint64) event.InstanceState {
	return event.InstanceState{
		Instance: "VI", ID: holder().ID().String(), State: state, Presence: held, Acquired: acquired,
	}
}

func (r *rig) applyWith(generation uint64, in *conf.Instance, servers ...*conf.VirtualServer) {
	for _, v := range servers {
		v.Services = []conf.ServiceKey{v.Key}
	}
	cfg := &conf.Config{Global: r.global, Instances: []*conf.Instance{in}, VirtualServers: servers}
	r.loop.Apply(cfg, virtualserver.Known{}, generation)
	synctest.Wait()
}

// A virtual server that has this host as a real server is in the table only while this host
// holds its address; one that has not is there always. Status and quorum go on.
func TestAVirtualServerFollowsItsAddress(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		vs, other := virtual(vip, a, b), virtual(vip2, a, b)
		r.loop.Own([]netip.Addr{netip.MustParseAddr("127.0.0.1"), serverKey(a).Address})
		r.applyWith(1, holder(), vs, other)
		free := weights{a: 1, b: 1}
		elsewhere := tables{vip2: free}
		r.expect(elsewhere)
		if s := r.state(vs); s.Elsewhere != "VI is INIT on this host" || s.Problem() != "" || !s.Quorum || s.Alive != 2 {
			t.Errorf("before anything is known of the instance: %+v", s)
		}
		if l := r.lastLoaded(); l.Problem() != "" || l.VirtualServers != 1 {
			t.Errorf("loaded: %+v", l)
		}
		if got := r.awaited(); !slices.Equal(got, []conf.InstanceID{holder().ID()}) {
			t.Errorf("awaited %v", got)
		}
		r.loop.Present(presence(event.Backup, event.Absent, 0))
		r.loop.Verdict(verdict(vs, 1, false))
		r.expect(elsewhere)
		if s := r.state(vs); s.Elsewhere != "VI is BACKUP on this host" || s.Alive != 1 {
			t.Errorf("BACKUP: %+v", s)
		}
		r.loop.Present(presence(event.Master, event.Present, 1))
		r.expect(tables{vip: {a: 1}, vip2: free})
		if s := r.state(vs); s.Elsewhere != "" || s.Repaired != 0 {
			t.Errorf("MASTER: %+v", s)
		}
		if got := r.answered(); !slices.Equal(got, []event.HeldInTable{{ID: holder().ID().String(), Acquired: 1}}) {
			t.Errorf("answered %v", got)
		}
		r.applyWith(2, holder(), vs, virtual(vip2, a, b, c))
		r.expect(tables{vip: {a: 1}, vip2: {a: 1, b: 1, c: 1}})
		r.loop.Present(presence(event.Backup, event.Present, 1)) // the address is being removed
		r.expect(tables{vip: {a: 1}, vip2: {a: 1, b: 1, c: 1}})
		r.loop.Present(presence(event.Backup, event.Absent, 1))
		r.expect(tables{vip2: {a: 1, b: 1, c: 1}})
		if n := len(r.journal.services()); n != 1 {
			t.Errorf("%d services in the journal, want 1", n)
		}
		time.Sleep(time.Minute)
		r.expect(tables{vip2: {a: 1, b: 1, c: 1}})
		if s := r.state(vs); s.Repaired != 0 || s.Problem() != "" {
			t.Errorf("after a minute: %+v", s)
		}
		// This host is a real server no more.
		r.loop.Own([]netip.Addr{netip.MustParseAddr("10.9.9.9")})
		r.expect(tables{vip: {a: 1}, vip2: {a: 1, b: 1, c: 1}})
		if got := r.awaited(); len(got) != 0 {
			t.Errorf("awaited %v", got)
		}
	})
}

// A configuration that does not have an instance says nothing of its addresses: the next one may
// have it again. Its stop does.
func TestPresenceIsKnownUntilTheInstanceStops(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		vs := virtual(vip, a, b)
		r.loop.Own([]netip.Addr{serverKey(a).Address})
		r.loop.Present(presence(event.Master, event.Present, 1))
		here, elsewhere := tables{vip: {a: 1, b: 1}}, tables{}
		r.applyWith(1, holder(), vs)
		r.expect(here)
		r.apply(2, nil)
		r.expect(elsewhere)
		r.applyWith(3, holder(), vs)
		r.expect(here)
		// It stops with its addresses, whose removal nobody tells any more.
		r.loop.Present(presence(event.Stop, event.Present, 1))
		r.expect(elsewhere)
		if s := r.state(vs); s.Elsewhere != "VI is INIT on this host" {
			t.Errorf("after the stop: %+v", s)
		}
		r.loop.Present(presence(event.Master, event.Present, 2))
		r.expect(here)
	})
}

// Whoever put such a service into the table of a BACKUP: packets circle by it.
func TestAServiceOfOthersDoesNotStayElsewhere(t *testing.T) {
	bubble(t, func(t *testing.T) {
		kernel := ipvstest.NewFake()
		vs := virtual(vip, a, b)
		if err := kernel.Do(foreign(table.NewService, vs, "", 0), foreign(table.NewDestination, vs, b, 1)); err != nil {
			t.Fatal(err)
		}
		r := start(t, kernel, newJournal())
		r.loop.Own([]netip.Addr{serverKey(a).Address})
		r.loop.Present(presence(event.Backup, event.Absent, 0))
		r.applyWith(1, holder(), vs)
		time.Sleep(2 * time.Second)
		r.expect(tables{})
		if lines := r.lines("were in the kernel already"); len(lines) != 1 || r.state(vs).Repaired != 0 {
			t.Errorf("log %q, state %+v", lines, r.state(vs))
		}
		if err := kernel.Do(foreign(table.NewService, vs, "", 0)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		r.expect(tables{})
		if s := r.state(vs); s.Repaired != 1 {
			t.Errorf("state %+v", s)
		}
		r.loop.Present(presence(event.Master, event.Present, 3))
		r.expect(tables{vip: {a: 1, b: 1}})
	})
}

// elsewhere starts a loop for a virtual server that this host does not hold the address of.
func elsewhere(t *testing.T, policy conf.ReconcilePolicy) (*rig, *conf.VirtualServer) {
	t.Helper()
	r := start(t, ipvstest.NewFake(), newJournal())
	vs := virtual(vip, a, b)
	r.loop.Own([]netip.Addr{serverKey(a).Address})
	r.loop.Present(presence(event.Backup, event.Absent, 0))
	r.global.Reconcile = policy
	r.applyWith(1, holder(), vs)
	return r, vs
}

// added has somebody else add a service, and not look at whether it was there.
func (r *rig) added(vs *conf.VirtualServer) { _ = r.kernel.Do(foreign(table.NewService, vs, "", 0)) }

// Somebody who adds such a service again and again is not fought for ever: as with every repair
// the pauses grow, the log has a line a minute, and the state says so.
func TestAFightForAServiceElsewhere(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r, vs := elsewhere(t, conf.KeepWeights)
		const minutes = 10
		for range minutes * 600 {
			r.added(vs)
			time.Sleep(100 * time.Millisecond)
		}
		s := r.state(vs)
		if s.Repaired < 10 || s.Repaired > 40 {
			t.Errorf("removed %d times in %d minutes, want after pauses of up to 30 s", s.Repaired, minutes)
		}
		if s.Contested < 10 || !strings.Contains(s.Problem(), "something else keeps changing it") || s.Elsewhere == "" {
			t.Errorf("state %+v, want it contested", s)
		}
		if lines := r.lines("added while this host does not hold its address"); len(lines) < 2 || len(lines) > minutes+1 {
			t.Errorf("%d lines in %d minutes: %q", len(lines), minutes, lines)
		}
		time.Sleep(2 * time.Minute)
		r.expect(tables{})
		if s := r.state(vs); s.Contested != 0 || s.Problem() != "" {
			t.Errorf("after two minutes of calm: %+v", s)
		}
		// What is wanted now is no repair, whoever added it.
		r.added(vs)
		before := r.state(vs).Repaired
		r.loop.Present(presence(event.Master, event.Present, 1))
		r.expect(tables{vip: {a: 1, b: 1}})
		if s := r.state(vs); s.Repaired != before || s.Problem() != "" {
			t.Errorf("MASTER: %+v", s)
		}
	})
}

// With reconcile report it stays, and is reported once, until it is gone or wanted.
func TestAServiceElsewhereIsReported(t *testing.T) {
	for end, tc := range map[string]struct {
		end  func(r *rig, vs *conf.VirtualServer)
		want tables
	}{
		"gone": {func(r *rig, vs *conf.VirtualServer) {
			if err := r.kernel.Do(foreign(table.DelService, vs, "", 0)); err != nil {
				r.t.Error(err)
			}
		}, tables{}},
		"wanted": {func(r *rig, _ *conf.VirtualServer) {
			r.loop.Present(presence(event.Master, event.Present, 1))
		}, tables{vip: {a: 1, b: 1}}},
		"another policy": {func(r *rig, vs *conf.VirtualServer) {
			r.global.Reconcile = conf.Enforce
			r.applyWith(2, holder(), vs)
		}, tables{}},
	} {
		t.Run(end, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r, vs := elsewhere(t, conf.ReportOnly)
				r.added(vs)
				time.Sleep(time.Minute)
				r.loop.Verdict(verdict(vs, 1, false))
				r.loop.Verdict(verdict(vs, 1, true))
				r.expect(tables{vip: {}})
				s := r.state(vs)
				if !strings.Contains(s.Problem(), "added while this host does not hold its address") || s.Repaired != 0 {
					t.Errorf("state %+v", s)
				}
				if lines := r.lines("leaving it (reconcile report)"); len(lines) != 1 {
					t.Errorf("log %q", lines)
				}
				tc.end(r, vs)
				time.Sleep(time.Minute)
				r.expect(tc.want)
				if s := r.state(vs); s.Problem() != "" {
					t.Errorf("state %+v", s)
				}
			})
		})
	}
}

// Whoever waits for the end of a drain is told that a virtual server which was never in the table
// has no connections, also when the loop never looks at the table again.
func TestADrainOfWhatIsElsewhereEnds(t *testing.T) {
	for _, policy := range []conf.ReconcilePolicy{conf.KeepWeights, conf.NoReconcile} {
		bubble(t, func(t *testing.T) {
			r, vs := elsewhere(t, policy)
			other := virtual(vip2, a)
			both := holder()
			both.Addresses = append(both.Addresses, conf.Address{Prefix: netip.MustParsePrefix("10.0.0.2/32"), Device: "eth0"})
			r.applyWith(2, both, vs, other)
			r.loop.Override([]event.Override{
				{Kind: event.Drain, RealServer: vs.RealServers[0].String(), Source: event.SourceOperator, Since: time.Now()},
			}, nil)
			for _, of := range []*conf.VirtualServer{vs, other} {
				if s := r.inTable(of, a); s.RealServer == "" || s.Present || s.Counted.IsZero() {
					t.Errorf("%v: %+v", policy, s)
				}
			}
		})
	}
}

// The kernel refuses a virtual server: the address does not wait for it.
func TestAnAddressIsAnsweredWhateverTheKernelDoes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := start(t, ipvstest.NewFake(), newJournal())
		r.loop.Own([]netip.Addr{serverKey(a).Address})
		r.applyWith(1, holder(), virtual(vip, a, b))
		r.kernel.Refuse(func(table.Op) error { return errTest })
		r.loop.Present(presence(event.Master, event.Present, 7))
		synctest.Wait()
		if got := r.answered(); len(got) != 1 || got[0].Acquired != 7 {
			t.Errorf("answered %v", got)
		}
	})
}
