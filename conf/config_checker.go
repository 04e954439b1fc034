package conf

import (
	"fmt"
	"net/netip"
	"time"
)

// FirstCheckMark and LastCheckMark are the firewall marks of checks as_client.
const (
	FirstCheckMark uint32 = 0x44000000
	LastCheckMark  uint32 = 0x44ffffff
)

// IsCheckMark says whether a mark is kept for checks as_client.
func IsCheckMark(mark uint32) bool { return mark >= FirstCheckMark && mark <= LastCheckMark }

// CheckKind is the kind of a checker: its block's keyword.
type CheckKind string

// The kinds of checkers. What runs one skips the kinds it does not know.
const (
	TCPCheck  CheckKind = "TCP_CHECK"
	HTTPGet   CheckKind = "HTTP_GET"
	SSLGet    CheckKind = "SSL_GET"
	PingCheck CheckKind = "PING_CHECK"
	SMTPCheck CheckKind = "SMTP_CHECK"
	DNSCheck  CheckKind = "DNS_CHECK"
	MiscCheck CheckKind = "MISC_CHECK"
	UDPCheck  CheckKind = "UDP_CHECK"
	FileCheck CheckKind = "FILE_CHECK"
	BFDCheck  CheckKind = "BFD_CHECK"
	// The others are director's own.
	AgentCheck CheckKind = "AGENT_CHECK"
	QueryCheck CheckKind = "QUERY_CHECK"
	GRPCCheck  CheckKind = "GRPC_CHECK"
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
	// AsClient has the check go where a packet of a client goes: to the virtual address, which is
	// ConnectIP, with a firewall mark of its own by which IPVS on this host sends it to the real
	// server Server. Only of DR and TUN.
	AsClient bool
	Server   netip.Addr

	Timeout time.Duration // connect_timeout; bounds each step and, times a small factor, the whole check
	// TotalTimeout bounds all that follows the connect (HTTP_GET, SSL_GET, QUERY_CHECK,
	// GRPC_CHECK); 0 is 4 times Timeout.
	TotalTimeout time.Duration
	Interval     time.Duration // delay_loop
	Warmup       time.Duration // bound of the random delay before the first run; 0 is none
	// Retries is how many further failures in a row are forgiven while up;
	// RetryDelay is how soon the next try comes.
	Retries    int
	RetryDelay time.Duration
	// Rise is how many successes in a row bring it up; 0 is 1.
	Rise int
	// UnknownDown has the check count as down when this host failed to make it more than
	// Retries times in a row (unknown_counts down). Otherwise the state before stays.
	UnknownDown bool

	Alpha  bool
	LogAll bool // log_all_failures

	HTTP *HTTPCheck       // set for HTTP_GET and SSL_GET
	SMTP *SMTPCheckParams // set for SMTP_CHECK
	DNS  *DNSCheckParams  // set for DNS_CHECK
	Misc *MiscCheckParams // set for MISC_CHECK
	UDP  *UDPCheckParams  // set for UDP_CHECK
	File *FileCheckParams // set for FILE_CHECK
	// BFD is the name of the bfd_instance of BFD_CHECK. It is empty when there is none that can be
	// used: the check is not run, and the real server counts as up.
	BFD string
	// Agent is set for AGENT_CHECK, Query for QUERY_CHECK, GRPC for GRPC_CHECK.
	Agent *AgentCheckParams
	Query *QueryCheckParams
	GRPC  *GRPCCheckParams
}

// SMTPCheckParams is what is particular to SMTP_CHECK.
type SMTPCheckParams struct {
	Hello string // helo_name
}

// DNSCheckParams is what is particular to DNS_CHECK.
type DNSCheckParams struct {
	Type string // A, NS, CNAME, SOA, MX, TXT, AAAA, RRSIG or DNSKEY
	Name string // default the root, "."
}

// MiscCheckParams is what is particular to MISC_CHECK.
type MiscCheckParams struct {
	Script  Script
	Timeout time.Duration // misc_timeout, default delay_loop
	Dynamic bool          // exit status 2..255 sets the weight to status-2
}

// ProgramID identifies the program of a MISC_CHECK, with the words, the user and the time
// limit that it is run with.
func (m *MiscCheckParams) ProgramID() string {
	return fmt.Sprintf("%q user %q group %q timeout %v", m.Script.Argv, m.Script.User, m.Script.Group, m.Script.Timeout)
}

// AgentCheckParams is what is particular to AGENT_CHECK.
type AgentCheckParams struct {
	Send string // sent before the line of the agent is read; empty is nothing
}

// QueryCheckParams is what is particular to QUERY_CHECK.
type QueryCheckParams struct {
	Query string // the name of a ready list of steps; empty is Steps
	Steps []QueryStep
	TLS   bool   // the conversation begins with TLS
	SNI   string // empty is none
}

// QueryStep is a step of a conversation: one of the three.
type QueryStep struct {
	Send     string // bytes to be sent
	Expect   string // an expression that what the server says since the step before must match
	StartTLS bool
}

// Waits says whether the step needs an answer of the server.
func (s QueryStep) Waits() bool { return s.Expect != "" || s.StartTLS }

// GRPCCheckParams is what is particular to GRPC_CHECK (grpc.health.v1).
type GRPCCheckParams struct {
	Service string // empty is the server as a whole
	TLS     bool
	Host    string // authority and SNI; empty is address:port
}

// UDPCheckParams is what is particular to UDP_CHECK.
type UDPCheckParams struct {
	Payload      []byte // empty is the checker's own
	RequireReply bool
	// Reply is what a reply must begin with, under ReplyMask bit by bit; empty is anything.
	Reply, ReplyMask []byte
	MinReply         int // bytes
	MaxReply         int // bytes
}

// FileCheckParams is what is particular to FILE_CHECK.
type FileCheckParams struct {
	Name    string // of the track_file
	Weight  int
	Reverse bool
}

// HTTPCheck is what is particular to HTTP_GET and SSL_GET.
type HTTPCheck struct {
	Protocol     string // "1.0", "1.0C", "1.1" or "2"
	FastRecovery bool
	SNI          string // empty is none (SSL_GET)
	EnableSNI    bool
	VirtualHost  string // Host header of URLs without their own; empty means address:port
	TLSCompliant bool
	// Verify has the server's certificate verified (SSL_GET): by the authorities in the file
	// VerifyCA, empty is the host's, and for the name VerifyName, empty is the one that the
	// server is asked for, else its address.
	Verify               bool
	VerifyCA, VerifyName string
	// ExpiryWarning is how many days before its end a certificate of the server is warned of
	// (SSL_GET); 0 is never.
	ExpiryWarning int
	SSL           *SSL // certificate that SSL_GET shows; nil is none
	URLs          []HTTPURL
}

// HTTPURL is one url block.
type HTTPURL struct {
	Path        string
	VirtualHost string // Host header; empty means address:port of the real server
	// Statuses are the accepted status codes; never empty, default 200-299.
	Statuses []StatusRange
	Method   string       // empty is GET, or POST with a body
	Headers  []HTTPHeader // beside those that the check makes itself
	Body     string
	Dechunk  bool   // put chunks together before digest and regex
	Digest   string // 32 lower-case hex digits: MD5 of the body; empty is not checked
	Regex    *Regex
}

// HTTPHeader is a header of a request. It has no control character.
type HTTPHeader struct{ Name, Value string }

// Regex is a pattern that the body must, or must not, match.
type Regex struct {
	Pattern   string
	NoMatch   bool
	Options   []string // regex_options: caseless, multiline, ...
	MinOffset int      // bytes of the body
	MaxOffset int      // 0 is no limit
}

// SSL is the SSL block: what SSL_GET shows of itself and believes.
type SSL struct {
	Password    Secret
	CA          string
	Certificate string
	Key         string
}

// StatusRange is an inclusive range of HTTP status codes.
type StatusRange struct{ From, To int }
