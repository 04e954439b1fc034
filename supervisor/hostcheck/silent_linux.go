package hostcheck

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
)

const (
	// gatewayPatience is how long the kernel may take to find out that a neighbour is gone: it asks
	// one that it knew again after 5 s.
	gatewayPatience = 9 * time.Second
	gatewayLook     = 250 * time.Millisecond
)

// SilentGateways are the gateways of the default routes that do not answer ARP or neighbour
// discovery; empty when all do, when there is none, or when ctx ends before it is known. It has the
// kernel look for them: a datagram to the port discard (RFC 863) of each.
func SilentGateways(ctx context.Context) []netip.Addr {
	ctx, cancel := context.WithTimeout(ctx, gatewayPatience)
	defer cancel()
	gateways := defaultGateways()
	for _, g := range gateways {
		if c, err := net.Dial("udp", netip.AddrPortFrom(g, 9).String()); err == nil {
			_, _ = c.Write([]byte{0})
			c.Close()
		}
	}
	look := time.NewTicker(gatewayLook)
	defer look.Stop()
	for {
		silent, unknown := statesOf(gateways)
		if !unknown {
			return silent
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return silent
		}
	}
}

func defaultGateways() (list []netip.Addr) {
	routes, _ := netlink.RouteList(nil, netlink.FAMILY_ALL) // none are none
	for _, r := range routes {
		if r.Dst != nil && !r.Dst.IP.IsUnspecified() {
			continue
		}
		if a, ok := netip.AddrFromSlice(r.Gw); ok && !slices.Contains(list, a.Unmap()) && !a.IsLinkLocalUnicast() {
			list = append(list, a.Unmap())
		}
	}
	return list
}

// statesOf are those of the neighbours that are gone; unknown says that the kernel is asking.
func statesOf(neighbours []netip.Addr) (silent []netip.Addr, unknown bool) {
	list, err := netlink.NeighList(0, netlink.FAMILY_ALL)
	if err != nil {
		return nil, false
	}
	for _, a := range neighbours {
		state := 0
		for _, n := range list {
			if ip, ok := netip.AddrFromSlice(n.IP); ok && ip.Unmap() == a {
				state = n.State
			}
		}
		switch {
		case state&netlink.NUD_FAILED != 0:
			silent = append(silent, a)
		case state&(netlink.NUD_INCOMPLETE|netlink.NUD_STALE|netlink.NUD_DELAY|netlink.NUD_PROBE) != 0:
			unknown = true
		}
	}
	return silent, unknown
}
