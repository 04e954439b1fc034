package table

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// Flags of a service (linux/ip_vs.h, IP_VS_SVC_F_*).
const (
	FlagPersistent uint32 = 0x1
	// FlagHashed is set by the kernel on every service it lists.
	FlagHashed    uint32 = 0x2
	FlagOnePacket uint32 = 0x4
	FlagSched1    uint32 = 0x8
	FlagSched2    uint32 = 0x10
	FlagSched3    uint32 = 0x20

	// FlagFallback is sh-fallback and mh-fallback: a client whose server has
	// weight 0 or is overloaded goes to another one; without it the client's
	// packets are dropped.
	FlagFallback = FlagSched1
	// FlagPort is sh-port and mh-port: the source port is hashed too.
	FlagPort = FlagSched2

	// FlagMask has the flags that are ours to set; the others are the kernel's.
	FlagMask = FlagPersistent | FlagOnePacket | FlagSched1 | FlagSched2 | FlagSched3
)

// Forward is a forwarding method as the kernel numbers it (IP_VS_CONN_F_*).
type Forward uint8

// The forwarding methods.
const (
	Masquerade Forward = 0
	// LocalNode is what some kernels make of any method when the real server's
	// address is their own. It is read, never written.
	LocalNode   Forward = 1
	Tunnel      Forward = 2
	DirectRoute Forward = 3
)

// String is the word of the configuration.
func (f Forward) String() string {
	switch f {
	case Masquerade:
		return "NAT"
	case LocalNode:
		return "local"
	case Tunnel:
		return "TUN"
	case DirectRoute:
		return "DR"
	}
	return "unknown"
}

// Service is a virtual service without its destinations. It is comparable.
type Service struct {
	Key       conf.ServiceKey
	Scheduler string // the kernel's name: wlc, mh, ...
	Flags     uint32 // Flag bits within FlagMask
	Timeout   uint32 // of persistence, in seconds; 0 without
	// MaskBits is how many leading bits of the client's address share a
	// persistence template: 1..32, or 1..128 for IPv6 (where the kernel checks
	// it even without persistence).
	MaskBits int
	Engine   string // persistence engine ("sip"); empty is none
	// Traffic is what the kernel has counted since the service was added. It is read with a list of
	// services, and is no part of what the service is.
	Traffic event.Traffic
}

// Encapsulation is how packets to a real server are wrapped (IPVS_DEST_ATTR_TUN_*). It is
// zero, which is IPIP, for everything that is not reached through a tunnel.
type Encapsulation struct {
	Type  conf.TunnelType
	Port  uint16 // of GUE, never 0 there
	Flags uint16 // TunnelChecksum or TunnelRemote, of GUE and GRE
}

// Flags of a tunnel (IP_VS_TUNNEL_ENCAP_FLAG_*).
const (
	TunnelChecksum uint16 = 0x1
	TunnelRemote   uint16 = 0x2 // remote checksum offload, GUE only
)

// String is what stands behind TUN: "", "gue port 6080 csum", "gre".
func (t Encapsulation) String() string {
	var text string
	switch t.Type {
	case conf.IPIP:
		return ""
	case conf.GUE:
		text = fmt.Sprintf("gue port %d", t.Port)
	default:
		text = t.Type.String()
	}
	switch {
	case t.Flags&TunnelRemote != 0:
		text += " remcsum"
	case t.Flags&TunnelChecksum != 0:
		text += " csum"
	}
	return text
}

// StrangePlace is the place of a real server of weight 0 that was not put there by us.
const StrangePlace = -1

// NoScheduler is the scheduler of a service that has none: its connections go on, and new
// ones are refused.
const NoScheduler = "none"

// Counts are the connections to a real server as the kernel counts them. Templates
// of persistence are in Persistent only.
type Counts struct {
	Active, Inactive, Persistent uint64
	event.Traffic                // since it was added
}

// Open are the connections that a drain waits for.
func (c Counts) Open() uint64 { return c.Active + c.Inactive }

// Destination is a real server of one service. It is comparable.
type Destination struct {
	Key     conf.ServerKey
	Forward Forward
	Tunnel  Encapsulation
	Weight  int    // 0..2147483647; 0 takes no new connections
	Upper   uint32 // connections above which it gets no new ones; 0 is no limit
	Lower   uint32 // connections below which it gets them again

	// Place is the weight by which a real server with weight 0 has its slots in the
	// table of mh: it is added, or set, with that weight first. It is no part of what
	// the kernel tells; 0 is none, or as it should be for all that is known, and
	// StrangePlace is one that somebody else has given it.
	Place int
	// Counts are read from the kernel and never written.
	Counts Counts
}

// Method is the forwarding method in words: "NAT", "TUN gue port 6080 csum".
func (d Destination) Method() string {
	if text := d.Tunnel.String(); text != "" {
		return d.Forward.String() + " " + text
	}
	return d.Forward.String()
}

// Words are scheduler, flags and persistence: "mh mh-fallback persistent 360s".
func (s Service) Words() string {
	words := []string{s.Scheduler}
	names := [...]struct {
		flag uint32
		name string
	}{{FlagSched1, "flag-1"}, {FlagSched2, "flag-2"}, {FlagSched3, "flag-3"}, {FlagOnePacket, "ops"}}
	for _, n := range names {
		if s.Flags&n.flag == 0 {
			continue
		}
		switch {
		case Hashes(s.Scheduler) && n.flag == FlagFallback:
			words = append(words, s.Scheduler+"-fallback")
		case Hashes(s.Scheduler) && n.flag == FlagPort:
			words = append(words, s.Scheduler+"-port")
		default:
			words = append(words, n.name)
		}
	}
	if s.Flags&FlagPersistent != 0 {
		words = append(words, fmt.Sprintf("persistent %ds", s.Timeout))
	}
	if s.Engine != "" {
		words = append(words, "pe "+s.Engine)
	}
	return strings.Join(words, " ")
}

// Entry is a service with its destinations.
type Entry struct {
	Service      Service
	Destinations map[conf.ServerKey]Destination
}

// Table is an IPVS table, or the part of one that somebody cares for.
type Table map[conf.ServiceKey]Entry

// Keys are the services in a fixed order: firewall marks first, then by
// address, protocol and port.
func (t Table) Keys() []conf.ServiceKey {
	return slices.SortedFunc(maps.Keys(t), CompareServices)
}

// Sorted are the destinations in the order in which they are inserted, the
// same on every director: sh and mh map clients by it.
func (e Entry) Sorted() []Destination {
	list := make([]Destination, 0, len(e.Destinations))
	for _, at := range e.order() {
		list = append(list, e.Destinations[at])
	}
	return list
}

// order are the keys of the destinations, in the order of Sorted.
func (e Entry) order() []conf.ServerKey {
	list := slices.AppendSeq(make([]conf.ServerKey, 0, len(e.Destinations)), maps.Keys(e.Destinations))
	slices.SortFunc(list, CompareServers)
	return list
}

// RealServers is the number of destinations of all services.
func (t Table) RealServers() int {
	n := 0
	for _, e := range t {
		n += len(e.Destinations)
	}
	return n
}

// CompareServices orders service keys.
func CompareServices(a, b conf.ServiceKey) int {
	family := func(k conf.ServiceKey) int {
		if k.IPv6 {
			return 6
		}
		return 4
	}
	return cmp.Or(
		a.Address.Compare(b.Address),
		cmp.Compare(a.Protocol, b.Protocol),
		cmp.Compare(a.Port, b.Port),
		cmp.Compare(a.FWMark, b.FWMark),
		cmp.Compare(family(a), family(b)),
	)
}

// CompareServers orders real servers by address, then port.
func CompareServers(a, b conf.ServerKey) int {
	return cmp.Or(a.Address.Compare(b.Address), cmp.Compare(a.Port, b.Port))
}

// Is6 says whether the service is one of the kernel's IPv6 services.
func Is6(k conf.ServiceKey) bool {
	if k.FWMark != 0 {
		return k.IPv6
	}
	return k.Address.Is6()
}

// Canonical is the key under which a service is found in the kernel: IPv4
// addresses are 4 bytes, and fields that do not identify it are zero.
func Canonical(k conf.ServiceKey) conf.ServiceKey {
	if k.FWMark != 0 {
		return conf.ServiceKey{FWMark: k.FWMark, IPv6: k.IPv6}
	}
	return conf.ServiceKey{Protocol: k.Protocol, Address: unzoned(k.Address), Port: k.Port}
}

// CanonicalServer is the key under which a real server is found in the kernel.
func CanonicalServer(k conf.ServerKey) conf.ServerKey {
	return conf.ServerKey{Address: unzoned(k.Address), Port: k.Port}
}

func unzoned(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
