package track

import (
	"net/netip"

	"github.com/lvs-director/director/conf"
)

// Primary is what an instance needs before all that it tracks: facts of its
// interface and of the source of its advertisements. The engine has them from
// the kernel's notifications, Ready from a look at the host.
type Primary struct {
	There, Up bool // of the interface; Up with the delays of links
	Port      Port
	VRF       bool // the instance's VRF exists
	// Unsupported is what the configuration asks for and cannot be had.
	Unsupported string
	// Source is an address that the host has for advertisements to leave from, and
	// NoSource says in words why there is none.
	Source   netip.Addr
	NoSource string
	// Has says that the host has the configured source address.
	Has bool
}

// Fault is what keeps an instance in FAULT because of that; empty is nothing.
func (p Primary) Fault(i *conf.Instance) string {
	name := i.Interface
	switch {
	case name != "" && !p.There:
		return "interface " + name + " does not exist"
	case name != "" && p.Port.Kind != "":
		return p.Port.Fault(name)
	case name != "" && !p.Up && !i.DontTrackPrimary:
		return "interface " + name + " is down"
	case i.VRF != "" && !p.VRF:
		return "VRF " + i.VRF + " does not exist"
	case p.Unsupported != "":
		return p.Unsupported
	case i.UnicastFaultNoPeer && len(i.UnicastPeers) == 0:
		return "there is no unicast_peer"
	}
	return p.SourceFault(i)
}

// SourceFault is what is wrong with the source of advertisements.
func (p Primary) SourceFault(i *conf.Instance) string {
	switch {
	case i.SourceAddress.IsValid() && NeedsSource(i) && !p.Has:
		return missingSource(i)
	case !i.SourceAddress.IsValid() && !p.Source.IsValid():
		return p.NoSource
	}
	return ""
}

// NeedsSource says whether an instance is in FAULT without its configured
// source: with track_src_ip; with unicast, whose answers come to it; and over
// IPv6, where the kernel sends from no address that it does not have. Multicast
// over IPv4 leaves from any address (mcast_src_ip).
func NeedsSource(i *conf.Instance) bool {
	return i.TrackSource || i.IPv6 || len(i.UnicastPeers) > 0
}

// missingSource is what to say then.
func missingSource(i *conf.Instance) string {
	word := "mcast_src_ip"
	switch {
	case i.TrackSource:
		word = "track_src_ip"
	case len(i.UnicastPeers) > 0:
		word = "unicast_src_ip"
	}
	text := "address " + i.SourceAddress.String() + " (" + word + ") is not on this host"
	if i.IPv6 {
		text += ", or still being checked for duplicates"
	}
	return text
}

// WithoutSource says that an interface has no address for advertisements to leave from.
func WithoutSource(i *conf.Instance) string {
	kind := "IPv6 link-local address"
	switch {
	case !i.IPv6:
		kind = "IPv4 address"
	case len(i.UnicastPeers) > 0:
		kind = "IPv6 address"
	}
	return "interface " + i.Interface + " has no " + kind + " of its own"
}
