package link_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mdlayher/packet"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/vrrp/link"
	vrrppacket "github.com/lvs-director/director/vrrp/packet"
	"github.com/lvs-director/director/vrrp/track"
)

// wire makes a veth pair left-right that is up and has 10.0.0.1 and 10.0.0.2.
// Both ends are in one namespace, whose kernel would refuse its own addresses
// as a source if it were not told to accept them.
func wire(t *testing.T) (left, right link.Interface) {
	t.Helper()
	check(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "left"}, PeerName: "right"}))
	t.Cleanup(func() {
		if l, err := netlink.LinkByName("left"); err == nil {
			check(t, netlink.LinkDel(l))
		}
	})
	for _, name := range []string{"left", "right"} {
		check(t, os.WriteFile("/proc/sys/net/ipv4/conf/"+name+"/accept_local", []byte("1"), 0))
		check(t, os.WriteFile("/proc/sys/net/ipv4/conf/"+name+"/rp_filter", []byte("0"), 0))
	}
	for _, l := range []struct {
		name, address string
		into          *link.Interface
	}{{"left", "10.0.0.1/24", &left}, {"right", "10.0.0.2/24", &right}} {
		dev, err := netlink.LinkByName(l.name)
		check(t, err)
		addr, err := netlink.ParseAddr(l.address)
		check(t, err)
		check(t, netlink.AddrAdd(dev, addr))
		check(t, netlink.LinkSetUp(dev))
		*l.into = link.Interface{Index: dev.Attrs().Index, Name: l.name, HardwareAddr: dev.Attrs().HardwareAddr}
	}
	waitUp(t, "left")
	waitUp(t, "right")
	return left, right
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func kernel(t *testing.T) *link.Kernel {
	t.Helper()
	k, err := link.NewKernel()
	check(t, err)
	return k
}

func open(t *testing.T, on link.Interface) (link.Conn, <-chan link.Key) {
	t.Helper()
	ready := make(chan link.Key)
	c, err := kernel(t).Open(link.Key{Index: on.Index, Family: link.IPv4, Group: vrrppacket.Multicast4}, ready)
	check(t, err)
	t.Cleanup(func() { check(t, c.Close()) })
	return c, ready
}

func advertisement(t *testing.T, source string) []byte {
	t.Helper()
	data, err := vrrppacket.Append(nil, &vrrppacket.Advertisement{
		Version: 3, VRID: 10, Priority: 150, Interval: time.Second, Checksum: vrrppacket.PseudoHeader,
		Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.100")},
		Source:    netip.MustParseAddr(source), Destination: vrrppacket.Multicast4,
	})
	check(t, err)
	return data
}

// waitReady fails the test when nothing becomes readable.
func waitReady(t *testing.T, ready <-chan link.Key) {
	t.Helper()
	select {
	case <-ready:
	case <-time.After(5 * time.Second):
		t.Fatal("no packet arrived within 5 s")
	}
}

func TestPacketsArriveWholeAndOnTheirInterfaceOnly(t *testing.T) {
	left, right := wire(t)
	a, readyA := open(t, left)
	b, readyB := open(t, right)
	sent := advertisement(t, "10.0.0.1")
	check(t, a.Send(sent, vrrppacket.Multicast4))
	waitReady(t, readyB)
	batch := make([]link.Datagram, 8)
	n, err := b.Receive(batch)
	if err != nil || n != 1 {
		t.Fatalf("Receive: %d packets, %v; want 1", n, err)
	}
	var got vrrppacket.Advertisement
	if reason := vrrppacket.Parse(batch[0].Data, &got); reason != vrrppacket.Accepted {
		t.Fatalf("the packet was refused: %v", reason)
	}
	if got.TTL != 255 || got.Source != netip.MustParseAddr("10.0.0.1") ||
		got.Destination != vrrppacket.Multicast4 || got.VRID != 10 {
		t.Errorf("unexpected packet: %+v", got)
	}
	if got.ID == 0 {
		t.Error("the kernel has not numbered the packet")
	}
	if batch[0].Age <= 0 || batch[0].Age > time.Second {
		t.Errorf("the packet is %v old, want a little more than 0", batch[0].Age)
	}
	if n, err := b.Receive(batch); n != 0 || err != nil {
		t.Errorf("a second Receive: %d packets, %v; want none", n, err)
	}
	select {
	case <-readyA:
		n, err := a.Receive(batch)
		t.Errorf("the sender's socket became readable: %d packets, %v", n, err)
	default:
	}
}

func TestASocketIsReportedOnceUntilItIsResumed(t *testing.T) {
	left, right := wire(t)
	a, _ := open(t, left)
	b, ready := open(t, right)
	const packets = 5
	for range packets {
		check(t, a.Send(advertisement(t, "10.0.0.1"), vrrppacket.Multicast4))
	}
	one := make([]link.Datagram, 1)
	for range packets {
		waitReady(t, ready)
		if n, err := b.Receive(one); n != 1 || err != nil {
			t.Fatalf("Receive: %d packets, %v; want 1", n, err)
		}
		select {
		case <-ready:
			t.Fatal("the socket is reported again before Resume")
		case <-time.After(5 * time.Millisecond):
		}
		b.Resume() // what was left behind is reported
	}
	check(t, a.Send(advertisement(t, "10.0.0.1"), vrrppacket.Multicast4))
	waitReady(t, ready) // and so is what comes later
}

func TestAClosedSocketEndsItsGoroutine(t *testing.T) {
	left, _ := wire(t)
	ready := make(chan link.Key)
	c, err := kernel(t).Open(link.Key{Index: left.Index, Family: link.IPv4, Group: vrrppacket.Multicast4}, ready)
	check(t, err)
	done := make(chan error, 1)
	go func() { done <- c.Close() }()
	select {
	case err := <-done:
		check(t, err)
	case <-time.After(5 * time.Second):
		t.Fatal("Close hangs")
	}
}

func TestASocketOnNoInterfaceIsAnError(t *testing.T) {
	key := link.Key{Index: 4711, Family: link.IPv4, Group: vrrppacket.Multicast4}
	if _, err := kernel(t).Open(key, make(chan link.Key)); err == nil {
		t.Error("Open succeeded")
	}
}

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

func TestAnnounceIsAGratuitousARPRequest(t *testing.T) {
	left, right := wire(t)
	ifi, err := net.InterfaceByName("right")
	check(t, err)
	tap, err := packet.Listen(ifi, packet.Raw, unix.ETH_P_ARP, nil)
	check(t, err)
	defer tap.Close()
	check(t, tap.SetReadDeadline(time.Now().Add(5*time.Second)))
	a := kernel(t).Announcer()
	check(t, a.Announce(left, netip.MustParseAddr("10.0.0.100")))
	frame := make([]byte, 128)
	n, _, err := tap.ReadFrom(frame)
	check(t, err)
	mac := string(left.HardwareAddr)
	want := "\xff\xff\xff\xff\xff\xff" + mac + "\x08\x06" + // Ethernet
		"\x00\x01\x08\x00\x06\x04\x00\x01" + // ARP request for IPv4 over Ethernet
		mac + "\x0a\x00\x00\x64" + // sender
		"\xff\xff\xff\xff\xff\xff" + "\x0a\x00\x00\x64" // target
	if got := string(frame[:min(n, len(want))]); got != want {
		t.Errorf("unexpected frame:\n got %x\nwant %x", got, want)
	}
	check(t, a.Close())
	check(t, a.Announce(left, netip.MustParseAddr("10.0.0.101"))) // it is usable after Close
	dev, err := netlink.LinkByIndex(right.Index)
	check(t, err)
	check(t, netlink.LinkDel(dev))
	if err := a.Announce(left, netip.MustParseAddr("10.0.0.101")); err == nil {
		t.Error("announcing on an interface that is gone: no error")
	}
	check(t, a.Close())
}

func TestAnnounceAsAReply(t *testing.T) {
	left, _ := wire(t)
	ifi, err := net.InterfaceByName("right")
	check(t, err)
	tap, err := packet.Listen(ifi, packet.Raw, unix.ETH_P_ARP, nil)
	check(t, err)
	defer tap.Close()
	check(t, tap.SetReadDeadline(time.Now().Add(5*time.Second)))
	a := kernel(t).Announcer()
	check(t, a.AnnounceReply(left, netip.MustParseAddr("10.0.0.100")))
	frame := make([]byte, 128)
	n, _, err := tap.ReadFrom(frame)
	check(t, err)
	mac := string(left.HardwareAddr)
	want := "\xff\xff\xff\xff\xff\xff" + mac + "\x08\x06" + // Ethernet
		"\x00\x01\x08\x00\x06\x04\x00\x02" + // ARP reply for IPv4 over Ethernet
		mac + "\x0a\x00\x00\x64" + // sender
		mac + "\x0a\x00\x00\x64" // target
	if got := string(frame[:min(n, len(want))]); got != want {
		t.Errorf("unexpected frame:\n got %x\nwant %x", got, want)
	}
	check(t, a.Close())
}

func TestTheClockIsNeverEarly(t *testing.T) {
	timer, err := link.SystemClock{}.NewTimer()
	check(t, err)
	defer timer.Close()
	for _, d := range []time.Duration{-time.Second, 0, time.Millisecond, 20 * time.Millisecond} {
		at := time.Now().Add(d)
		check(t, timer.Set(at))
		select {
		case <-timer.C():
			if early := time.Until(at); early > 0 {
				t.Errorf("set to %v: fired %v early", d, early)
			}
		case <-time.After(5 * time.Second):
			t.Fatalf("set to %v: has not fired within 5 s", d)
		}
	}
	check(t, timer.Set(time.Now().Add(time.Hour)))
	check(t, timer.Set(time.Now().Add(time.Millisecond)))
	select {
	case <-timer.C():
	case <-time.After(5 * time.Second):
		t.Fatal("an earlier deadline has not replaced a later one")
	}
}

// TestAPortOfABridgeIsToldAsSuch, in snapshots and in events, and that it is
// none any more, also when its bridge is deleted.
func TestAPortOfABridgeIsToldAsSuch(t *testing.T) {
	wire(t)
	check(t, netlink.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br7"}}))
	bridge, err := netlink.LinkByName("br7")
	check(t, err)
	t.Cleanup(func() { _ = netlink.LinkDel(bridge) })
	left, err := netlink.LinkByName("left")
	check(t, err)

	events, err := kernel(t).Watch(t.Context())
	check(t, err)
	<-events // the snapshot
	wantPort := func(want track.Port) {
		t.Helper()
		for limit := time.After(5 * time.Second); ; {
			select {
			case e := <-events:
				if e.Kind == link.InterfaceChanged && e.Interface.Name == "left" && e.Interface.Port == want {
					return
				}
			case <-limit:
				t.Fatalf("no event within 5 s that says %+v", want)
			}
		}
	}
	port := track.Port{Kind: "bridge", Master: "br7"}
	check(t, netlink.LinkSetMaster(left, bridge))
	wantPort(port)
	list, err := kernel(t).Interfaces()
	check(t, err)
	for _, i := range list {
		if i.Name == "left" && i.Port != port || i.Name == "right" && i.Port != (track.Port{}) {
			t.Errorf("%s is told as a port of %+v", i.Name, i.Port)
		}
	}
	check(t, netlink.LinkSetNoMaster(left))
	wantPort(track.Port{})
	check(t, netlink.LinkSetMaster(left, bridge))
	wantPort(port)
	check(t, netlink.LinkDel(bridge))
	wantPort(track.Port{})
}
