package hostcheck

import (
	"net/netip"
	"strings"

	"github.com/lvs-director/director/conf"
)

// clients looks at what checks as_client need of this host: a way to the virtual address, from
// which they have to leave, and that the answers are taken, which come from that address.
func (c *hostCheck) clients() {
	if c.cfg.IPVSNamespace != c.cfg.NetworkNamespace {
		return // the addresses are those of the other namespace
	}
	for _, v := range c.cfg.VirtualServers {
		for _, rs := range v.RealServers {
			for i := range rs.Checkers {
				if check := &rs.Checkers[i]; check.AsClient {
					c.client(check)
					break // the others go the same way
				}
			}
		}
	}
}

func (c *hostCheck) client(check *conf.Checker) {
	vip := check.ConnectIP.Unmap()
	ours := c.has(vip) || c.virtual(vip)
	if _, err := c.host.way(vip); err != nil && !c.said[vip.String()] {
		c.said[vip.String()] = true // and not for each of its real servers
		when := ""
		if ours {
			when = " while it has not the address"
		}
		c.say(conf.Warning, check, "as_client", "no-route", "give it a route, such as that of its network",
			"as_client: this host has no route to "+vip.String()+" ("+err.Error()+"): the check is UNKNOWN"+when)
	}
	device, err := c.host.way(check.Server)
	if err != nil || !ours || vip.Is6() {
		return // the check fails for another reason; and IPv6 takes such packets
	}
	const of = "net.ipv4.conf."
	on := of + strings.ReplaceAll(device, ".", "/") + "." // as sysctl(8) writes the dots of an interface
	if c.host.setting(of+"all.accept_local").value != "1" {
		c.operatorSetting(check, "as_client", "", on+"accept_local", "1",
			"while this host has "+vip.String()+" it drops the answers to checks as_client, which are UNKNOWN then")
	}
	place := c.placeOfAddress(vip)
	if place == "" || place == device || max(c.host.setting(of+"all.rp_filter").value,
		c.host.setting(on+"rp_filter").value) != "1" {
		return
	}
	name := on + "rp_filter"
	if c.host.setting(name).value != "1" {
		name = of + "all.rp_filter"
	}
	c.operatorSetting(check, "as_client", "", name, "2", "answers to checks as_client come on "+device+" from "+
		vip.String()+", which is for "+place+": they are dropped, and the checks are UNKNOWN")
}

// placeOfAddress is the interface that has an address of this host, or will have it; empty is not known.
func (c *hostCheck) placeOfAddress(a netip.Addr) string {
	for _, in := range c.cfg.Instances {
		for _, list := range [][]conf.Address{in.Addresses, in.ExcludedAddresses} {
			for _, v := range list {
				if v.Prefix.Addr() == a {
					return v.Device
				}
			}
		}
	}
	for name, i := range c.host.interfaces {
		for _, p := range i.networks {
			if p.Addr() == a {
				return name
			}
		}
	}
	return ""
}
