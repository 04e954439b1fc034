package link_test

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/packet"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// TestTheFirstAnnouncementAfterDownAndUpLeaves: the kernel leaves the error
// "network is down" in a packet socket that is bound to the interface, and the
// next frame would be lost to it.
func TestTheFirstAnnouncementAfterDownAndUpLeaves(t *testing.T) {
	left, right := wire(t)
	ifi, err := net.InterfaceByName(right.Name)
	check(t, err)
	a := kernel(t).Announcer()
	defer a.Close()
	dev, err := netlink.LinkByIndex(left.Index)
	check(t, err)
	for _, vip := range []string{"10.0.0.100", "2001:db8::100"} {
		addr := netip.MustParseAddr(vip)
		protocol := unix.ETH_P_ARP
		if addr.Is6() {
			protocol = unix.ETH_P_IPV6
		}
		check(t, a.Announce(left, addr)) // whatever is kept of the interface is kept now
		check(t, netlink.LinkSetDown(dev))
		if err := a.Announce(left, addr); err == nil {
			t.Errorf("%s was announced on an interface that is down, and nothing is said", vip)
		}
		check(t, netlink.LinkSetUp(dev))
		waitUp(t, left.Name)
		tap, err := packet.Listen(ifi, packet.Raw, protocol, nil)
		check(t, err)
		check(t, tap.SetReadDeadline(time.Now().Add(5*time.Second)))
		check(t, a.Announce(left, addr))
		frame := make([]byte, 256)
		for {
			n, _, err := tap.ReadFrom(frame)
			check(t, err)
			if bytes.Contains(frame[:n], addr.AsSlice()) {
				break
			}
		}
		check(t, tap.Close())
	}
}

// TestNoSocketIsKeptOfAnInterface: interfaces of containers come and go.
func TestNoSocketIsKeptOfAnInterface(t *testing.T) {
	a := kernel(t).Announcer()
	defer a.Close()
	announce := func() {
		left, _ := wire(t)
		check(t, a.Announce(left, netip.MustParseAddr("10.0.0.100")))
		check(t, a.Announce(left, netip.MustParseAddr("2001:db8::100")))
		dev, err := netlink.LinkByIndex(left.Index)
		check(t, err)
		check(t, netlink.LinkDel(dev))
	}
	announce()
	before := sockets(t)
	for range 3 {
		announce()
	}
	if after := sockets(t); after > before {
		t.Errorf("%d sockets are open, and %d were before three interfaces came and went", after, before)
	}
}

// sockets counts this process's open sockets.
func sockets(t *testing.T) (n int) {
	t.Helper()
	list, err := filepath.Glob("/proc/self/fd/*")
	check(t, err)
	for _, fd := range list {
		if to, err := os.Readlink(fd); err == nil && strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

// waitUp waits until an interface has its carrier: the kernel's link watch
// notices it a moment after the interface came up.
func waitUp(t *testing.T, name string) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		dev, err := netlink.LinkByName(name)
		check(t, err)
		if dev.Attrs().RawFlags&unix.IFF_RUNNING != 0 && dev.Attrs().OperState == netlink.OperUp {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("interface %s has no carrier", name)
		}
	}
}
