package link_test

import (
	"context"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/packet"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/vrrp/link"
	vrrppacket "github.com/lvs-director/director/vrrp/packet"
)

// wire6 is wire with fe80::a and 2001:db8::a on left, and b on right.
func wire6(t *testing.T) (left, right link.Interface) {
	t.Helper()
	left, right = wire(t)
	for index, address := range map[int][]string{
		left.Index: {"fe80::a/64", "2001:db8::a/64"}, right.Index: {"fe80::b/64", "2001:db8::b/64"},
	} {
		dev, err := netlink.LinkByIndex(index)
		check(t, err)
		for _, a := range address {
			addr, err := netlink.ParseAddr(a)
			check(t, err)
			addr.Flags = unix.IFA_F_NODAD
			check(t, netlink.AddrAdd(dev, addr))
		}
	}
	return left, right
}

func open6(t *testing.T, on link.Interface, local string) (link.Conn, <-chan link.Key) {
	t.Helper()
	key := link.Key{Index: on.Index, Family: link.IPv6, Group: vrrppacket.Multicast6}
	if local != "" {
		key.Group, key.Local = netip.Addr{}, netip.MustParseAddr(local)
	}
	ready := make(chan link.Key)
	c, err := kernel(t).Open(key, ready)
	check(t, err)
	t.Cleanup(func() { check(t, c.Close()) })
	return c, ready
}

func TestIPv6PacketsArriveWhole(t *testing.T) {
	left, right := wire6(t)
	many := make([]netip.Addr, 255)
	for n := range many {
		many[n] = netip.AddrFrom16([16]byte{0: 0xfe, 1: 0x80, 15: byte(n)})
	}
	for _, tt := range []struct {
		name, from, to string // to is the group when empty
		ttl            uint8
		addresses      []netip.Addr
	}{
		{"multicast", "fe80::a", "", 255, many[:2]},
		{"multicast from a global address", "2001:db8::a", "", 255, many[:1]},
		{"link-local unicast", "fe80::a", "fe80::b", 255, many[:2]},
		{"unicast with a hop limit", "2001:db8::a", "2001:db8::b", 64, many[:2]},
		{"longer than the link's MTU", "fe80::a", "", 255, many},
	} {
		t.Run(tt.name, func(t *testing.T) {
			local, to := "", vrrppacket.Multicast6
			if tt.to != "" {
				local, to = tt.from, netip.MustParseAddr(tt.to)
			}
			a, readyA := open6(t, left, local)
			b, readyB := open6(t, right, tt.to)
			sent, err := vrrppacket.Append(nil, &vrrppacket.Advertisement{
				Version: 3, VRID: 10, Priority: 150, Interval: time.Second, Addresses: tt.addresses,
				Source: netip.MustParseAddr(tt.from), Destination: to, TTL: tt.ttl,
			})
			check(t, err)
			check(t, a.Send(sent, to))
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
			if got.TTL != tt.ttl || got.Source != netip.MustParseAddr(tt.from) || got.Destination != to ||
				got.VRID != 10 || len(got.Addresses) != len(tt.addresses) {
				t.Errorf("unexpected packet: %+v", got)
			}
			if batch[0].Age <= 0 || batch[0].Age > time.Second {
				t.Errorf("the packet is %v old, want a little more than 0", batch[0].Age)
			}
			select {
			case <-readyA:
				n, err := a.Receive(batch)
				t.Errorf("the sender's socket became readable: %d packets, %v", n, err)
			default:
			}
		})
	}
}

// TestIPv6UnicastWithoutAnInterface: a socket that is bound to an address alone.
func TestIPv6UnicastWithoutAnInterface(t *testing.T) {
	_, right := wire6(t)
	a, _ := open6(t, link.Interface{}, "2001:db8::a")
	b, ready := open6(t, right, "2001:db8::b")
	to := netip.MustParseAddr("2001:db8::b")
	sent, err := vrrppacket.Append(nil, &vrrppacket.Advertisement{
		Version: 3, VRID: 10, Priority: 150, Interval: time.Second, Addresses: []netip.Addr{netip.MustParseAddr("fe80::c")},
		Source: netip.MustParseAddr("2001:db8::a"), Destination: to,
	})
	check(t, err)
	// Both ends are in one namespace: the kernel would deliver it by lo, which
	// is not b's interface. What counts is that the kernel takes it.
	check(t, a.Send(sent, to))
	if n := testing.AllocsPerRun(100, func() { err = a.Send(sent, to) }); n != 0 || err != nil {
		t.Errorf("sending allocates %v times, error %v", n, err)
	}
	select {
	case <-ready:
		_, err := b.Receive(make([]link.Datagram, 8))
		check(t, err)
		t.Error("a socket on one interface heard what came by another")
	default:
	}
}

func TestIPv6IsNotSentFromAForeignAddress(t *testing.T) {
	left, _ := wire6(t)
	a, _ := open6(t, left, "")
	sent, err := vrrppacket.Append(nil, &vrrppacket.Advertisement{
		Version: 3, VRID: 10, Priority: 150, Interval: time.Second, Addresses: []netip.Addr{netip.MustParseAddr("fe80::c")},
		Source: netip.MustParseAddr("fe80::c"), Destination: vrrppacket.Multicast6,
	})
	check(t, err)
	if err := a.Send(sent, vrrppacket.Multicast6); err == nil || !strings.Contains(err.Error(), "from fe80::c") {
		t.Errorf("Send: %v, want an error that names the address", err)
	}
	for _, junk := range [][]byte{nil, sent[:40]} {
		if err := a.Send(junk, vrrppacket.Multicast6); err == nil {
			t.Errorf("%d bytes were sent", len(junk))
		}
	}
}

func TestNeighborAdvertisementOnTheWire(t *testing.T) {
	left, right := wire6(t)
	ifi, err := net.InterfaceByIndex(right.Index)
	check(t, err)
	tap, err := packet.Listen(ifi, packet.Raw, unix.ETH_P_IPV6, nil)
	check(t, err)
	defer tap.Close()
	a := kernel(t).Announcer()
	defer a.Close()
	for _, forwarding := range []string{"0", "1"} {
		check(t, os.WriteFile("/proc/sys/net/ipv6/conf/left/forwarding", []byte(forwarding), 0))
		check(t, a.Announce(left, netip.MustParseAddr("2001:db8::64")))
		flags := map[string]string{"0": "\x20", "1": "\xa0"}[forwarding] // override, and router
		mac := string(left.HardwareAddr)
		vip := "\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x64"
		want := []string{
			"\x33\x33\x00\x00\x00\x01" + mac + "\x86\xdd" + // Ethernet
				"\x60\x00\x00\x00\x00\x20\x3a\xff" + vip + "\xff\x02" + strings.Repeat("\x00", 13) + "\x01" + // IPv6
				"\x88\x00", flags + "\x00\x00\x00" + vip + "\x02\x01" + mac, // NA, its checksum, target link-layer address
		}
		frame := make([]byte, 256)
		for {
			check(t, tap.SetReadDeadline(time.Now().Add(5*time.Second)))
			n, _, err := tap.ReadFrom(frame)
			check(t, err)
			got := string(frame[:n])
			if !strings.HasPrefix(got, want[0]) {
				continue // the kernel's own
			}
			if checksum := len(want[0]) + 2; got[checksum:] != want[1] {
				t.Errorf("with forwarding %s:\n got %x\nwant %x", forwarding, got[checksum:], want[1])
			}
			break
		}
	}
}

func TestIPv6SwitchedOffIsSaid(t *testing.T) {
	wire6(t)
	check(t, os.WriteFile("/proc/sys/net/ipv6/conf/left/disable_ipv6", []byte("1"), 0))
	a, err := kernel(t).Addresses()
	check(t, err)
	defer a.Close()
	err = a.Add(conf.Address{Prefix: netip.MustParsePrefix("2001:db8::5/128"), Device: "left"})
	if err == nil || !strings.Contains(err.Error(), "net.ipv6.conf.left.disable_ipv6=0") {
		t.Errorf("Add: %v, want an error that says what to do", err)
	}
}

// TestDuplicateAddressDetectionIsTold: an address is told as tentative, and
// again when it has passed.
func TestDuplicateAddressDetectionIsTold(t *testing.T) {
	left, _ := wire6(t)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	events, err := kernel(t).Watch(ctx)
	check(t, err)
	<-events
	check(t, os.WriteFile("/proc/sys/net/ipv6/conf/left/accept_dad", []byte("1"), 0))
	dev, err := netlink.LinkByIndex(left.Index)
	check(t, err)
	addr, err := netlink.ParseAddr("2001:db8::77/64")
	check(t, err)
	check(t, netlink.AddrAdd(dev, addr))
	want := []link.DAD{link.DADTentative, link.DADPassed}
	for deadline := time.After(10 * time.Second); len(want) > 0; {
		select {
		case e := <-events:
			if a := e.Address; e.Kind == link.AddressAdded && a.Prefix.String() == "2001:db8::77/64" && a.DAD == want[0] {
				want = want[1:]
			}
		case <-deadline:
			t.Fatalf("not told within 10 s: state %v", want[0])
		}
	}
}
