package hostcheck

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"

	"github.com/lvs-director/director/conf"
)

// lookAtAliases notes the aliases of the interfaces of announce blocks in this thread's network namespace. Each is
// asked for by its name: a list of all fails on a host whose interfaces change all the time.
func (h *Host) lookAtAliases(cfg *conf.Config) error {
	for _, a := range cfg.Announces {
		i, there := h.interfaces[a.Interface]
		if !there || i.alias != "" {
			continue
		}
		l, err := netlink.LinkByName(a.Interface)
		switch gone := new(netlink.LinkNotFoundError); {
		case errors.As(err, gone):
			delete(h.interfaces, a.Interface)
		case err != nil:
			return fmt.Errorf("looking at interface %s: %w", a.Interface, err)
		default:
			i.alias = l.Attrs().Alias
			h.interfaces[a.Interface] = i
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
