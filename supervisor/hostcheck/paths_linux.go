package hostcheck

import (
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/doctor"
)

const (
	// maxPaths bounds the hosts that are pinged for the size of packets, pathSizes what each is sent in a round.
	maxPaths     = 32
	pathRounds   = 2
	pathPatience = 400 * time.Millisecond
	smallPing    = 84 // bytes of the IP packet, as of ping(8)
)

// pathSizes are whole IP packets, in bytes, that are tried besides the MTU: IPv6's least (1280), and
// what is left of 1500 by usual tunnels, PPPoE and VLANs, and the usual jumbo frames.
var pathSizes = []int{smallPing, 576, 1280, 1400, 1420, 1450, 1480, 1492, 1496, 1500, 1520, 1540, 4000, 9000}

// pathFacts looks how large packets to peers and to real servers of TUN may be: pings of some sizes that
// may not be fragmented, two of each at most. A link-local address has no route, and is left out.
func pathFacts(cfg *conf.Config, f *doctor.Facts) []doctor.Path {
	var list []doctor.Path
	add := func(to netip.Addr, peer bool) {
		known := slices.ContainsFunc(list, func(p doctor.Path) bool { return p.To == to && p.Peer == peer })
		if known || len(list) == maxPaths || to.IsLinkLocalUnicast() {
			return
		}
		p, ok := pathTo(to)
		if p.Peer = peer; ok {
			list = append(list, p)
		}
	}
	for _, in := range cfg.Instances {
		for _, p := range in.UnicastPeers {
			add(p.Address, true)
		}
	}
	for _, p := range cfg.Peers {
		add(p.Address, true)
	}
	for _, vs := range cfg.VirtualServers {
		for _, rs := range vs.RealServers {
			if rs.Forward == conf.TUN {
				add(rs.Key.Address, false)
			}
		}
	}
	var all sync.WaitGroup
	for n := range list {
		e := openEcho(list[n].To) // in this thread, whose network namespace it is
		if e == nil {
			continue
		}
		all.Go(func() { e.measure(&list[n]) })
	}
	all.Wait()
	return list
}

// pathTo asks the kernel for the way to an address; ok is false for none, and for this host itself.
func pathTo(to netip.Addr) (p doctor.Path, ok bool) {
	routes, err := netlink.RouteGet(to.AsSlice())
	if err != nil || len(routes) == 0 || routes[0].Type == unix.RTN_LOCAL {
		return p, false
	}
	link, err := netlink.LinkByIndex(routes[0].LinkIndex)
	if err != nil {
		return p, false
	}
	p = doctor.Path{To: to, Device: link.Attrs().Name, MTU: link.Attrs().MTU, Route: link.Attrs().MTU}
	if m := routes[0].MTU; m > 0 && m < p.Route {
		p.Route = m
	}
	return p, true
}

// echo is a socket for pings to one host.
type echo struct {
	c       *net.IPConn
	six     bool
	id      uint16
	request byte
	reply   byte
}

// openEcho is nil when there is no socket, without CAP_NET_RAW say.
func openEcho(to netip.Addr) *echo {
	e := &echo{six: to.Is6(), id: uint16(os.Getpid()), request: 8, reply: 0} // RFC 792
	network := "ip4:icmp"
	if e.six {
		network, e.request, e.reply = "ip6:ipv6-icmp", 128, 129 // RFC 4443
	}
	c, err := net.DialIP(network, nil, &net.IPAddr{IP: to.AsSlice()})
	if err != nil {
		return nil
	}
	e.c = c
	raw, err := c.SyscallConn()
	var set error
	if err == nil {
		err = raw.Control(func(fd uintptr) { // never fragmented, whatever the kernel knows of the way
			if e.six {
				set = unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_PMTUDISC_PROBE)
			} else {
				set = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_PMTUDISC_PROBE)
			}
		})
	}
	if err != nil || set != nil {
		c.Close()
		return nil
	}
	return e
}

// measure sends the pings and notes which are answered.
func (e *echo) measure(p *doctor.Path) {
	defer e.c.Close()
	sizes := []int{p.MTU}
	for _, size := range pathSizes {
		if size < p.MTU {
			sizes = append(sizes, size)
		}
	}
	slices.Sort(sizes)
	const maxPacket = 65535
	replied := make(map[int]bool) // by the place in sizes
	buffer := make([]byte, maxPacket)
	for range pathRounds {
		for n, size := range sizes {
			if !replied[n] && size <= maxPacket {
				if e.send(uint16(n), size) == nil {
					p.Tried = max(p.Tried, size)
				}
			}
		}
		if e.c.SetReadDeadline(time.Now().Add(pathPatience)) != nil {
			return
		}
		for seen := 0; seen < maxPackets && len(replied) < len(sizes); seen++ {
			length, _, err := e.c.ReadFromIP(buffer) // without the header of IPv4
			if errno, is := errnoOf(err); is && errno != unix.EAGAIN {
				continue // ICMP said something about a packet of ours
			}
			if err != nil {
				break
			}
			if n, ok := e.sequence(buffer[:length]); ok && n < len(sizes) {
				replied[n] = true
			}
		}
		if len(replied) == len(sizes) {
			break
		}
	}
	for n, size := range sizes {
		if replied[n] {
			p.Answered = true
			p.Largest = max(p.Largest, size)
		}
	}
}

// send sends a ping that is size bytes with its IP header.
func (e *echo) send(sequence uint16, size int) error {
	const ip4, ip6, header = 20, 40, 8
	length := size - ip4
	if e.six {
		length = size - ip6
	}
	m := make([]byte, max(length, header))
	m[0] = e.request
	binary.BigEndian.PutUint16(m[4:], e.id)
	binary.BigEndian.PutUint16(m[6:], sequence)
	if !e.six { // the kernel makes that of IPv6; an odd last byte is 0 and adds nothing
		binary.BigEndian.PutUint16(m[2:], onesComplement(m))
	}
	_, err := e.c.Write(m)
	return err
}

// sequence is that of a reply to a ping of ours.
func (e *echo) sequence(m []byte) (int, bool) {
	const header = 8
	if len(m) < header || m[0] != e.reply || binary.BigEndian.Uint16(m[4:]) != e.id {
		return 0, false
	}
	return int(binary.BigEndian.Uint16(m[6:])), true
}

func errnoOf(err error) (errno syscall.Errno, is bool) {
	if op, ok := err.(*net.OpError); ok {
		if sys, ok := op.Err.(*os.SyscallError); ok {
			errno, is = sys.Err.(syscall.Errno)
		}
	}
	return errno, is
}

// returnFacts are the ways back to routers whose advertisements come in by an interface: to unicast peers, and of
// multicast to another address of the network that the advertisements come from.
func returnFacts(cfg *conf.Config, interfaces []doctor.Interface) (list []doctor.Return) {
	for _, in := range cfg.Instances {
		if in.IPv6 || in.VRF != "" || in.Interface == "" || len(list) >= maxGathered {
			continue
		}
		routers, known := []netip.Addr{}, len(in.UnicastPeers) > 0
		for _, p := range in.UnicastPeers {
			routers = append(routers, p.Address)
		}
		if !known {
			routers = append(routers, beside(in, interfaces)...)
		}
		for _, to := range routers {
			p, ok := pathTo(to)
			if ok {
				list = append(list, doctor.Return{Instance: in.Name, Device: in.Interface, Router: to, Known: known,
					Back: p.Device})
			}
			if ok && !known {
				break
			}
		}
	}
	return list
}

// beside are the addresses next to the one of this host that an instance advertises from; none in a network of
// fewer than four addresses.
func beside(in *conf.Instance, interfaces []doctor.Interface) (list []netip.Addr) {
	const smallest = 30
	for _, i := range interfaces {
		for _, p := range i.Addresses {
			a := p.Addr()
			virtual := slices.ContainsFunc(in.Addresses, func(v conf.Address) bool { return v.Prefix.Addr() == a })
			if i.Name != in.Interface || !a.Is4() || p.Bits() > smallest || virtual {
				continue
			}
			for _, next := range []netip.Addr{a.Next(), a.Prev()} {
				// Neither the network's own address nor its broadcast.
				if p.Contains(next) && p.Contains(next.Next()) && p.Contains(next.Prev()) {
					list = append(list, next)
				}
			}
			return list
		}
	}
	return nil
}
