package link_test

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/vrrp/link"
)

// TestRemoveAloneKeepsRoutesAndWhatAddressesAre: the host's own addresses and
// routes are there again as they were, with label, broadcast, scope and lifetime.
func TestRemoveAloneKeepsRoutesAndWhatAddressesAre(t *testing.T) {
	wire(t)
	addresses, err := kernel(t).Addresses()
	check(t, err)
	defer addresses.Close()
	dev, err := netlink.LinkByName("left")
	check(t, err)
	vip := netip.MustParsePrefix("10.5.0.100/24")
	check(t, addresses.Add(conf.Address{Prefix: vip, Device: "left", PreferredLifetime: conf.Forever}))
	own, err := netlink.ParseAddr("10.5.0.1/24 brd 10.5.0.255")
	check(t, err)
	own.Label, own.ValidLft, own.PreferedLft = "left:own", 3600, 1800
	check(t, netlink.AddrAdd(dev, own))
	for _, r := range []string{"10.61.0.0/16", "10.62.0.0/16", "10.63.0.0/16"} {
		_, dst, err := net.ParseCIDR(r)
		check(t, err)
		route := &netlink.Route{Dst: dst, LinkIndex: dev.Attrs().Index, Protocol: unix.RTPROT_STATIC, Priority: 7}
		switch r {
		case "10.61.0.0/16":
			route.Gw = []byte{10, 5, 0, 254}
		case "10.62.0.0/16":
			route.Src, route.Scope = []byte{10, 5, 0, 1}, netlink.SCOPE_LINK
		default:
			route.Gw, route.Table, route.MTU = []byte{10, 5, 0, 253}, 100, 1400
		}
		check(t, netlink.RouteAdd(route))
	}
	routes := func() (list []string) {
		every := &netlink.Route{Table: unix.RT_TABLE_UNSPEC}
		all, err := netlink.RouteListFiltered(netlink.FAMILY_V4, every, netlink.RT_FILTER_TABLE)
		check(t, err)
		for _, r := range all {
			if r.Dst == nil || r.Src == nil || !r.Src.Equal([]byte{10, 5, 0, 100}) {
				list = append(list, r.String())
			}
		}
		slices.Sort(list)
		return list
	}
	before := routes()
	restored, err := addresses.RemoveAlone("left", vip)
	if err != nil || !slices.Equal(restored, []netip.Prefix{netip.MustParsePrefix("10.5.0.1/24")}) {
		t.Errorf("put back: %v, %v", restored, err)
	}
	list, err := netlink.AddrList(dev, netlink.FAMILY_V4)
	check(t, err)
	i := slices.IndexFunc(list, func(a netlink.Addr) bool { return a.IP.String() == "10.5.0.1" })
	if i < 0 || list[i].Label != "left:own" || list[i].Broadcast.String() != "10.5.0.255" ||
		list[i].ValidLft < 3500 || list[i].PreferedLft < 1700 || list[i].PreferedLft > 1800 {
		t.Errorf("the host's own address is not as it was: %+v", list)
	}
	for _, r := range before {
		if !slices.Contains(routes(), r) {
			t.Errorf("lost: %s\nnow %q", r, routes())
		}
	}
	all, err := addresses.List()
	check(t, err)
	if slices.ContainsFunc(all, func(a link.HostAddress) bool { return a.Prefix == vip }) {
		t.Error("the virtual address is left")
	}
}

// TestSettingsNeedNoWritableProc: in a container /proc/sys is read-only.
func TestSettingsNeedNoWritableProc(t *testing.T) {
	wire(t)
	readOnlyProc(t)
	m := virtualMACs(t)
	for name, value := range map[string]int{
		"arp_ignore": 1, "arp_announce": 2, "rp_filter": 2, "promote_secondaries": 1, "arp_filter": 1,
	} {
		check(t, m.Set("left", name, value))
		got, err := m.Setting("left", name)
		text, readErr := os.ReadFile("/proc/sys/net/ipv4/conf/left/" + name)
		check(t, readErr)
		if err != nil || got != value || string(text) != string(rune('0'+value))+"\n" {
			t.Errorf("%s is %d, %v, and /proc says %q; want %d", name, got, err, text, value)
		}
	}
	if err := os.WriteFile("/proc/sys/net/ipv4/conf/left/arp_ignore", []byte("0"), 0); err == nil {
		t.Error("/proc/sys is writable after all")
	}
}
