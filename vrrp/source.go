package vrrp

import (
	"net/netip"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/vrrp/link"
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
	case cfg.IPv6:
		return on.linkLocal(t.virtual)
	}
	return on.primary()
}

// has says whether an interface has an address of its own that can be a source.
func (t *interfaces) has(addr netip.Addr) bool {
	for _, i := range t.byIndex {
		for p, own := range i.addrs {
			if p.Addr() == addr && own.dad == link.DADPassed {
				return true
			}
		}
	}
	return false
}

// sources are what advertisements of each family leave an interface from.
func (i *iface) sources(virtual func(place) bool) [2]netip.Addr {
	return [2]netip.Addr{i.primary(), i.linkLocal(virtual)}
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

// linkLocal is the IPv6 link-local address of the interface itself (RFC 9568
// section 5.1.2.1), or the zero Addr. A link-local virtual address that was
// there before it was configured comes last: it is its owner's.
func (i *iface) linkLocal(virtual func(place) bool) netip.Addr {
	var first netip.Addr
	var order uint64
	last := false
	for p, own := range i.addrs {
		if !p.Addr().Is6() || !p.Addr().IsLinkLocalUnicast() || own.dad != link.DADPassed {
			continue
		}
		late := virtual(place{device: i.Name, prefix: p})
		if !first.IsValid() || last && !late || last == late && own.order < order {
			first, order, last = p.Addr(), own.order, late
		}
	}
	return first
}

// awaits says whether an address is the interface's own and may become a
// source: what keeps it from that is told.
func (i *iface) awaits(p netip.Prefix) bool {
	own, ok := i.addrs[p]
	return ok && own.dad != link.DADPassed && p.Addr().IsLinkLocalUnicast()
}

// tracksSource says whether an instance is in FAULT without its configured
// source: with track_src_ip, and over IPv6, where the kernel sends from no
// address that it does not have.
func tracksSource(cfg *conf.Instance) bool {
	return cfg.SourceAddress.IsValid() && (cfg.TrackSource || cfg.IPv6)
}

// missingSource is what to say then.
func missingSource(cfg *conf.Instance) string {
	word := "mcast_src_ip"
	switch {
	case cfg.TrackSource:
		word = "track_src_ip"
	case len(cfg.UnicastPeers) > 0:
		word = "unicast_src_ip"
	}
	text := "address " + cfg.SourceAddress.String() + " (" + word + ") is not on this host"
	if cfg.IPv6 {
		text += ", or still being checked for duplicates"
	}
	return text
}

// noSource says why an instance without a configured source has none.
func noSource(cfg *conf.Instance, on *iface) string {
	if !cfg.IPv6 {
		return "interface " + cfg.Interface + " has no IPv4 address of its own"
	}
	text := "interface " + cfg.Interface + " has no IPv6 link-local address of its own (see net.ipv6.conf." +
		cfg.Interface + ".disable_ipv6 and addr_gen_mode)"
	if on == nil {
		return text
	}
	for p, own := range on.addrs {
		switch {
		case !p.Addr().Is6() || !p.Addr().IsLinkLocalUnicast():
		case own.dad == link.DADTentative:
			return "link-local address " + p.Addr().String() + " of interface " + cfg.Interface +
				" is being checked for duplicates"
		case own.dad == link.DADFailed:
			text = "link-local address " + p.Addr().String() + " of interface " + cfg.Interface +
				" is another host's too (duplicate address detection failed)"
		}
	}
	return text
}
