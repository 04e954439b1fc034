package link_test

import (
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
)

// TestEveryOptionOfAnAddress: the kernel has it as the configuration says, and
// gives it up again.
func TestEveryOptionOfAnAddress(t *testing.T) {
	dualWire(t)
	addresses, err := kernel(t).Addresses()
	check(t, err)
	defer addresses.Close()
	flag := func(f int) func(netlink.Addr) bool { return func(a netlink.Addr) bool { return a.Flags&f != 0 } }
	for line, is := range map[string]func(netlink.Addr) bool{
		"10.5.0.1/24 dev left brd + label left:1 scope link": func(a netlink.Addr) bool {
			return a.Broadcast.String() == "10.5.0.255" && a.Label == "left:1" && a.Scope == unix.RT_SCOPE_LINK
		},
		"10.5.1.1/24 dev left brd 10.5.1.99": func(a netlink.Addr) bool { return a.Broadcast.String() == "10.5.1.99" },
		"10.5.2.1/24 dev left brd -":         func(a netlink.Addr) bool { return a.Broadcast == nil },
		"10.5.3.1 peer 10.5.3.2 dev left": func(a netlink.Addr) bool {
			return a.Peer != nil &&
				a.Peer.IP.String() == "10.5.3.2"
		},
		"10.5.4.1/24 dev left noprefixroute":   flag(unix.IFA_F_NOPREFIXROUTE),
		"10.5.5.1/24 dev left preferred_lft 0": flag(unix.IFA_F_DEPRECATED),
		"fd07::6/64 dev left preferred_lft 90": func(a netlink.Addr) bool {
			return a.PreferedLft > 80 &&
				a.PreferedLft <= 90
		},
		"239.5.5.5/32 dev left autojoin": flag(unix.IFA_F_MCAUTOJOIN),
		"fd07::1/64 dev left home":       flag(unix.IFA_F_HOMEADDRESS),
		"fd07::2/64 dev left mngtmpaddr": flag(unix.IFA_F_MANAGETEMPADDR),
		"fd07::3/64 dev left": func(a netlink.Addr) bool {
			return a.Flags&unix.IFA_F_NODAD != 0 && a.Flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DEPRECATED) == 0
		},
		"fd07::4/64 dev left -nodad": func(a netlink.Addr) bool { return a.Flags&unix.IFA_F_NODAD == 0 },
		"fd07::5 dev left":           flag(unix.IFA_F_DEPRECATED), // no mask: never a source by itself
	} {
		t.Run(line, func(t *testing.T) {
			cfg, findings := load.LoadText("a.conf", "static_ipaddress {\n"+line+"\n}\n", load.Options{})
			for _, f := range findings {
				if f.Severity != conf.Note {
					t.Error(f)
				}
			}
			if len(cfg.StaticAddresses) != 1 {
				t.Fatalf("%d addresses were read", len(cfg.StaticAddresses))
			}
			want := cfg.StaticAddresses[0]
			find := func() (netlink.Addr, bool) {
				dev, err := netlink.LinkByName("left")
				check(t, err)
				list, err := netlink.AddrList(dev, netlink.FAMILY_ALL)
				check(t, err)
				for _, a := range list {
					if ip, _ := netip.AddrFromSlice(a.IP); ip.Unmap() == want.Prefix.Addr() {
						return a, true
					}
				}
				return netlink.Addr{}, false
			}
			check(t, addresses.Add(want))
			if a, ok := find(); !ok || !is(a) {
				t.Errorf("the kernel has (%v) %v, lifetimes %d and %d, flags %#x, scope %d, broadcast %v, peer %v",
					ok, a, a.PreferedLft, a.ValidLft, a.Flags, a.Scope, a.Broadcast, a.Peer)
			}
			check(t, addresses.Remove(want.Device, want.Prefix))
			if a, ok := find(); ok {
				t.Errorf("it is left: %+v", a)
			}
		})
	}
}
