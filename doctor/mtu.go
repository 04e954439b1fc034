package doctor

import (
	"fmt"
	"net/netip"

	"github.com/lvs-director/director/conf"
)

// peerPaths: packets as large as the interface allows do not reach another director.
func peerPaths(d *examination) {
	for _, p := range d.Paths {
		if !p.Peer || !p.Answered || p.Largest == 0 || p.Largest >= p.Tried {
			continue
		}
		d.say(Warning, "path-mtu", fmt.Sprintf("large packets do not reach the peer %s: what directors tell each other, and "+
			"advertisements of many addresses, are lost", p.To), fmt.Sprintf("%s has the MTU %d; %s answers a ping of %d "+
			"bytes, and none of %d (not to be fragmented)", p.Device, p.MTU, p.To, p.Largest, p.Tried),
			"give both hosts and the switches between them one MTU; until then: ip link set dev %s mtu %d", p.Device, p.Largest)
	}
}

// tunnelMTU: a tunnel makes the packets of clients larger, and the way to a real server has to take them.
func tunnelMTU(d *examination) {
	paths := make(map[netip.Addr]Path)
	for _, p := range d.Paths {
		if !p.Peer {
			paths[p.To] = p
		}
	}
	servers, said := make(map[netip.Addr]bool), false
	for _, vs := range d.Config.VirtualServers {
		for _, rs := range vs.RealServers {
			a := rs.Key.Address
			r, known := d.Routes[a]
			if rs.Forward != conf.TUN || !known || r.Error != "" || servers[a] {
				continue
			}
			servers[a] = true
			p, probed := paths[a]
			if !probed {
				p = Path{Device: r.Device, MTU: d.mtu(r.Device)}
				p.Route = p.MTU
			}
			whole := d.clientMTU(vs)
			need := whole + tunnelOverhead(rs)
			sizes := fmt.Sprintf("a packet of %d bytes needs %d in the tunnel (%s); %s has the MTU %d", whole, need,
				rs.Tunnel.Type, p.Device, p.MTU)
			if 0 < p.Route && p.Route < p.MTU {
				sizes += fmt.Sprintf(", the route %d", p.Route)
			}
			switch {
			case p.Answered && 0 < p.Largest && p.Largest < min(need, p.Tried):
				d.say(Warning, "tunnel-mtu", fmt.Sprintf("the way to the real server %s takes smaller packets than the "+
					"interface: those of full size may vanish", a), fmt.Sprintf("%s; a ping of %d bytes is answered, and none of "+
					"%d (not to be fragmented)", sizes, p.Largest, p.Tried), "raise the MTU on the way to %d, or lower the MSS "+
					"on the real server (ip route ... advmss %d)", need, p.Largest-tunnelOverhead(rs)-tcpHeaders(vs))
			case 0 < p.Route && p.Route < need && p.Largest < need && !said:
				said = true // once: it is so for all behind that interface
				d.say(Note, "tunnel-mtu", fmt.Sprintf("the tunnel to %s makes packets larger: those of full size are "+
					"fragmented, or refused with ICMP, which firewalls may drop", a), sizes, "raise the MTU on the way to the "+
					"real servers to %d, or lower the MSS on them (ip route ... advmss %d)", need,
					p.Route-tunnelOverhead(rs)-tcpHeaders(vs))
			}
		}
	}
}

// mtu is that of an interface; 0 is not known.
func (d *examination) mtu(device string) int {
	for _, i := range d.Interfaces {
		if i.Name == device {
			return i.MTU
		}
	}
	return 0
}

// ethernetMTU is what packets of clients are expected to be when their interface is not known (RFC 894).
const ethernetMTU = 1500

// clientMTU is the largest packet, in bytes, that clients of a virtual server send: the MTU of the interface
// of its address, and 1500 when that is not known.
func (d *examination) clientMTU(vs *conf.VirtualServer) int {
	for _, in := range d.Config.Instances {
		for _, a := range in.Addresses {
			for _, i := range d.Interfaces {
				if a.Prefix.Addr() == vs.Key.Address && (i.Name == a.Device || a.Device == "" && i.Name == in.Interface) {
					return i.MTU
				}
			}
		}
	}
	return ethernetMTU
}

// tunnelOverhead is what the tunnel to a real server adds to a packet, in bytes: a header of IPv4
// (20) or IPv6 (40), and of GUE and GRE what the kernel's IPVS puts between (ip_vs_xmit.c).
func tunnelOverhead(rs *conf.RealServer) int {
	const ip4, ip6, udp, gue, gueChecksum, gre, greChecksum = 20, 40, 8, 4, 8, 4, 4
	size := ip4
	if rs.Key.Address.Is6() {
		size = ip6
	}
	switch rs.Tunnel.Type {
	case conf.GUE:
		size += udp + gue
		if rs.Tunnel.Checksum == "remcsum" {
			size += gueChecksum
		}
	case conf.GRE:
		size += gre
		if rs.Tunnel.Checksum == "csum" {
			size += greChecksum
		}
	}
	return size
}

// tcpHeaders are those of a packet of a client, without options, in bytes.
func tcpHeaders(vs *conf.VirtualServer) int {
	if is6(vs) {
		return 60
	}
	return 40
}
