//go:build linux

package native_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// wires are the ways to speak VRRP besides plain multicast. options are lines
// of the instance of director i.
var wires = []struct {
	name    string
	version int
	options func(i int) []string
	ipv6    bool
}{
	{"v2 PASS", 2, func(int) []string { return authentication("PASS", "s3cret") }, false},
	{"v2 AH", 2, func(int) []string { return authentication("AH", "s3cret") }, false},
	{"v2 unicast PASS", 2, func(i int) []string {
		return append(authentication("PASS", "longer than eight"),
			unicast(i)...)
	}, false},
	{"v3 unicast", 3, unicast, false},
	{"another group", 3, func(int) []string { return []string{"mcast_dst_ip 224.0.0.99"} }, false},
	{"IPv6 unicast", 3, unicast6, true},
	{"vmac of IPv6", 3, vmac, true},
	{"vmac", 3, vmac, false},
	{"another group of IPv6", 3, func(int) []string { return []string{"mcast_dst_ip ff02::99"} }, true},
}

func authentication(kind, password string) []string {
	return []string{fmt.Sprintf("authentication {\n        auth_type %s\n        auth_pass %q\n    }", kind, password)}
}

func unicast(i int) []string {
	return []string{
		"unicast_src_ip " + pair.DirectorAddress(i),
		"unicast_peer {\n        " + pair.DirectorAddress(1-i) + " min_ttl 255 max_ttl 255\n    }",
	}
}

// unicast6 sets no bounds for the hop limit: keepalived sends with the kernel's, 64.
func unicast6(i int) []string {
	return []string{
		"unicast_src_ip " + pair.GlobalAddress(i),
		"unicast_peer {\n        " + pair.GlobalAddress(1-i) + "\n    }",
	}
}

const vmacInterface = "vrrp.51"

func vmac(int) []string { return []string{"use_vmac " + vmacInterface} }

// TestWires fails over and back between director and keepalived on each of them.
func TestWires(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIP: each wire with keepalived as the other half, three minutes, is part of the long form")
	}
	director, keepalived := stage.Director(), stage.Keepalived()
	for _, wire := range wires {
		for _, kinds := range [][2]pair.Kind{{director, keepalived}, {keepalived, director}} {
			t.Run(fmt.Sprintf("%s/%s over %s", wire.name, kinds[0].Name(), kinds[1].Name()), func(t *testing.T) {
				t.Parallel()
				site := vrrpOnly(t)
				if wire.ipv6 {
					site.UseIPv6()
				}
				if slices.Contains(wire.options(0), vmac(0)[0]) {
					site.Place = vmacInterface
				}
				r := site.Run(t, kinds, func(i int, c *pair.Config) {
					c.Service, c.Version, c.Options = false, wire.version, wire.options(i)
				})
				down, skew := r.Configs[1].MasterDownInterval(), r.Configs[1].SkewTime()
				r.Lab.Steady(down+slack, "dir1 alone is MASTER", func() bool { return r.Holds(0) && !r.HoldsAny(1) })
				r.Daemons[0].Terminate()
				r.UntilMaster(1, skew+slack)
				r.Daemons[0].WaitEnd(5 * time.Second)
				r.StartDaemon(0, kinds[0])
				r.UntilMaster(0, 10*time.Second)
				r.Dirs[0].Crash()
				r.UntilMaster(1, down+slack)
			})
		}
	}
}
