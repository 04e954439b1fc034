package link_test

import (
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

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
