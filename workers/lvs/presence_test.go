package lvs

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/worker"
)

// TestPresenceOutlivesAReloadWithoutTheInstance: an instance is taken out and put back while
// nftables has not answered yet. It is MASTER all the time, or becomes it meanwhile.
func TestPresenceOutlivesAReloadWithoutTheInstance(t *testing.T) {
	in := &conf.Instance{Name: "VI", Interface: "eth0", VRID: 1,
		Addresses: []conf.Address{{Prefix: netip.MustParsePrefix(vip + "/32"), Device: "eth0"}}}
	state := func(s event.VRRPState, p event.Presence) event.InstanceState {
		return event.InstanceState{ID: in.ID().String(), State: s, Presence: p, Acquired: 1}
	}
	backup, master := state(event.Backup, event.Absent), state(event.Master, event.Present)
	for name, tc := range map[string]struct {
		before    event.InstanceState
		meanwhile *event.InstanceState
		services  int
	}{
		"MASTER all the time":                {master, nil, 2},
		"MASTER after the second reload":     {backup, &master, 2},
		"no longer, after the second reload": {master, &backup, 1},
	} {
		t.Run(name, func(t *testing.T) {
			slow := &slowNetfilter{took: 2 * time.Second, table: func() int { return 0 }}
			bubbleWith(t, slow, func(r *rig) {
				r.addresses = func() ([]netip.Addr, error) { return []netip.Addr{netip.MustParseAddr(first)}, nil }
				// One virtual server follows the instance; the other one, of full NAT, has each
				// configuration wait for nftables.
				with := configuration(first, second)
				for _, rs := range with.VirtualServers[0].RealServers {
					rs.Forward = conf.DR
				}
				other := withFullNAT(second).VirtualServers[0]
				other.Key.Port = 81
				other.Services = []conf.ServiceKey{other.Key}
				with.VirtualServers, with.Instances = append(with.VirtualServers, other), []*conf.Instance{in}
				without := &conf.Config{VirtualServers: with.VirtualServers[1:]}

				known := []event.InstanceState{tc.before}
				r.configure(1, with, func(c *worker.Configure) { c.Presence = known })
				r.in <- worker.Message{Configure: &worker.Configure{Generation: 2, Config: without}}
				time.Sleep(time.Second)
				synctest.Wait()
				r.in <- worker.Message{Configure: &worker.Configure{Generation: 3, Config: with, Presence: known}}
				if tc.meanwhile != nil {
					r.in <- worker.Message{Presence: tc.meanwhile}
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if n := len(r.kernel.Table()); n != tc.services {
					t.Errorf("%d services a minute after the last reload, want %d", n, tc.services)
				}
			})
		})
	}
}
