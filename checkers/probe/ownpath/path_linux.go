package ownpath

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Source is the address from which packets to a real server leave, as the kernel chooses it. Its
// error is that the virtual address has no route, without which no packet begins its way.
func Source(vip, server netip.Addr) (netip.Addr, error) {
	if _, err := route(vip); err != nil {
		return netip.Addr{}, fmt.Errorf("route to %v: %w", vip, err)
	}
	to, err := route(server)
	if err != nil || server.Unmap().Is6() != vip.Unmap().Is6() {
		return netip.Addr{}, nil // the real server cannot be reached, or is of another family: the kernel chooses
	}
	return to, nil
}

// route is the source of packets to an address. Nothing is sent.
func route(to netip.Addr) (netip.Addr, error) {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, 9)))
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	return conn.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap(), nil
}

// Deaf says why this host does not hear answers from a virtual address; empty is that it does. It
// is asked when there was no answer.
func Deaf(vip, server netip.Addr) string {
	if vip = vip.Unmap(); vip.Is6() || !local(vip) {
		return ""
	}
	routes, err := netlink.RouteGet(server.Unmap().AsSlice())
	if err != nil || len(routes) == 0 {
		return "" // then this is what is wrong
	}
	if routes[0].Type == unix.RTN_LOCAL {
		return "" // the real server is this host: its answers take no way
	}
	link, err := net.InterfaceByIndex(routes[0].LinkIndex)
	if err != nil {
		return ""
	}
	for _, name := range []string{"all", link.Name} {
		text, err := os.ReadFile("/proc/sys/net/ipv4/conf/" + name + "/accept_local")
		if err != nil || bytes.Equal(bytes.TrimSpace(text), []byte("1")) {
			return ""
		}
	}
	return fmt.Sprintf("this host has %v and drops answers from it: set net.ipv4.conf.%s.accept_local to 1", vip,
		strings.ReplaceAll(link.Name, ".", "/")) // as sysctl(8) writes it
}

// local says whether this host has an address.
func local(a netip.Addr) bool {
	routes, err := netlink.RouteGet(a.AsSlice())
	return err == nil && len(routes) > 0 && routes[0].Type == unix.RTN_LOCAL
}
