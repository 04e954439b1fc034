package load

import (
	"net/netip"
	"slices"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
	"github.com/lvs-director/director/conf/syntax"
)

// ownerPriority is that of the router whose own the virtual addresses are (RFC 9568 section 5.2.4).
const ownerPriority = 255

// unusable warns of peers, source addresses and gateways that no router can
// have. keepalived says nothing of them.
func (l *loader) unusable(in *conf.Instance) {
	if len(in.UnicastPeers) == 0 && !in.SourceAddress.IsValid() && len(in.Routes) == 0 {
		return
	}
	virtual := make(map[netip.Addr]bool, len(in.Addresses)+len(in.ExcludedAddresses))
	for _, list := range [][]conf.Address{in.Addresses, in.ExcludedAddresses} {
		for _, a := range list {
			virtual[a.Prefix.Addr()] = true
		}
	}
	l.unusablePeers(in, virtual)
	l.unusableSource(in, virtual)
	for _, r := range in.Routes {
		l.unusableGateway(in, r, virtual)
	}
}

func (l *loader) unusablePeers(in *conf.Instance, virtual map[netip.Addr]bool) {
	name := value.Clip(in.Name)
	for _, p := range in.UnicastPeers {
		n := l.entryNode(in, "unicast_peer", p.Address.String())
		why := value.Unusable(p.Address)
		switch {
		case why != "":
			l.Warn(n, "unusable-peer", "(%s) unicast_peer %s cannot be another router: %s", name, p.Address,
				why).Unserved = true
		case virtual[p.Address] && in.Priority != ownerPriority && p.Address != in.SourceAddress:
			f := l.Warn(n, "unusable-peer", "(%s) unicast_peer %s is a virtual address of the instance: the MASTER has it",
				name, p.Address)
			f.Hint, f.Unserved = "write the other router's own address", true
		case p.Address != in.SourceAddress:
		case len(in.UnicastPeers) == 1:
			f := l.Warn(n, "own-peer", "(%s) the only peer %s is the instance's own unicast_src_ip: no other router hears it",
				name, p.Address)
			f.Hint, f.Unserved = "write the other router's address", true
		default: // a list that all routers share
			l.Note(n, "own-peer", "(%s) peer %s is the instance's own unicast_src_ip", name, p.Address)
		}
	}
}

func (l *loader) unusableSource(in *conf.Instance, virtual map[netip.Addr]bool) {
	a := in.SourceAddress
	if !a.IsValid() {
		return
	}
	word := "mcast_src_ip"
	if said(l.Node(in), word) == nil {
		word = "unicast_src_ip"
	}
	if why := value.Unusable(a); why != "" {
		l.warnAtKeyword(in, word, "unusable-source", "(%s) source address %s cannot be one of this router: %s",
			value.Clip(in.Name), a, why).Unserved = true
	} else if virtual[a] && in.Priority != ownerPriority {
		f := l.warnAtKeyword(in, word, "unusable-source",
			"(%s) source address %s is a virtual address of the instance: this router does not have it before it is MASTER",
			value.Clip(in.Name), a)
		f.Hint, f.Unserved = "write the router's own address", true
	}
}

// unusableGateway is about a gateway at which the kernel refuses the route.
func (l *loader) unusableGateway(in *conf.Instance, r conf.Route, virtual map[netip.Addr]bool) {
	gateways := []netip.Addr{r.Via}
	for _, h := range r.NextHops {
		gateways = append(gateways, h.Via)
	}
	i := slices.IndexFunc(gateways, func(a netip.Addr) bool {
		return a.IsValid() && !a.IsUnspecified() && (virtual[a] || value.Unusable(a) != "")
	})
	if i < 0 {
		return
	}
	n, a := l.entryNode(in, "virtual_routes", r.Text), gateways[i]
	if why := value.Unusable(a); why != "" {
		l.Warn(n, "unusable-gateway", "(%s) the gateway %s of the route to %s cannot be a router: %s", value.Clip(in.Name), a,
			r.Destination, why).Unserved = true
		return
	}
	l.Warn(n, "unusable-gateway",
		"(%s) the gateway %s of the route to %s is a virtual address of this router: the kernel refuses the route",
		value.Clip(in.Name), a, r.Destination).Unserved = true
}

// unusableService warns of addresses of a virtual server to which no client can send.
// A loopback address serves this host itself. keepalived runs them all.
func (l *loader) unusableService(v *conf.VirtualServer) {
	said := make(map[string]bool) // a range is one line
	for _, key := range v.Services {
		a := key.Address
		if !a.IsValid() || a.IsLoopback() {
			continue
		}
		if why := value.Unusable(a); why != "" && !said[why] {
			said[why] = true
			l.Warn(l.Node(v), "unusable-address", "virtual server address %s serves nobody: %s", a, why).Unserved = true
		}
	}
}

// entryNode is the line of an entry of a value block, or where its block began.
func (l *loader) entryNode(block any, keyword, key string) *syntax.Node {
	n := l.Node(block)
	src, ok := l.Sources.Source(block, keyword+" "+key)
	if !ok {
		return n
	}
	for _, c := range n.Children() {
		if c.Keyword.Text != keyword {
			continue
		}
		for _, entry := range c.Children() {
			if entry.Pos() == src.Pos {
				return entry
			}
		}
	}
	return n
}
