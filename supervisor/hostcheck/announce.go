package hostcheck

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"

	"github.com/lvs-director/director/conf"
)

// lookAtAliases notes the aliases of the interfaces of this thread's network namespace.
func (h *Host) lookAtAliases() error {
	list, err := netlink.LinkList()
	if err != nil {
		return err
	}
	for _, l := range list {
		if i, ok := h.interfaces[l.Attrs().Name]; ok {
			i.alias = l.Attrs().Alias
			h.interfaces[l.Attrs().Name] = i
		}
	}
	return nil
}

// announces looks for the interfaces and the addresses of announce blocks.
func (c *hostCheck) announces() {
	networks := make(map[string][]netip.Prefix, len(c.host.interfaces))
	for name, i := range c.host.interfaces {
		networks[name] = i.networks
	}
	for _, o := range c.cfg.OnLink(networks) {
		if !o.Announce.AllowOnlink {
			c.say(conf.Error, o.Announce, "virtual_ipaddress "+o.Address.String(), "on-link", "announce addresses of a prefix "+
				"that no interface has; allow_onlink keeps the directors from answering", o.String())
		}
	}
	for _, a := range c.cfg.Announces {
		if i, there := c.host.interfaces[a.Interface]; there && i.alias != conf.AnnounceMark {
			c.say(conf.Error, a, "interface", "foreign-interface", "name another one that director may make",
				fmt.Sprintf("announce %s: interface %s is there, and director has not made it", a.Name, a.Interface))
		}
		for _, t := range a.TrackInterfaces {
			c.tracked(a, t.Name)
		}
		for _, ip := range a.Addresses {
			c.elsewhere(a, ip)
		}
	}
}

// elsewhere warns of an announced address that an interface has on its own account.
func (c *hostCheck) elsewhere(a *conf.Announce, ip netip.Addr) {
	for _, name := range slices.Sorted(maps.Keys(c.host.interfaces)) {
		i := c.host.interfaces[name]
		if name == a.Interface || !slices.ContainsFunc(i.networks, func(p netip.Prefix) bool { return p.Addr() == ip }) {
			continue
		}
		follows := "this host has it whether it is announced or not"
		if name == "lo" {
			follows = "a routing daemon takes it from there, and announces nothing"
		}
		c.say(conf.Warning, a, "virtual_ipaddress "+ip.String(), "address-present",
			"ip address del "+ip.String()+" dev "+name+" removes it",
			fmt.Sprintf("announce %s: %s is on %s already: %s", a.Name, ip, name, follows))
	}
}
