package conf

import (
	"net/netip"
	"strconv"
)

// Route is a virtual or static route, in the kernel's numbers.
type Route struct {
	Type        string       // unicast, blackhole, unreachable, prohibit, throw, local, ...; empty is unicast
	Destination netip.Prefix // ::/0 or 0.0.0.0/0 for default
	Source      netip.Addr   // preferred source address
	Via         netip.Addr
	Device      string
	Table       uint32 // always set; TableMain unless said
	Metric      uint32 // 0 is the kernel's choice: none in IPv4, 1024 in IPv6
	Scope       uint8
	Protocol    uint8 // always set; ProtocolKeepalived unless said
	TOS         uint8
	MTU         uint32
	MTULock     bool // path MTU discovery does not change it
	AdvMSS      uint32
	InitCwnd    uint32
	InitRwnd    uint32
	HopLimit    uint32
	OnLink      bool
	NextHops    []NextHop
	NoTrack     bool
	TrackGroup  string
	VRF         string
	// Text is the line as it was written, for words that have no field here.
	Text string
}

// NextHop is one of several ways of a route.
type NextHop struct {
	Via    netip.Addr
	Device string
	Weight int // 1..256
	OnLink bool
}

// Rule is a virtual or static policy routing rule. It is comparable, and but
// for NoTrack, TrackGroup and Text the kernel tells two of them apart by all
// fields.
type Rule struct {
	Not      bool
	IPv6     bool
	From, To netip.Prefix // zero is all
	Table    uint32       // of the action lookup; 0 with L3MDev
	Priority uint32       // preference; always set
	TOS      uint8
	FWMark   uint32
	FWMask   uint32
	InputIf  string
	OutputIf string
	Action   string // lookup, blackhole, unreachable, prohibit, nop, goto
	Goto     uint32
	L3MDev   bool // the table is that of the VRF
	UIDs     UIDRange
	IPProto  uint8 // 0 is any
	// SourcePorts and DestinationPorts are zero for any.
	SourcePorts, DestinationPorts PortRange
	TunnelID                      uint64
	// SuppressPrefix and SuppressGroup are one more than what the line says; 0 is
	// none. A route with a prefix as long as that or shorter, or by an
	// interface of that group, does not count.
	SuppressPrefix, SuppressGroup uint32
	Protocol                      uint8 // always set; ProtocolKeepalived unless said

	NoTrack    bool
	TrackGroup string
	// Text is the line as it was written, for words that have no field here.
	Text string
}

// UIDRange is the users that a rule is for; the zero value is all.
type UIDRange struct {
	Set         bool
	First, Last uint32
}

// PortRange is the ports from First to Last, both included; the zero value is all.
type PortRange struct{ First, Last uint16 }

// Numbers that the kernel gives names to (linux/rtnetlink.h).
const (
	TableMain = 254
	// ProtocolKeepalived marks what keepalived, and director, have put there.
	ProtocolKeepalived = 18
)

var knownScopes = map[string]uint8{"global": 0, "universe": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}

// ScopeNumber is the number of a scope's name or text, and whether it is one.
func ScopeNumber(s string) (uint8, bool) {
	if n, ok := knownScopes[s]; ok || s == "" {
		return n, true
	}
	n, err := strconv.ParseUint(s, 0, 8)
	return uint8(n), err == nil
}
