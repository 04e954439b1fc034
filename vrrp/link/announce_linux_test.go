package link_test

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/mdlayher/packet"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

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
