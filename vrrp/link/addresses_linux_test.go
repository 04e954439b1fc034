package link_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/vrrp/link"
)

func TestAddressesAreAddedAsConfigured(t *testing.T) {
	left, _ := wire(t)
	a, err := kernel(t).Addresses()
	check(t, err)
	defer a.Close()
	dev, err := netlink.LinkByName("left")
	check(t, err)
	for _, tt := range []struct {
		name string
		addr conf.Address
		want func(netlink.Addr) bool
	}{
		{"plain", conf.Address{Prefix: netip.MustParsePrefix("10.0.0.100/32")},
			func(a netlink.Addr) bool { return a.Scope == unix.RT_SCOPE_UNIVERSE && a.Broadcast == nil }},
		{"no broadcast unless wanted", conf.Address{Prefix: netip.MustParsePrefix("10.9.0.1/24")},
			func(a netlink.Addr) bool { return a.Broadcast == nil }},
		{"broadcast by itself", conf.Address{Prefix: netip.MustParsePrefix("10.9.0.1/20"), BroadcastAuto: true},
			func(a netlink.Addr) bool { return a.Broadcast.Equal(net.IPv4(10, 9, 15, 255)) }},
		{"broadcast by name",
			conf.Address{Prefix: netip.MustParsePrefix("10.9.0.1/24"), Broadcast: netip.MustParseAddr("10.9.0.7")},
			func(a netlink.Addr) bool { return a.Broadcast.Equal(net.IPv4(10, 9, 0, 7)) }},
		{"label", conf.Address{Prefix: netip.MustParsePrefix("10.9.0.1/24"), Label: "left:vip"},
			func(a netlink.Addr) bool { return a.Label == "left:vip" }},
		{"scope", conf.Address{Prefix: netip.MustParsePrefix("10.9.0.1/32"), Scope: "link"},
			func(a netlink.Addr) bool { return a.Scope == unix.RT_SCOPE_LINK }},
		{"no prefix route", conf.Address{Prefix: netip.MustParsePrefix("10.9.0.1/24"), NoPrefixRoute: true},
			func(a netlink.Addr) bool { return a.Flags&unix.IFA_F_NOPREFIXROUTE != 0 }},
		{"peer", conf.Address{Prefix: netip.MustParsePrefix("10.9.0.1/32"), Peer: netip.MustParsePrefix("10.9.0.2/32")},
			func(a netlink.Addr) bool { return a.Peer != nil && a.Peer.IP.Equal(net.IPv4(10, 9, 0, 2)) }},
		{"IPv6 is not tentative, and deprecated", conf.Address{Prefix: netip.MustParsePrefix("2001:db8::5/128")},
			func(a netlink.Addr) bool { return a.Flags&unix.IFA_F_TENTATIVE == 0 && a.PreferedLft == 0 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.addr.Device = left.Name
			if tt.addr.Prefix.Addr().Is4() {
				tt.addr.PreferredLifetime = conf.Forever
			}
			check(t, a.Add(tt.addr))
			find := func() *netlink.Addr {
				list, err := netlink.AddrList(dev, netlink.FAMILY_ALL)
				check(t, err)
				i := slices.IndexFunc(list, func(x netlink.Addr) bool {
					bits, _ := x.Mask.Size()
					return x.IP.Equal(tt.addr.Prefix.Addr().AsSlice()) && bits == tt.addr.Prefix.Bits()
				})
				if i < 0 {
					return nil
				}
				return &list[i]
			}
			if got := find(); got == nil || !tt.want(*got) {
				t.Errorf("the kernel has %+v", got)
			}
			if err := a.Add(tt.addr); !errors.Is(err, fs.ErrExist) {
				t.Errorf("adding it again: %v, want that it exists", err)
			}
			check(t, a.Remove(left.Name, tt.addr.Prefix))
			if got := find(); got != nil {
				t.Errorf("still there after Remove: %+v", got)
			}
			check(t, a.Remove(left.Name, tt.addr.Prefix))
		})
	}
	t.Run("a missing interface", func(t *testing.T) {
		addr := conf.Address{Prefix: netip.MustParsePrefix("10.9.0.1/32"), Device: "missing"}
		if err := a.Add(addr); !errors.Is(err, unix.ENODEV) {
			t.Errorf("Add: %v, want ENODEV", err)
		}
		check(t, a.Remove("missing", addr.Prefix))
	})
	t.Run("an unknown scope", func(t *testing.T) {
		addr := conf.Address{Prefix: netip.MustParsePrefix("10.9.0.1/32"), Device: "left", Scope: "galaxy"}
		if err := a.Add(addr); err == nil {
			t.Error("Add accepted it")
		}
	})
	list, err := a.List()
	check(t, err)
	want := link.HostAddress{Device: "left", Prefix: netip.MustParsePrefix("10.0.0.1/24")}
	if !slices.Contains(list, want) {
		t.Errorf("List lacks %v: %v", want, list)
	}
}

// TestAnnouncedAddressesAreNotOurs: they carry the mark, and are another part's to keep.
func TestAnnouncedAddressesAreNotOurs(t *testing.T) {
	left, _ := wire(t)
	a, err := kernel(t).Addresses()
	check(t, err)
	defer a.Close()
	prefix := netip.MustParsePrefix("203.0.113.100/32")
	check(t, a.Add(conf.Address{Device: left.Name, Prefix: prefix, PreferredLifetime: conf.Forever}))
	marked := func() bool {
		t.Helper()
		list, err := a.List()
		check(t, err)
		return slices.ContainsFunc(list, func(h link.HostAddress) bool { return h.At(left.Name, prefix) && h.Marked })
	}
	if !marked() {
		t.Error("an address of ours carries no mark")
	}
	dev, err := netlink.LinkByName(left.Name)
	check(t, err)
	check(t, netlink.LinkSetAlias(dev, conf.AnnounceMark))
	if marked() {
		t.Error("an announced address is told as one of ours")
	}
}

func TestWatchTellsWhatChanges(t *testing.T) {
	left, right := wire(t)
	ctx, cancel := context.WithCancel(context.Background())
	events, err := kernel(t).Watch(ctx)
	check(t, err)
	next := func(want func(link.Event) bool, what string) link.Event {
		t.Helper()
		deadline := time.After(5 * time.Second)
		for {
			select {
			case e := <-events:
				if want(e) {
					return e
				}
			case <-deadline:
				t.Fatalf("not told within 5 s: %s", what)
			}
		}
	}
	first := <-events
	if first.Kind != link.Snapshot {
		t.Fatalf("the first event is %+v, want a snapshot", first)
	}
	i := slices.IndexFunc(first.Interfaces, func(i link.Interface) bool { return i.Name == "left" })
	if i < 0 {
		t.Fatalf("the snapshot lacks interface left: %+v", first.Interfaces)
	}
	left.Up, left.MTU = true, 1500
	if diff := cmp.Diff(left, first.Interfaces[i]); diff != "" {
		t.Errorf("unexpected interface (-want +got):\n%s", diff)
	}
	own := link.InterfaceAddress{Index: left.Index, Prefix: netip.MustParsePrefix("10.0.0.1/24")}
	if !slices.Contains(first.Addresses, own) {
		t.Errorf("the snapshot lacks %+v: %+v", own, first.Addresses)
	}

	dev, err := netlink.LinkByName("left")
	check(t, err)
	addr, err := netlink.ParseAddr("10.0.0.7/24")
	check(t, err)
	check(t, netlink.AddrAdd(dev, addr))
	second := link.InterfaceAddress{Index: left.Index, Prefix: netip.MustParsePrefix("10.0.0.7/24"), Secondary: true}
	next(func(e link.Event) bool { return e.Kind == link.AddressAdded && e.Address == second },
		"an address that was added")
	check(t, netlink.AddrDel(dev, addr))
	next(func(e link.Event) bool {
		return e.Kind == link.AddressRemoved && e.Address.Prefix == second.Prefix
	}, "an address that was removed")

	peer, err := netlink.LinkByName("right")
	check(t, err)
	check(t, netlink.LinkSetDown(peer))
	next(func(e link.Event) bool {
		return e.Kind == link.InterfaceChanged && e.Interface.Name == "left" && !e.Interface.Up
	}, "a lost carrier")
	check(t, netlink.LinkDel(dev))
	next(func(e link.Event) bool {
		return e.Kind == link.InterfaceGone && e.Interface.Index == right.Index
	}, "a removed interface")

	cancel()
	for range events {
	}
}
