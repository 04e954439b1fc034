package hostcheck

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/words"
)

// peers looks for peers that are this host: what it tells itself no other router hears.
func (c *hostCheck) peers(i *conf.Instance) {
	var own []string
	for _, p := range i.UnicastPeers {
		if c.has(p.Address) && p.Address != i.SourceAddress {
			own = append(own, p.Address.String())
		}
	}
	switch {
	case len(own) == 0:
	case len(own) < len(i.UnicastPeers): // a list that all routers share
		for _, a := range own {
			c.say(conf.Note, i, "unicast_peer "+a, "own-peer", "", i.Name+": peer "+a+" is this host")
		}
	case len(own) == 1:
		c.say(conf.Warning, i, "unicast_peer "+own[0], "own-peer", "write the other router's address",
			i.Name+": the only peer "+own[0]+" is this host: no other router hears it")
	default:
		c.say(conf.Warning, i, "unicast_peer "+own[0], "own-peer", "write the other router's address",
			i.Name+": all peers are this host ("+strings.Join(own, ", ")+"): no other router hears it")
	}
}

// room looks for addresses that an advertisement has no room for on its interface.
func (c *hostCheck) room(i *conf.Instance) {
	mtu := c.host.interfaces[i.Interface].mtu
	if mtu == 0 || len(i.Addresses) <= i.MaxAdvertised(mtu) {
		return
	}
	most := i.MaxAdvertised(mtu)
	excess := i.Addresses[most:]
	first, last := excess[0].Prefix.Addr(), excess[len(excess)-1].Prefix.Addr()
	what := fmt.Sprintf("the last one, %s, is", first)
	if len(excess) > 1 {
		what = fmt.Sprintf("the %d from %s to %s are", len(excess), first, last)
	}
	c.say(conf.Warning, i, "virtual_ipaddress "+first.String(), "excess-addresses",
		"the other routers must have the same MTU and the same list in the same order",
		fmt.Sprintf("%s: an advertisement on %s, MTU %d, holds %s: %s not advertised", i.Name, i.Interface, mtu,
			words.Count(most, "virtual address"), what))
}

// routes looks for gateways and sources at which the kernel refuses a route.
func (c *hostCheck) routes(i *conf.Instance) {
	for _, r := range i.Routes {
		if a := r.Source; a.IsValid() && !c.has(a) && !c.virtual(a) {
			c.say(conf.Warning, i, "virtual_routes "+r.Text, "no-source", "",
				i.Name+": source "+a.String()+" is not an address of this host: the kernel refuses the route to "+
					r.Destination.String())
		}
		hops := []conf.NextHop{{Via: r.Via, Device: r.Device, OnLink: r.OnLink}}
		for _, h := range append(hops, r.NextHops...) {
			a := h.Via
			if !a.IsValid() || a.IsUnspecified() || a.IsLinkLocalUnicast() || h.OnLink || c.near(a, h.Device) {
				continue
			}
			where := "this host"
			if h.Device != "" {
				where = h.Device
			}
			c.say(conf.Warning, i, "virtual_routes "+r.Text, "no-gateway", "",
				i.Name+": gateway "+a.String()+" is in no network of "+where+": the kernel refuses the route to "+
					r.Destination.String())
		}
	}
}

// localAddresses looks for source addresses of full NAT that this host does not have: real
// servers would answer to somebody else.
func (c *hostCheck) localAddresses() {
	if c.cfg.IPVSNamespace != c.cfg.NetworkNamespace {
		return // the addresses are those of the other namespace
	}
	for _, v := range c.cfg.VirtualServers {
		for _, a := range v.LocalAddresses {
			if !c.has(a) && !c.virtual(a) {
				c.say(conf.Warning, v, "local_address", "no-local-address", "add it to an interface of this host",
					"local_address "+a.String()+" is not an address of this host: answers of the real servers do not come back")
			}
		}
	}
}

// virtual says whether an address is one that the configuration brings to this host.
func (c *hostCheck) virtual(a netip.Addr) bool {
	for _, in := range c.cfg.Instances {
		for _, list := range [][]conf.Address{in.Addresses, in.ExcludedAddresses} {
			for _, v := range list {
				if v.Prefix.Addr() == a {
					return true
				}
			}
		}
	}
	for _, s := range c.cfg.StaticAddresses {
		if s.Prefix.Addr() == a {
			return true
		}
	}
	return false
}

// near says whether an address is in a network that device has or will have;
// without a device any interface counts.
func (c *hostCheck) near(a netip.Addr, device string) bool {
	on := func(name string) bool { return device == "" || name == device || name == "" }
	for name, i := range c.host.interfaces {
		if !on(name) {
			continue
		}
		for _, p := range i.networks {
			if p.Contains(a) {
				return true
			}
		}
	}
	lists := [][]conf.Address{c.cfg.StaticAddresses}
	routes := c.cfg.StaticRoutes
	for _, in := range c.cfg.Instances {
		lists = append(lists, in.Addresses, in.ExcludedAddresses)
		routes = append(routes[:len(routes):len(routes)], in.Routes...)
	}
	for _, list := range lists {
		for _, v := range list {
			if on(v.Device) && (v.Prefix.Contains(a) || v.Peer.IsValid() && v.Peer.Contains(a)) {
				return true
			}
		}
	}
	for _, r := range routes {
		if !r.Via.IsValid() && len(r.NextHops) == 0 && on(r.Device) && r.Destination.Contains(a) {
			return true
		}
	}
	return false
}
