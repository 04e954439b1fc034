package doctor

import (
	"net/netip"
	"strconv"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// Facts are what is known of a host. A nil map or list is not known, or empty.
type Facts struct {
	Config *conf.Config
	// Settings are those of the kernel by name ("net.ipv4.ip_forward"); one that is
	// not there is not known.
	Settings map[string]string
	// Interfaces of this host.
	Interfaces []Interface
	// Missing is what the configuration needs and the kernel has not.
	Missing []Missing
	// Marks are the firewall marks that a rule of nftables sets; nil is not known.
	Marks map[uint32]bool
	// Filters are chains of nftables in the way of packets to this host.
	Filters []Filter
	// Routes are the ways to real servers.
	Routes map[netip.Addr]Route
	// Answers are hosts that answered ARP for a virtual address, asked from an address
	// of this host.
	Answers []Answer
	// WaysBack are NAT real servers in networks of this host that were pinged.
	WaysBack []WayBack
	// Others are programs that manage the same things, by name.
	Others map[string][]int
	// Files are texts by path ("/etc/nftables.conf").
	Files map[string]string
	// Survey is what was heard on the links.
	Survey Survey
	// Claims are hosts that answered the question who has a virtual address of an instance.
	Claims []Claim
	// Held are virtual addresses that this host had all the time, by interface.
	Held map[netip.Addr]string
	// Roles are what the director that runs says of its instances, by their name; nil is not known.
	Roles map[string]Role
	// Paths are how large packets to peers and to real servers of TUN may be.
	Paths []Path
	// Returns are ways to routers whose advertisements are expected.
	Returns []Return
	// Strangers are other routers' advertisements that are refused, in words.
	Strangers []string
	// Connections are those that IPVS has, -1 is not known.
	Connections int
}

// Missing is something that the kernel lacks.
type Missing struct {
	What   string // "scheduler mh"
	Source string // "module ip_vs_mh", "CONFIG_IP_VS_PROTO_SCTP"
	Server string // virtual server that needs it; empty is all of them
}

// Interface is one of this host.
type Interface struct {
	Name      string
	MTU       int
	Addresses []netip.Prefix
	LRO       bool // large receive offload
}

// Filter is a base chain of the hook input or forward.
type Filter struct {
	Name string // "table inet filter, chain input"
	Hook string // "input", "prerouting", "forward"
	Drop bool   // its policy
	VRRP bool   // one of its rules names protocol 112
	// DropsVRRP: the first of these drops, perhaps under further conditions.
	DropsVRRP bool
	// Ports are destination ports that its rules name; nil with Drop is none.
	Ports map[uint16]bool
	// Jumps: it sends packets to other chains, which were not looked into.
	Jumps bool
}

// Route is the way to a real server.
type Route struct {
	Device  string
	Gateway netip.Addr // invalid for a neighbour
	Source  netip.Addr // that this host has on the way
	Error   string     // why there is none
}

// Answer is a host that answered ARP for a virtual address.
type Answer struct {
	VIP    netip.Addr
	Device string
	MAC    string
	Server netip.Addr // real server with that hardware address; invalid for another host
}

// Claim is a host that answered who has a virtual address: an ARP probe (RFC 5227), or a neighbour
// solicitation (RFC 4861).
type Claim struct {
	Address netip.Addr
	Device  string // the answer came in there
	MAC     string
	Known   netip.Addr // another address of that host; invalid is not known
}

// Role is what the director that runs says of an instance.
type Role struct {
	State    event.VRRPState
	Priority int
	// Elsewhere is the connected peer, in words, that says that it is MASTER of the same; empty is none.
	Elsewhere string
}

// Path is how large packets to a host may be. Sizes are bytes of whole IP packets.
type Path struct {
	To     netip.Addr
	Peer   bool // it is another director; else a real server
	Device string
	MTU    int // of the interface
	Route  int // what the kernel knows of the way, at most MTU
	// Answered: it answers a small ping. Largest is the largest that it answers when no router may
	// cut packets, 0 is none, and Tried the largest that was sent.
	Answered       bool
	Largest, Tried int
}

// Return is the way from this host to a router whose advertisements an instance expects.
type Return struct {
	Instance string
	Device   string     // where the advertisements come in
	Router   netip.Addr // or any address of the network, when the router is not known
	Known    bool       // the router is
	Back     string     // interface where packets to it leave
}

// WayBack is how a real server answers a ping from two addresses of this host: Near is in
// its network, Far in another, so that the reply takes the way of answers to clients.
type WayBack struct {
	Server, Near, Far       netip.Addr
	NearReplied, FarReplied bool
}

// setting is a number, and whether it is known.
func (f *Facts) setting(name string) (n int, known bool) {
	text, there := f.Settings[name]
	if !there {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	return n, err == nil
}

// is says that a setting is known and has that value.
func (f *Facts) is(name string, value int) bool {
	n, known := f.setting(name)
	return known && n == value
}

// uses says that a real server is reached by the method.
func (f *Facts) uses(methods ...conf.ForwardMethod) bool {
	for _, vs := range f.Config.VirtualServers {
		for _, rs := range vs.RealServers {
			for _, m := range methods {
				if rs.Forward == m {
					return true
				}
			}
		}
	}
	return false
}

// any says that a virtual server is so.
func (f *Facts) any(is func(*conf.VirtualServer) bool) bool {
	for _, vs := range f.Config.VirtualServers {
		if is(vs) {
			return true
		}
	}
	return false
}
