package conf

import (
	"net/netip"
)

// Route is a virtual or static route. What is not said is zero.
type Route struct {
	Type        string       // unicast, blackhole, unreachable, prohibit, throw, local, ...; empty is unicast
	Destination netip.Prefix // ::/0 or 0.0.0.0/0 for default
	Source      netip.Addr   // preferred source address
	Via         netip.Addr
	Device      string
	Table       string // number or name; empty is main
	Metric      uint32
	Scope       string
	Protocol    string
	TOS         uint8
	MTU         uint32
	AdvMSS      uint32
	InitCwnd    uint32
	InitRwnd    uint32
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

// Rule is a virtual or static policy routing rule.
type Rule struct {
	Not        bool
	IPv6       bool
	From, To   netip.Prefix // zero is all
	Table      string
	Priority   uint32 // preference; always set
	TOS        uint8
	FWMark     uint32
	FWMask     uint32
	InputIf    string
	OutputIf   string
	Action     string // lookup, blackhole, unreachable, prohibit, nop, goto
	Goto       uint32
	NoTrack    bool
	TrackGroup string
	L3MDev     bool
	UIDs       string
	// Text is the line as it was written, for words that have no field here.
	Text string
}
