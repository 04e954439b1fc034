package doctor

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// duplicates: a virtual address that two hosts have.
func duplicates(d *examination) {
	done := make(map[netip.Addr]bool)
	for _, i := range d.Config.Instances {
		for _, a := range slices.Concat(i.Addresses, i.ExcludedAddresses) {
			address := a.Prefix.Addr()
			hosts := d.claimants(address)
			_, here := d.Held[address]
			if done[address] || len(hosts) == 0 || len(hosts) == 1 && !here {
				continue // one other host has it: the MASTER
			}
			done[address] = true
			cause := fmt.Sprintf("several hardware addresses answer for the virtual address %s of %s: clients reach now one, "+
				"now another",
				address, i.Name)
			if here {
				cause = fmt.Sprintf("another host has the virtual address %s of %s too, which is on %s here: clients "+
					"reach now one, now the other", address, i.Name, d.Held[address])
			}
			evidence := probed(address) + " was answered by " + strings.Join(hosts, " and by ")
			d.say(Error, "duplicate-address", cause, evidence, "look the hardware addresses up on the switch; if they are "+
				"routers of this pair, they do not hear each other's advertisements, else: ip address del %s on the host "+
				"that is none", a.Prefix)
		}
	}
}

// probed is the question who has an address, in words.
func probed(address netip.Addr) string {
	if address.Is6() {
		return "a neighbour solicitation for " + address.String()
	}
	return "an ARP probe for " + address.String()
}

// claimants are the other hosts that answer for an address, in words; real servers that should not
// answer are left out, since they have a finding of their own (arpAnswers).
func (d *examination) claimants(address netip.Addr) []string {
	hosts := make(map[string]string)
	for _, c := range d.Claims {
		isServer := slices.ContainsFunc(d.Answers, func(a Answer) bool {
			return a.Server.IsValid() && a.VIP == address && a.MAC == c.MAC
		})
		if c.Address != address || isServer {
			continue
		}
		text := c.MAC
		if c.Known.IsValid() {
			text += " (" + c.Known.String() + ")"
		}
		hosts[c.MAC] = text + " on " + c.Device
	}
	return slices.Sorted(maps.Values(hosts))
}

// haveAll are the other hosts that answer for all addresses of an instance that are on its interface, as its
// MASTER does, in words; address is one of those.
func (d *examination) haveAll(i *conf.Instance) (hosts []string, address netip.Addr) {
	for _, a := range i.Addresses {
		if a.Device != "" && a.Device != i.Interface {
			continue // a host has another hardware address there
		}
		answered := d.claimants(a.Prefix.Addr())
		if !address.IsValid() {
			hosts, address = answered, a.Prefix.Addr()
		}
		hosts = slices.DeleteFunc(hosts, func(host string) bool { return !slices.Contains(answered, host) })
	}
	return hosts, address
}

// peerHas says that a director that the configuration names as peer answers for an address.
func (d *examination) peerHas(address netip.Addr) bool {
	return slices.ContainsFunc(d.Claims, func(c Claim) bool {
		return c.Address == address && c.Known.IsValid() &&
			slices.ContainsFunc(d.Config.Peers, func(p *conf.Peer) bool { return p.Address == c.Known })
	})
}

// isMaster says that this host was MASTER of an instance while it was looked at.
func (d *examination) isMaster(i *conf.Instance) bool {
	r, known := d.Roles[i.Name]
	if known && r.State != event.Master {
		return false
	}
	for _, a := range i.Addresses {
		if _, here := d.Held[a.Prefix.Addr()]; here {
			return true
		}
	}
	return known && len(i.Addresses) == 0
}

// unheard: somebody else is MASTER, this host can reach it, and no advertisement arrives. A switch
// that snoops IGMP or MLD without a querier forgets who listens, and forwards no more to them.
func unheard(d *examination) {
	for _, i := range d.Config.Instances {
		l := Link{i.Interface, i.IPv6}
		explained := slices.ContainsFunc(d.Returns, func(r Return) bool { return r.Instance == i.Name && d.asymmetric(r) })
		listened := slices.Contains(d.Survey.Links, l) && d.Survey.Lasted >= 3*i.AdvertInterval
		if explained || len(i.UnicastPeers) > 0 || !listened ||
			slices.ContainsFunc(d.Survey.Heard, func(h Heard) bool {
				return h.VRID == i.VRID && h.Device == l.Device &&
					h.IPv6 == l.IPv6
			}) {
			continue
		}
		var evidence []string
		elsewhere := d.Roles[i.Name].Elsewhere
		if elsewhere != "" {
			evidence = append(evidence, elsewhere+" says that it is MASTER, by unicast")
		}
		hosts, address := d.haveAll(i)
		if len(hosts) > 0 {
			evidence = append(evidence, probed(address)+" was answered by "+strings.Join(hosts, ", "))
		}
		if evidence == nil {
			continue
		}
		severity, cause := Warning, fmt.Sprintf("another host is MASTER of %s, and its advertisements do not arrive on %s",
			i.Name, l)
		switch master := d.isMaster(i); {
		case master && (elsewhere != "" || d.peerHas(address)):
			severity = Error
			cause = fmt.Sprintf("another host is MASTER of %s as this one is, and its advertisements do not arrive on %s",
				i.Name, l)
		case master: // it may be somebody who was given the address by hand
			cause = fmt.Sprintf("another host has the addresses of %s too, but no advertisement arrives on %s: if it is a "+
				"router of this pair, both are MASTER", i.Name, l)
		}
		protocol := "IGMP"
		if i.IPv6 {
			protocol = "MLD"
		}
		d.say(severity, "multicast-lost", cause, fmt.Sprintf("in %v no advertisement of VRID %d to %s arrived; %s",
			d.Survey.Lasted, i.VRID, i.MulticastGroup, strings.Join(evidence, "; ")), "on the switch: turn %s snooping off "+
			"for this network, or a querier on; look for filters of protocol 112 on both hosts; or use unicast_peer", protocol)
	}
}

// besideUs: a router goes on advertising an instance of which this host is MASTER.
func (d *examination) besideUs(i *conf.Instance, l Link, others []Heard) {
	if len(others) != 1 || !d.isMaster(i) || others[0].Sender == i.SourceAddress {
		return
	}
	h, own := others[0], int(i.Priority)
	if r, known := d.Roles[i.Name]; known {
		own = r.Priority
	}
	why := fmt.Sprintf("%s does not hear this host, or refuses what it hears: look for IGMP snooping and filters on its "+
		"side, and compare version, auth_pass and addresses", h.Sender)
	if int(h.Priority) > own {
		why = "this host refuses what it hears: director status names the reason; compare version, auth_pass and addresses"
	}
	d.say(Error, "two-masters", fmt.Sprintf("this host is MASTER of %s, and so is another router on %s", i.Name, l),
		fmt.Sprintf("in %v: %d advertisements of VRID %d %s, here it is %d", d.Survey.Lasted, h.Times, i.VRID,
			senders(others), own), "%s", why)
}

// returns: strict reverse path filtering drops what comes in by an interface that packets to its
// sender do not leave by (RFC 3704 section 2.2).
func returns(d *examination) {
	for _, r := range d.Returns {
		if !d.asymmetric(r) {
			continue
		}
		from := "routers of its network"
		if r.Known {
			from = r.Router.String()
		}
		d.say(Warning, "asymmetric-path", fmt.Sprintf("%s drops advertisements of %s for %s: packets to there leave by %s",
			r.Device, from, r.Instance, r.Back), fmt.Sprintf("the route to %s is by %s, and reverse path filtering of %s is "+
			"strict (rp_filter 1)", r.Router, r.Back, r.Device),
			"give this host a route to it by %s, or sysctl -w net.ipv4.conf.%s.rp_filter=2", r.Device, r.Device)
	}
}

func (d *examination) asymmetric(r Return) bool {
	return r.Back != "" && r.Back != r.Device && r.Router.Is4() && d.strict(r.Device)
}
