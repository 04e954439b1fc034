package conf

import (
	"net/netip"
	"slices"
	"strings"
)

// Holders tells which VRRP instances have the address of a virtual server.
type Holders struct {
	instances []*Instance
	byName    map[string]*Instance
	byAddress map[netip.Addr][]*Instance
	peers     map[netip.Addr][]*Instance // whose unicast peer it is
}

// Holders looks at the instances of a configuration, which must not change afterwards.
func (c *Config) Holders() *Holders {
	h := &Holders{
		instances: c.Instances,
		byName:    make(map[string]*Instance, len(c.Instances)),
		byAddress: make(map[netip.Addr][]*Instance),
		peers:     make(map[netip.Addr][]*Instance),
	}
	for _, in := range c.Instances {
		h.byName[in.Name] = in
		for _, a := range slices.Concat(in.Addresses, in.ExcludedAddresses) {
			at := a.Prefix.Addr()
			if list := h.byAddress[at]; !slices.Contains(list, in) {
				h.byAddress[at] = append(list, in)
			}
		}
		for _, p := range in.UnicastPeers {
			h.peers[p.Address] = append(h.peers[p.Address], in)
		}
	}
	return h
}

// Same says that two configurations have the same instances, as far as it matters here.
func (h *Holders) Same(o *Holders) bool {
	return slices.EqualFunc(h.instances, o.instances, func(a, b *Instance) bool {
		address := func(x, y Address) bool { return x.Prefix.Addr() == y.Prefix.Addr() }
		return a == b || a.Name == b.Name && a.ID() == b.ID() &&
			slices.EqualFunc(a.Addresses, b.Addresses, address) &&
			slices.EqualFunc(a.ExcludedAddresses, b.ExcludedAddresses, address) &&
			slices.EqualFunc(a.UnicastPeers, b.UnicastPeers, func(x, y UnicastPeer) bool { return x.Address == y.Address })
	})
}

// Has says whether an address is a virtual one.
func (h *Holders) Has(a netip.Addr) bool { return len(h.byAddress[a]) > 0 }

// Of are the instances whose MASTER has the address of a service: the one that the virtual
// server names, else those that have the address. None is that it is not known.
func (h *Holders) Of(v *VirtualServer, key ServiceKey) []*Instance {
	if v.MasterOf != "" {
		if in := h.byName[v.MasterOf]; in != nil {
			return []*Instance{in}
		}
		return nil
	}
	if key.FWMark == 0 {
		return h.byAddress[key.Address]
	}
	if v.Match == nil || len(h.byAddress) == 0 {
		return nil
	}
	var list []*Instance
	for a, holders := range h.byAddress {
		if !slices.ContainsFunc(v.Match.Entries, func(e MatchEntry) bool { return e.Covers(a) }) {
			continue
		}
		for _, in := range holders {
			if !slices.Contains(list, in) {
				list = append(list, in)
			}
		}
	}
	slices.SortFunc(list, func(a, b *Instance) int { return strings.Compare(a.ID().String(), b.ID().String()) })
	return list
}

// Tied are the instances of which this host has to hold one for a service to stand in its
// table; none is that it always does. own says which addresses are this host's own ones.
//
// Packets that another director passes on by DR or TUN still have the virtual address: a
// host that gets them as a real server, and has the service too, would pass them on again.
func (h *Holders) Tied(v *VirtualServer, key ServiceKey, own func(netip.Addr) bool) []*Instance {
	if v.OnlyOnMaster == No {
		return nil
	}
	list := h.Of(v, key)
	if len(list) == 0 || v.OnlyOnMaster == Yes {
		return list
	}
	if _, ok := h.Director(v, list, own); !ok {
		return nil
	}
	return list
}

// Director finds a real server, or the sorry server, that gets packets to the virtual
// address and that is a director: this host, or a unicast peer of one of the instances.
func (h *Holders) Director(v *VirtualServer, list []*Instance, own func(netip.Addr) bool) (a netip.Addr, ok bool) {
	is := func(a netip.Addr) bool {
		return own(a) && !a.IsLoopback() && !h.Has(a) ||
			slices.ContainsFunc(h.peers[a], func(in *Instance) bool { return slices.Contains(list, in) })
	}
	for _, r := range v.RealServers {
		if !r.Forward.Rewrites() && is(r.Key.Address) {
			return r.Key.Address, true
		}
	}
	if s := v.Sorry; s != nil && !s.Forward.Rewrites() && is(s.Key.Address) {
		return s.Key.Address, true
	}
	return netip.Addr{}, false
}

// Covers says whether packets to an address are of the entry.
func (e MatchEntry) Covers(a netip.Addr) bool {
	return e.First().BitLen() == a.BitLen() && !a.Less(e.First()) && !e.Until().Less(a)
}

// Serves says whether an address is one of the virtual server's own: of its services, or of
// its match lists.
func (v *VirtualServer) Serves(a netip.Addr) bool {
	if slices.ContainsFunc(v.Services, func(k ServiceKey) bool { return k.FWMark == 0 && k.Address == a }) {
		return true
	}
	return v.Match != nil && slices.ContainsFunc(v.Match.Entries, func(e MatchEntry) bool { return e.Covers(a) })
}
