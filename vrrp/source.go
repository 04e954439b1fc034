package vrrp

import (
	"net/netip"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/resource"
	"github.com/lvs-director/director/vrrp/track"
)

// The source of advertisements: configured, or the interface's own address.

// sourceOf is the address that an instance's advertisements leave from; none
// is the zero Addr.
func (t *interfaces) sourceOf(cfg *conf.Instance, on *iface) netip.Addr {
	switch {
	case cfg.SourceAddress.IsValid():
		return cfg.SourceAddress
	case on == nil:
		return netip.Addr{}
	case !cfg.IPv6:
		return on.primary()
	case len(cfg.UnicastPeers) > 0:
		return on.own6(t.virtual, near(cfg.UnicastPeers))
	}
	return on.own6(t.virtual, linkLocal)
}

// has says whether the host has an address that can be a source: over IPv6 one
// of an interface's own, over IPv4 also a virtual one that is there.
func (t *interfaces) has(addr netip.Addr) bool {
	for _, i := range t.byIndex {
		for p, own := range i.addrs {
			if p.Addr() == addr && own.dad == link.DADPassed {
				return true
			}
		}
		for p := range i.virtual {
			if p.Addr() == addr && addr.Is4() {
				return true
			}
		}
	}
	return false
}

// primary is the IPv4 address that the kernel would send from (the first one
// that is not secondary), or the zero Addr.
func (i *iface) primary() netip.Addr {
	var first netip.Addr
	var order uint64
	for p, own := range i.addrs {
		if p.Addr().Is4() && !own.secondary && (!first.IsValid() || own.order < order) {
			first, order = p.Addr(), own.order
		}
	}
	return first
}

// own6 is the IPv6 address of the interface itself that is better than the
// others, or the zero Addr; rank 0 is none at all, and so is one that is only
// temporary (RFC 8981). Of equals the first one counts. A virtual address that
// was there before it was configured comes last in its rank: it is its owner's.
func (i *iface) own6(virtual func(resource.AddressKey) bool, rank func(netip.Prefix) int) netip.Addr {
	var best netip.Addr
	var order uint64
	high := 0
	for p, own := range i.addrs {
		if !p.Addr().Is6() || own.secondary || own.dad != link.DADPassed {
			continue
		}
		r := 2 * rank(p)
		if r > 0 && !virtual(resource.AddressKey{Device: i.Name, Prefix: p}) {
			r++
		}
		if r > high || r > 0 && r == high && own.order < order {
			best, order, high = p.Addr(), own.order, r
		}
	}
	return best
}

// linkLocal is what multicast leaves from (RFC 9568 section 5.1.2.1).
func linkLocal(p netip.Prefix) int {
	if p.Addr().IsLinkLocalUnicast() {
		return 1
	}
	return 0
}

// near is what unicast leaves from when nothing is configured: an address that
// the peers have probably been told of, best one in their network.
func near(peers []conf.UnicastPeer) func(netip.Prefix) int {
	return func(p netip.Prefix) (rank int) {
		for _, peer := range peers {
			switch {
			case peer.Address.IsLinkLocalUnicast() != p.Addr().IsLinkLocalUnicast():
			case p.Contains(peer.Address):
				return 2
			default:
				rank = 1
			}
		}
		return rank
	}
}

// noSource says why an instance without a configured source has none.
func noSource(cfg *conf.Instance, on *iface) string {
	text := track.WithoutSource(cfg)
	if on == nil || !cfg.IPv6 {
		return text
	}
	name := cfg.Interface
	rank, kind := linkLocal, "link-local address"
	if len(cfg.UnicastPeers) > 0 {
		rank, kind = near(cfg.UnicastPeers), "address"
	}
	for p, own := range on.addrs {
		switch {
		case !p.Addr().Is6() || rank(p) == 0:
		case own.dad == link.DADTentative:
			return kind + " " + p.Addr().String() + " of interface " + name + " is being checked for duplicates"
		case own.dad == link.DADFailed:
			return kind + " " + p.Addr().String() + " of interface " + name +
				" is another host's too (duplicate address detection failed)"
		}
	}
	if len(cfg.UnicastPeers) > 0 {
		return text + " for its peers (unicast_src_ip names one)"
	}
	return text + " (see net.ipv6.conf." + name + ".disable_ipv6 and addr_gen_mode)"
}
