//go:build linux

package pair

import (
	"fmt"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/traffic"
)

// The addresses of both forms. The networks are those of RFC 5737 for
// documentation.
const (
	VIP           = "192.0.2.100"
	InsideGateway = "198.51.100.1" // NAT: the real servers' way out, moves with the VIP
	Service       = VIP + ":80"
	EchoService   = VIP + ":7"

	frontPrefix = "192.0.2.%d/24"
	backPrefix  = "198.51.100.%d/24"
)

// Method is how a director hands packets to its real servers.
type Method string

// The methods of a pair.
const (
	NAT Method = "NAT"
	DR  Method = "DR"
)

// Site is a client, two directors and real servers with their cables in
// place, before any daemon runs.
type Site struct {
	Lab     *lab.Lab
	Method  Method
	Front   *lab.Network
	Back    *lab.Network // NAT only
	Client  *lab.Host
	Dirs    [2]*lab.Host
	Servers []*lab.Host
	Webs    []*traffic.Web
	// IPv6 is whether the virtual router speaks IPv6; see UseIPv6.
	IPv6 bool
	// Place is the interface that gets the virtual addresses of the front
	// network: eth0 when empty.
	Place string
}

// New builds a site and starts the web server of every real server.
func New(t lab.Reporter, method Method, servers int) *Site {
	t.Helper()
	l := lab.New(t)
	s := &Site{Lab: l, Method: method, Front: l.Network("front")}
	if method == NAT {
		s.Back = l.Network("back")
	}
	s.Client = l.Host("client")
	s.Client.Attach(s.Front, "eth0", fmt.Sprintf(frontPrefix, 10))
	for i := range s.Dirs {
		s.Dirs[i] = s.newDirector(i)
	}
	for i := range servers {
		s.Servers = append(s.Servers, s.newServer(i))
		s.Webs = append(s.Webs, nil)
		s.Serve(i)
	}
	return s
}

func (s *Site) newDirector(i int) *lab.Host {
	h := s.Lab.Host(fmt.Sprintf("dir%d", i+1))
	h.Attach(s.Front, "eth0", fmt.Sprintf(frontPrefix, 2+i))
	if s.Method == NAT {
		h.Attach(s.Back, "eth1", fmt.Sprintf(backPrefix, 2+i))
		h.Sysctl("net.ipv4.ip_forward", "1")
		// Packets arrive on the interface by which the translated replies
		// leave, so the kernel would send ICMP redirects.
		h.Sysctl("net.ipv4.conf.all.send_redirects", "0")
	}
	return h
}

func (s *Site) newServer(i int) *lab.Host {
	h := s.Lab.Host(fmt.Sprintf("rs%d", i+1))
	if s.Method == NAT {
		h.Attach(s.Back, "eth0", fmt.Sprintf(backPrefix, 11+i))
		h.Route("default", InsideGateway)
		return h
	}
	h.Attach(s.Front, "eth0", fmt.Sprintf(frontPrefix, 11+i))
	// A direct-routing server has the VIP but must not answer ARP for it.
	h.Sysctl("net.ipv4.conf.all.arp_ignore", "1")
	h.Sysctl("net.ipv4.conf.all.arp_announce", "2")
	h.Address("lo", VIP+"/32")
	return h
}

// Serve starts (or starts again) the web server of a real server.
func (s *Site) Serve(i int) *traffic.Web {
	s.Webs[i] = traffic.ServeWeb(s.Servers[i], 80)
	return s.Webs[i]
}

// ServerAddress is the address under which the directors know a real server.
func (s *Site) ServerAddress(i int) string {
	if s.Method == NAT {
		return fmt.Sprintf("198.51.100.%d", 11+i)
	}
	return fmt.Sprintf("192.0.2.%d", 11+i)
}

// DirectorAddress is a director's primary address on the front network, the
// source of its advertisements.
func DirectorAddress(i int) string { return fmt.Sprintf("192.0.2.%d", 2+i) }

// Holds reports whether a director has every virtual address it should have
// as MASTER; HoldsAny whether it has at least one of them.
func (s *Site) Holds(i int) bool {
	h := s.Dirs[i]
	for _, vip := range s.virtualAddresses() {
		if !h.HasAddress(s.place(), vip) {
			return false
		}
	}
	return s.Method != NAT || h.HasAddress("eth1", InsideGateway)
}

// HoldsAny reports whether a director has any of the virtual addresses.
func (s *Site) HoldsAny(i int) bool {
	h := s.Dirs[i]
	for _, vip := range s.virtualAddresses() {
		if h.HasAddress(s.place(), vip) {
			return true
		}
	}
	return s.Method == NAT && h.HasAddress("eth1", InsideGateway)
}
