package vrrp_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/vrrptest"
)

// TestAnInterfaceThatLosesARP: nobody finds the virtual addresses on it, and the
// state of the instance does not show that. One that never had ARP is as it is meant.
func TestAnInterfaceThatLosesARP(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, x := &vrrptest.Wire{}, &vrrptest.Wire{}
		a := newNode(t, w, "10.0.0.1/24")
		a.host.PlugTunnel(3, "tun0", x)
		synctest.Wait()
		i := instance("VI", 150, vip)
		i.ExcludedAddresses = append(i.ExcludedAddresses, on("tun0", "10.1.0.1/32"))
		a.apply(i)
		a.engine.AllowMaster()
		after(5 * time.Second)
		a.want("VI", event.Master)
		if list := a.trouble(); len(list) != 0 {
			t.Errorf("problems before: %+v", list)
		}
		a.host.SetNoARP("eth0", true)
		after(time.Second)
		list := a.problemsOf("eth0")
		if len(list) != 1 || list[0].Kind != event.Degraded || len(list[0].Instances) != 1 ||
			!strings.Contains(list[0].Error, "ip link set eth0 arp on") {
			t.Errorf("problems with eth0 without ARP: %+v", list)
		}
		if n := a.log.count("level=WARN", "disabled ARP"); n != 1 {
			t.Errorf("%d lines say so, want 1\n%s", n, a.log)
		}
		a.want("VI", event.Master)
		a.host.SetNoARP("eth0", false)
		after(time.Second)
		if list := a.trouble(); len(list) != 0 {
			t.Errorf("problems when ARP is back: %+v", list)
		}
	})
}
