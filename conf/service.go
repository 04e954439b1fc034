package conf

import (
	"net/netip"
	"strconv"
	"time"
)

// Protocol is the transport of a virtual server.
type Protocol uint8

// The protocols IPVS balances, with their IP protocol numbers.
const (
	TCP  Protocol = 6
	UDP  Protocol = 17
	SCTP Protocol = 132
)

// String is the lower-case name, as in "[10.0.0.1]:tcp:80".
func (p Protocol) String() string {
	switch p {
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	case SCTP:
		return "sctp"
	}
	return "proto" + strconv.Itoa(int(p))
}

// ForwardMethod is how IPVS passes packets to a real server (lb_kind).
type ForwardMethod uint8

// The forward methods; tunnel types are separate.
const (
	NAT ForwardMethod = iota
	DR
	TUN
	// FNAT is full NAT, director's own: NAT whose packets also get a source address
	// of the director, so that real servers need no route back through it.
	FNAT
)

// String is the word of the configuration.
func (f ForwardMethod) String() string {
	return [...]string{"NAT", "DR", "TUN", "FNAT"}[f%4]
}

// Rewrites says that packets get the real server's address and port: NAT and FNAT.
// With the others they keep the port of the virtual server.
func (f ForwardMethod) Rewrites() bool { return f == NAT || f == FNAT }

// ServiceKey identifies a virtual server in the kernel: address, port and
// protocol, or a firewall mark with its family. It is comparable.
type ServiceKey struct {
	Protocol Protocol
	Address  netip.Addr
	Port     uint16
	FWMark   uint32 // not 0 means the fields above are zero
	IPv6     bool   // family of a firewall mark
}

// String is the form keepalived writes to its FIFOs, "[10.0.0.1]:tcp:80" and
// "FWM 5"; the IPv6 service of a firewall mark, which is another, is "FWM 5 inet6".
func (k ServiceKey) String() string {
	if k.FWMark != 0 {
		s := "FWM " + strconv.FormatUint(uint64(k.FWMark), 10)
		if k.IPv6 {
			s += " inet6"
		}
		return s
	}
	return endpoint(k.Address, k.Protocol, k.Port)
}

// endpoint is "[10.0.0.2]:tcp:80". There are tens of thousands of them, often.
func endpoint(address netip.Addr, protocol Protocol, port uint16) string {
	b := address.AppendTo(append(make([]byte, 0, 64), '['))
	b = append(append(append(b, "]:"...), protocol.String()...), ':')
	return string(strconv.AppendUint(b, uint64(port), 10))
}

// Tunnel is what lb_kind TUN says of the tunnel (type).
type Tunnel struct {
	Type TunnelType
	Port uint16 // GUE only
	// Checksum is "nocsum", "csum" or "remcsum"; GUE and GRE only.
	Checksum string
}

// TunnelType is the encapsulation of TUN, numbered as in the kernel (IP_VS_CONN_F_TUNNEL_TYPE_*).
type TunnelType uint8

// The encapsulations.
const (
	IPIP TunnelType = iota
	GUE
	GRE
)

// String is the word of the configuration.
func (t TunnelType) String() string { return [...]string{"ipip", "gue", "gre"}[t%3] }

// Flags of a virtual server, as the kernel numbers them (IP_VS_SVC_F_*).
const (
	FlagOnePacket uint32 = 0x0004
	FlagSched1    uint32 = 0x0008 // sh-fallback, mh-fallback
	FlagSched2    uint32 = 0x0010 // sh-port, mh-port
	FlagSched3    uint32 = 0x0020
)

// CheckTiming is what real servers inherit from their virtual server, and
// checkers from their real server. It has been applied to the checkers, which
// alone need it; here it is what the block says or inherits.
type CheckTiming struct {
	Interval   time.Duration // delay_loop
	Retries    int           // retry; -1 is the default of each kind of checker
	Rise       int           // rise; 0 is 1
	RetryDelay time.Duration // delay_before_retry; -1 is the default of each kind of checker
	Timeout    time.Duration // connect_timeout
	Warmup     time.Duration // -1 is Interval
}

// SorryServer takes the traffic when the quorum is lost.
type SorryServer struct {
	Key     ServerKey
	Forward ForwardMethod
	Tunnel  Tunnel
	Inhibit bool // weight 0 rather than removal
}

// VirtualServerGroup is a virtual_server_group block: services that share real servers.
type VirtualServerGroup struct {
	Name    string
	Entries []GroupEntry
}

// GroupEntry is one line of a virtual_server_group: addresses with a port, or a firewall mark.
type GroupEntry struct {
	First, Last netip.Addr // the same for one address
	Port        uint16
	FWMark      uint32
	IPv6        bool // family of a firewall mark
}

// VirtualServer is a virtual_server block.
type VirtualServer struct {
	// Key is the service; zero when Group is set.
	Key ServiceKey
	// Group is the name of the virtual_server_group. Services has its keys.
	Group string
	// Services are the kernel's services of this virtual server: Key, or one for
	// each address and mark of Group.
	Services  []ServiceKey
	Scheduler string // kernel name: rr, wlc, mh, ...
	// Flags are the scheduler flags flag-1..3 and ops as the kernel numbers
	// them (IP_VS_SVC_F_*); persistence is apart.
	Flags uint32
	// Persistence is persistence_timeout; 0 is off.
	Persistence time.Duration
	// PersistenceMask is the number of leading address bits that share a
	// template: 32 or 128 unless persistence_granularity says otherwise.
	PersistenceMask   int
	PersistenceEngine string
	Forward           ForwardMethod
	// LocalAddresses are the source addresses of FNAT (local_address); empty is the
	// host's own address on the way to the real server.
	LocalAddresses []netip.Addr
	// Match are the packets that director marks for this virtual server; nil is none.
	// Services then has the mark.
	Match *Match
	// GroupAsMark folds Group into one firewall mark (group_as_mark).
	GroupAsMark bool

	// Quorum is the sum of alive weights that makes the service good; Hysteresis the band around it.
	Quorum     uint32
	Hysteresis uint32
	Alpha      bool // real servers start down
	Omega      bool // scripts run for what was up at shutdown
	HASuspend  bool
	QuorumUp   Script
	QuorumDown Script

	Tunnel      Tunnel
	Weight      int // default of its real servers
	Inhibit     bool
	Sorry       *SorryServer
	VirtualHost string // default Host header of HTTP checks
	SMTPAlert   Choice
	SNMPName    string
	Timing      CheckTiming

	// DrainTimeout is how long a real server that leaves may finish its connections
	// (drain_timeout); 0 removes it at once, as keepalived does.
	DrainTimeout time.Duration
	// SlowStart is how long a real server that has come back takes to get all of its weight
	// (slow_start); 0 gives it all at once, as keepalived does.
	SlowStart time.Duration
	// EndFlows ends the connections to a real server that fails (end_flows_on_failure).
	// Load makes it Yes or No.
	EndFlows Choice
	// OnlyOnMaster has the service in the table only while this host holds its virtual
	// address (only_on_master); Unset does so where a real server is this host or a peer.
	OnlyOnMaster Choice
	// MasterOf is the name of the instance whose MASTER has it, with OnlyOnMaster; empty is
	// the one that has the virtual address.
	MasterOf string

	RealServers []*RealServer
}

// String is the text of the identity.
func (v *VirtualServer) String() string { return v.ID().String() }

// ServerKey identifies a real server inside its virtual server. It is comparable.
type ServerKey struct {
	Address netip.Addr
	Port    uint16 // never 0: an omitted port is the virtual server's (0 only for firewall marks)
}

// RealServer is a real_server block with the virtual server's defaults applied.
type RealServer struct {
	Key        ServerKey
	Protocol   Protocol // of the virtual server, for texts
	Weight     int      // 0..2147483647
	Forward    ForwardMethod
	Upper      uint32 // uthreshold: connections, 0 is no limit
	Lower      uint32 // lthreshold
	Inhibit    bool   // inhibit_on_failure: weight 0 rather than removal
	Alpha      bool   // down until the first success
	NotifyUp   Script
	NotifyDown Script
	Checkers   []Checker

	Tunnel      Tunnel
	VirtualHost string
	SMTPAlert   Choice
	SNMPName    string
	Timing      CheckTiming

	DrainTimeout time.Duration // that of the virtual server unless it says its own
	SlowStart    time.Duration // likewise
}

// String is the form keepalived writes to its FIFOs: "[10.0.0.2]:tcp:80".
func (r *RealServer) String() string {
	return endpoint(r.Key.Address, r.Protocol, r.Key.Port)
}
