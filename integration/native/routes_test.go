//go:build linux

package native_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

const routedConf = `static_routes {
    203.0.113.0/24 via 192.0.2.9 dev eth0 table 200
    blackhole 198.18.0.0/16
}
static_rules {
    from 203.0.113.0/24 table 200 priority 3000
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    version 3
    priority 200
    advert_int 0.1
    virtual_ipaddress {
        ` + pair.VIP + `/24
    }
    virtual_routes {
        203.0.114.0/24 via 192.0.2.9 dev eth0 src ` + pair.VIP + ` metric 7
        203.0.115.0/24 via 192.0.2.9 dev eth0 table 100
        unreachable 203.0.116.0/24
        203.0.117.0/24 dev eth0 scope link mtu 1400
    }
    virtual_rules {
        from 192.0.2.0/24 iif eth0 table 100 priority 2000
        to 203.0.118.0/24 fwmark 5 blackhole priority 2001
    }
}
`

// routing is all routes and rules of a host that a daemon may have made.
func routing(t *testing.T, h *lab.Host) (list []string) {
	t.Helper()
	if err := h.Do(func() error {
		routes, err := netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Table: 0}, netlink.RT_FILTER_TABLE)
		if err != nil {
			return err
		}
		for _, r := range routes {
			if r.Table != 255 { // the kernel's own
				list = append(list, fmt.Sprintf("route type %d protocol %d %v", r.Type, r.Protocol, r))
			}
		}
		rules, err := netlink.RuleList(netlink.FAMILY_V4)
		for _, r := range rules {
			list = append(list, fmt.Sprintf("rule type %d protocol %d iif %s mark %v %v", r.Type, r.Protocol, r.IifName, r.Mark,
				r))
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(list)
	return list
}

// TestRoutesAsKeepalivedHasThem: director and keepalived make the same routes and rules from the
// same configuration, and remove all of them.
func TestRoutesAsKeepalivedHasThem(t *testing.T) {
	stage.Require(t)
	l := lab.New(t)
	h := l.Host("dir1")
	h.Attach(l.Network("front"), "eth0", "192.0.2.2/24")
	before := routing(t, h)
	var want []string
	for _, kind := range []pair.Kind{stage.Keepalived(), stage.Director()} {
		d := pair.Start(t, kind, h, routedConf)
		// Nine of them, and the network of the virtual address as one of the kernel's.
		l.Until(10*time.Second, "all routes and rules of "+kind.Name()+" are there", func() bool {
			return h.HasAddress("eth0", pair.VIP) && len(routing(t, h)) >= len(before)+9
		})
		got := routing(t, h)
		if want == nil {
			want = got
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s has other routes and rules (-keepalived +director):\n%s", kind.Name(), diff)
		}
		if kind.Name() == "director" {
			// Director repairs a removal by hand, and remains MASTER. "ip route flush" is not one
			// removal: it repeats until it finds nothing, so it also removes what director has
			// restored in the meantime, and then status may report a problem.
			h.Run("ip", "route", "del", "203.0.115.0/24", "table", "100")
			h.Run("ip", "rule", "del", "priority", "2000")
			h.Run("ip", "addr", "del", pair.VIP+"/24", "dev", "eth0")
			l.Until(5*time.Second, "what was removed is back", func() bool { return cmp.Equal(want, routing(t, h)) })
			l.Until(5*time.Second, "status says that all four were put back", func() bool {
				out := h.Run(d.StatusCommand()...)
				return strings.Contains(out, "MASTER") && strings.Contains(out, "something else removed 4 of its")
			})
		}
		d.Terminate()
		d.WaitEnd(5 * time.Second)
		if diff := cmp.Diff(before, routing(t, h)); diff != "" {
			t.Errorf("%s failed to clean up (-before +after):\n%s", kind.Name(), diff)
		}
	}
}
