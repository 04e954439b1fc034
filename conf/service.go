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
)

// String is the word of the configuration.
func (f ForwardMethod) String() string {
	return [...]string{"NAT", "DR", "TUN"}[f%3]
}

// ServiceKey identifies a virtual server in the kernel: address, port and
// protocol, or a firewall mark with its family. It is comparable.
type ServiceKey struct {
	Protocol Protocol
	Address  netip.Addr
	Port     uint16
	FWMark   uint32 // not 0 means the fields above are zero
	IPv6     bool   // family of a firewall mark
}

// String is the form keepalived writes to its FIFOs: "[10.0.0.1]:tcp:80", "FWM 5".
func (k ServiceKey) String() string {
	if k.FWMark != 0 {
		return "FWM " + strconv.FormatUint(uint64(k.FWMark), 10)
	}
	return "[" + k.Address.String() + "]:" + k.Protocol.String() + ":" + strconv.Itoa(int(k.Port))
}

// VirtualServer is a virtual_server block.
type VirtualServer struct {
	Key       ServiceKey
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

	// Quorum is the sum of alive weights that makes the service good; Hysteresis the band around it.
	Quorum     uint32
	Hysteresis uint32
	Alpha      bool // real servers start down
	Omega      bool // scripts run for what was up at shutdown
	HASuspend  bool

	RealServers []*RealServer
}

// String is the key's text.
func (v *VirtualServer) String() string { return v.Key.String() }

// ServerKey identifies a real server inside its virtual server. It is comparable.
type ServerKey struct {
	Address netip.Addr
	Port    uint16 // never 0: an omitted port is the virtual server's (0 only for firewall marks)
}

// RealServer is a real_server block with the virtual server's defaults applied.
type RealServer struct {
	Key        ServerKey
	Protocol   Protocol // of the virtual server, for texts
	Weight     int      // 0..65535
	Forward    ForwardMethod
	Upper      uint32 // uthreshold: connections, 0 is no limit
	Lower      uint32 // lthreshold
	Inhibit    bool   // inhibit_on_failure: weight 0 rather than removal
	Alpha      bool   // down until the first success
	NotifyUp   Script
	NotifyDown Script
	Checkers   []Checker
}

// String is the form keepalived writes to its FIFOs: "[10.0.0.2]:tcp:80".
func (r *RealServer) String() string {
	return "[" + r.Key.Address.String() + "]:" + r.Protocol.String() + ":" + strconv.Itoa(int(r.Key.Port))
}

// CheckKind is the kind of a checker: its block's keyword.
type CheckKind string

// The kinds of checkers that this version runs.
const (
	TCPCheck  CheckKind = "TCP_CHECK"
	HTTPGet   CheckKind = "HTTP_GET"
	SSLGet    CheckKind = "SSL_GET"
	PingCheck CheckKind = "PING_CHECK"
)

// Checker is one check of a real server with all inheritance applied.
type Checker struct {
	Kind CheckKind

	ConnectIP   netip.Addr // default the real server's
	ConnectPort uint16     // default the real server's
	BindIP      netip.Addr // zero is any
	BindPort    uint16
	BindIf      string
	FWMark      uint32

	Timeout  time.Duration // connect_timeout; bounds each step and, times a small factor, the whole check
	Interval time.Duration // delay_loop
	Warmup   time.Duration // bound of the random delay before the first run; 0 is none
	// Retries is how many further failures in a row are forgiven while up;
	// RetryDelay is how soon the next try comes.
	Retries    int
	RetryDelay time.Duration
	Alpha      bool
	LogAll     bool // log_all_failures

	HTTP *HTTPCheck // set for HTTP_GET and SSL_GET
}

// HTTPCheck is what is particular to HTTP_GET and SSL_GET.
type HTTPCheck struct {
	Protocol     string // "1.0", "1.0C" or "1.1"
	FastRecovery bool
	SNI          string // empty is none (SSL_GET)
	EnableSNI    bool
	URLs         []HTTPURL
}

// HTTPURL is one url block.
type HTTPURL struct {
	Path        string
	VirtualHost string // Host header; empty means address:port of the real server
	// Statuses are the accepted status codes; never empty, default 200-299.
	Statuses []StatusRange
	Digest   string // 32 lower-case hex digits: MD5 of the body; empty is not checked
}

// StatusRange is an inclusive range of HTTP status codes.
type StatusRange struct{ From, To int }
