package hostcheck

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/doctor"
)

// echoPatience is how long replies to a ping are waited for.
const echoPatience = 500 * time.Millisecond

// gatewayFacts pings the NAT real servers in networks of this host, from the address that
// this host has there and from one in another network: only the reply to the second takes
// the way that answers to clients take.
func gatewayFacts(cfg *conf.Config, routes map[netip.Addr]doctor.Route, interfaces []doctor.Interface) (
	list []doctor.WayBack) {
	servers := make(map[netip.Addr]bool)
	for _, vs := range cfg.VirtualServers {
		for _, rs := range vs.RealServers {
			a := rs.Key.Address
			r, known := routes[a]
			if rs.Forward != conf.NAT || !known || !a.Is4() || servers[a] || r.Gateway.IsValid() || r.Error != "" {
				continue
			}
			servers[a] = true
			if far := elsewhere(a, r.Device, interfaces); far.IsValid() && r.Source.Is4() && r.Source != a {
				list = append(list, doctor.WayBack{Server: a, Near: r.Source, Far: far})
			}
		}
	}
	sources := make(map[netip.Addr][]netip.Addr)
	for _, w := range list {
		sources[w.Near] = append(sources[w.Near], w.Server)
		sources[w.Far] = append(sources[w.Far], w.Server)
	}
	answers := make(chan map[[2]netip.Addr]bool, len(sources))
	opened := 0
	for source, targets := range sources {
		// In this thread, whose network namespace it is. Without CAP_NET_RAW nothing is known.
		if c, err := net.ListenPacket("ip4:icmp", source.String()); err == nil {
			opened++
			go func() { answers <- pings(c, source, targets) }()
		}
	}
	replied := make(map[[2]netip.Addr]bool)
	for range opened {
		for pair := range <-answers {
			replied[pair] = true
		}
	}
	for n, w := range list {
		list[n].NearReplied = replied[[2]netip.Addr{w.Near, w.Server}]
		list[n].FarReplied = replied[[2]netip.Addr{w.Far, w.Server}]
	}
	return list
}

// elsewhere is an address of this host that a real server behind a device reaches by its
// gateway only; invalid when there is none.
func elsewhere(server netip.Addr, device string, interfaces []doctor.Interface) netip.Addr {
	var near []netip.Prefix
	for _, i := range interfaces {
		if i.Name == device {
			near = i.Addresses
		}
	}
	for _, i := range interfaces {
		for _, p := range i.Addresses {
			a := p.Addr()
			if i.Name == device || !a.Is4() || a.IsLoopback() || p.Contains(server) {
				continue
			}
			onLink := false
			for _, n := range near {
				onLink = onLink || n.Contains(a)
			}
			if !onLink {
				return a
			}
		}
	}
	return netip.Addr{}
}

// pings sends an echo request (RFC 792) to each target by c, which it closes, and says who replied.
func pings(c net.PacketConn, source netip.Addr, targets []netip.Addr) map[[2]netip.Addr]bool {
	const request, reply, header, maxEcho = 8, 0, 8, 1500
	replied := make(map[[2]netip.Addr]bool)
	defer c.Close()
	id := uint16(os.Getpid())
	for _, target := range targets {
		message := []byte{request, 0, 0, 0, byte(id >> 8), byte(id), 0, 1}
		binary.BigEndian.PutUint16(message[2:], onesComplement(message))
		_, _ = c.WriteTo(message, &net.IPAddr{IP: target.AsSlice()}) // no reply then
	}
	if c.SetReadDeadline(time.Now().Add(echoPatience)) != nil {
		return replied
	}
	buffer := make([]byte, maxEcho)
	for len(replied) < len(targets) {
		n, from, err := c.ReadFrom(buffer)
		if err != nil {
			break
		}
		a, err := netip.ParseAddr(from.String())
		if err == nil && n >= header && buffer[0] == reply && binary.BigEndian.Uint16(buffer[4:]) == id {
			replied[[2]netip.Addr{source, a}] = true
		}
	}
	return replied
}

// onesComplement is the checksum of RFC 1071 over an even number of bytes.
func onesComplement(b []byte) uint16 {
	sum := uint32(0)
	for n := 0; n+1 < len(b); n += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[n:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// wayTo is the interface where packets to an address leave, in this thread's network namespace.
func wayTo(a netip.Addr) (device string, err error) {
	routes, err := netlink.RouteGet(a.AsSlice())
	if err == nil && len(routes) == 0 {
		err = errors.New("the kernel has no route to it")
	}
	if err != nil {
		return "", err
	}
	link, err := net.InterfaceByIndex(routes[0].LinkIndex)
	if err != nil {
		return "", err
	}
	return link.Name, nil
}
