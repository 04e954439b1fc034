package lvs

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/worker"
)

func suspendedOf(m worker.Message) *worker.Suspended { return m.Suspended }

func heldOf(m worker.Message) *event.HeldInTable { return m.HeldInTable }

func awaitOf(m worker.Message) *worker.Await { return m.Await }

// Checks with ha_suspend follow the address as the host has it, whoever put it there.
func TestSuspendFollowsTheAddressesOfTheHost(t *testing.T) {
	bubble(t, func(r *rig) {
		own := []netip.Addr{netip.MustParseAddr("127.0.0.1")}
		set := func(list ...netip.Addr) {
			r.mu.Lock()
			own = list
			r.mu.Unlock()
			time.Sleep(lookInterval)
			synctest.Wait()
		}
		r.addresses = func() ([]netip.Addr, error) {
			r.mu.Lock()
			defer r.mu.Unlock()
			return slices.Clone(own), nil
		}
		cfg := configuration(first)
		v := cfg.VirtualServers[0]
		v.HASuspend, v.Services = true, []conf.ServiceKey{v.Key}
		r.probes.set(first, false)
		r.configure(1, cfg, nil)
		r.has(first)
		if s := last(r, suspendedOf); s == nil || !slices.Equal(s.VirtualServers, []string{v.String()}) {
			t.Errorf("suspended: %+v", s)
		}
		if r.count(func(m worker.Message) bool { return m.Check != nil }) > 0 {
			t.Error("it was checked")
		}
		set(netip.MustParseAddr(vip))
		r.has()
		if s := last(r, suspendedOf); s == nil || len(s.VirtualServers) != 0 {
			t.Errorf("suspended with the address: %+v", s)
		}
		set()
		r.probes.set(first, true)
		time.Sleep(time.Minute)
		synctest.Wait()
		r.has()
		set(netip.MustParseAddr(vip))
		r.has(first)
	})
}

// An address waits for the answer: it comes although a configuration waits for nftables.
func TestAPresenceIsAnsweredAtOnce(t *testing.T) {
	slow := &slowNetfilter{took: time.Hour, table: func() int { return 0 }}
	bubbleWith(t, slow, func(r *rig) {
		r.addresses = func() ([]netip.Addr, error) { return []netip.Addr{netip.MustParseAddr(first)}, nil }
		cfg := configuration(first, second)
		for _, rs := range cfg.VirtualServers[0].RealServers {
			rs.Forward = conf.DR
		}
		in := &conf.Instance{Name: "VI", Interface: "eth0", VRID: 1,
			Addresses: []conf.Address{{Prefix: netip.MustParsePrefix(vip + "/32"), Device: "eth0"}}}
		cfg.Instances = []*conf.Instance{in}
		state := event.InstanceState{ID: in.ID().String(), State: event.Backup, Presence: event.Absent}
		r.configure(1, cfg, func(c *worker.Configure) { c.Presence = []event.InstanceState{state} })
		if n := len(r.kernel.Table()); n != 0 {
			t.Errorf("a BACKUP has %d services", n)
		}
		if a := last(r, awaitOf); a == nil || !slices.Equal(a.Instances, []string{state.ID}) {
			t.Errorf("awaited: %+v", a)
		}
		r.in <- worker.Message{Configure: &worker.Configure{Generation: 2, Config: withFullNAT(first)}}
		synctest.Wait()
		state.State, state.Presence, state.Acquired = event.Master, event.Present, 4
		r.in <- worker.Message{Presence: &state}
		synctest.Wait()
		r.has(first, second)
		if h := last(r, heldOf); h == nil || h.Acquired != 4 || h.ID != state.ID {
			t.Errorf("answered %+v", h)
		}
		r.in <- worker.Message{Finish: &worker.Finish{}}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
	})
}
