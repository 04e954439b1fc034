package vrrp_test

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/packet"
	"github.com/lvs-director/director/vrrp/vrrptest"
)

// manyAddresses has an instance own n addresses.
func manyAddresses(n int) func(*conf.Instance) {
	return func(c *conf.Instance) {
		c.Addresses = nil
		for k := range n {
			c.Addresses = append(c.Addresses, conf.Address{
				Prefix: netip.MustParsePrefix(fmt.Sprintf("10.9.%d.%d/32", k/200, k%200+1)), Device: "eth0",
			})
		}
	}
}

// TestMoreAddressesThanFitAnAdvertisement: the excess is owned and announced,
// but not named, as keepalived does.
func TestMoreAddressesThanFitAnAdvertisement(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		n := newNode(t, w, "10.0.0.1/24")
		wantNamed := func(want int) {
			t.Helper()
			after(2 * time.Second)
			list := adverts(t, w)
			if got := list[len(list)-1].addresses; got != want {
				t.Errorf("an advertisement names %d addresses, want %d", got, want)
			}
		}
		n.apply(with(instance("VI", 150, vip), manyAddresses(260)))
		n.engine.AllowMaster()
		after(5 * time.Second)
		n.want("VI", event.Master)
		wantNamed(packet.MaxAddresses)
		last := "10.9.1.60/32"
		if !n.host.Has("eth0", last) {
			t.Errorf("%s is not on the host", last)
		}
		if n.log.count("fit into an advertisement", "left_out=5") != 1 {
			t.Errorf("it has to be said once:\n%s", n.log)
		}
		before := n.states("VI")
		n.host.SetMTU("eth0", 576)
		cfg := &conf.Instance{Version: 3}
		wantNamed(cfg.MaxAdvertised(576))
		n.host.SetMTU("eth0", 1500)
		wantNamed(packet.MaxAddresses)
		if got := n.states("VI"); len(got) != len(before) {
			t.Errorf("transitions: %v", got)
		}
	})
}
