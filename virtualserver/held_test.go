package virtualserver_test

import (
	"net/netip"
	"slices"
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
	r.loop.Apply(&conf.Config{Instances: []*conf.Instance{in}, VirtualServers: servers}, virtualserver.Known{}, generation)
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
		if err := kernel.Do(foreign(table.NewService, vs, "", 0)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		r.expect(tables{})
		r.loop.Present(presence(event.Master, event.Present, 3))
		r.expect(tables{vip: {a: 1, b: 1}})
	})
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
