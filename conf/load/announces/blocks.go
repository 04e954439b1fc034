package announces

import (
	"net/netip"
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/keyword"
	"github.com/lvs-director/director/conf/load/value"
)

// restart is a lifetime that outlasts a restart and an upgrade of director, during which nobody
// refreshes the addresses.
const restart = 3 * time.Second

// judge looks at the blocks of one configuration.
type judge struct {
	*keyword.Loader
	of map[netip.Addr]*conf.Announce // who announces an address
}

// Finish says what is wrong with the announce blocks of a configuration whose virtual servers and
// instances are finished.
func Finish(l *keyword.Loader) {
	if len(l.Config.Announces) == 0 {
		return
	}
	j := &judge{l, make(map[netip.Addr]*conf.Announce)}
	j.namespace()
	j.names()
	j.addresses()
	devices := j.devices()
	for _, a := range l.Config.Announces {
		j.block(a, devices)
	}
	j.servers()
}

// report adds a finding where a block has a keyword, or an entry ("virtual_ipaddress 192.0.2.1"), or
// else where the block begins.
func (j *judge) report(s conf.Severity, block any, said, code, format string, args ...any) *conf.Finding {
	n := j.Node(block)
	if src, ok := j.Sources.Source(block, said); ok {
		return j.Report(s, src.Pos, n.Origin, code, format, args...)
	}
	return j.Report(s, n.Pos(), n.Origin, code, format, args...)
}

// namespace refuses a table in another namespace than the addresses: what the routers send here would
// not reach it.
func (j *judge) namespace() {
	c := j.Config
	if c.IPVSNamespace == "" || c.IPVSNamespace == c.NetworkNamespace {
		return
	}
	j.report(conf.Error, c.Announces[0], "", "announce-namespace", "announce is not possible with net_namespace_ipvs: "+
		"what the routers send to the announced addresses does not reach the IPVS table of namespace %s",
		value.Clip(c.IPVSNamespace)).Hint = "have both in one namespace: net_namespace"
}

// names keeps the names apart that director handover and other commands take.
func (j *judge) names() {
	for _, a := range j.Config.Announces {
		block, other := "vrrp_instance", any(nil)
		if in := j.Instances[a.Name]; in != nil {
			other = in
		} else if i := slices.IndexFunc(j.Config.SyncGroups, func(g *conf.SyncGroup) bool {
			return g.Name == a.Name
		}); i >= 0 {
			block, other = "vrrp_sync_group", j.Config.SyncGroups[i]
		}
		if other == nil {
			continue
		}
		j.report(conf.Error, a, "", "announce-name", "announce %s has the name of %s %s, at %s: director handover %s would "+
			"mean either", value.Clip(a.Name), block, value.Clip(a.Name), j.Node(other).Pos(),
			value.Clip(a.Name)).Hint = "give one of them another name"
	}
}

// addresses keeps each address in one place.
func (j *judge) addresses() {
	c := j.Config
	instances := make(map[netip.Addr]*conf.Instance)
	for _, in := range c.Instances {
		for _, list := range [][]conf.Address{in.Addresses, in.ExcludedAddresses} {
			for _, a := range list {
				instances[a.Prefix.Addr()] = in
			}
		}
	}
	static := make(map[netip.Addr]bool, len(c.StaticAddresses))
	for _, a := range c.StaticAddresses {
		static[a.Prefix.Addr()] = true
	}
	for _, a := range c.Announces {
		for _, ip := range a.Addresses {
			entry := "virtual_ipaddress " + ip.String()
			in, first := instances[ip], j.of[ip]
			switch {
			case first != nil:
				src, _ := j.Sources.Source(first, entry)
				j.report(conf.Error, a, entry, "shared-address", "(%s) %s is announced by announce %s already, at %s",
					value.Clip(a.Name), ip, value.Clip(first.Name), src.Pos)
				continue
			case in != nil:
				j.report(conf.Error, a, entry, "shared-address", "(%s) %s is a virtual address of vrrp_instance %s too: either "+
					"one director holds an address, or all of them announce it", value.Clip(a.Name), ip, value.Clip(in.Name)).
					Hint = "take it out of the announce block to have it on the MASTER only, or out of the vrrp_instance to have " +
					"all directors serve it"
			case static[ip]:
				j.report(conf.Error, a, entry, "shared-address", "(%s) %s is in static_ipaddress too, where it stays when the "+
					"announcement is withdrawn", value.Clip(a.Name), ip).Hint = "take it out of static_ipaddress"
			}
			j.of[ip] = a
		}
	}
	for _, p := range c.Peers {
		for _, at := range []netip.Addr{p.Address, p.Listen.Addr().Unmap()} {
			if a := j.of[at]; a != nil {
				j.report(conf.Error, p, "", "unusable-address", "peer %s is met at %s, which announce %s announces from all "+
					"directors", p.Address, at, value.Clip(a.Name)).Hint = "give an address that only the peer has"
			}
		}
	}
}

// devices are the interfaces that other blocks use, with the words that say by whom.
func (j *judge) devices() map[string]string {
	m := map[string]string{"lo": "the loopback interface, from which routing daemons announce nothing"}
	use := func(name, who string) {
		if name != "" && m[name] == "" {
			m[name] = who
		}
	}
	for _, a := range j.Config.StaticAddresses {
		use(a.Device, "an interface of static_ipaddress")
	}
	for _, in := range j.Config.Instances {
		who := "an interface of vrrp_instance " + value.Clip(in.Name)
		use(in.Interface, who)
		for _, list := range [][]conf.Address{in.Addresses, in.ExcludedAddresses} {
			for _, a := range list {
				use(a.Device, who)
			}
		}
		if in.VMAC != nil {
			use(in.VMAC.Name, who)
		}
		if in.IPVLAN != nil {
			use(in.IPVLAN.Name, who)
		}
	}
	return m
}

func (j *judge) block(a *conf.Announce, devices map[string]string) {
	if who := devices[a.Interface]; who != "" {
		j.report(conf.Error, a, "interface", "announce-interface", "(%s) %s is %s: director makes an interface for "+
			"announced addresses alone", value.Clip(a.Name), value.Clip(a.Interface), who).Hint = "leave the line out to have " +
			conf.AnnounceInterface
	}
	for _, t := range a.TrackInterfaces {
		if slices.ContainsFunc(j.Config.Announces, func(b *conf.Announce) bool { return b.Interface == t.Name }) {
			j.report(conf.Error, a, "track_interface "+t.Name, "own-interface", "(%s) %s is the interface that director makes "+
				"for announced addresses, and says nothing about the network", value.Clip(a.Name), value.Clip(t.Name)).
				Hint = "track the interface towards the router"
		}
	}
	if a.MinLifetime > 0 && a.MinLifetime < restart {
		j.report(conf.Warning, a, "min_lifetime", "short-lifetime", "(%s) min_lifetime %s is shorter than a restart or an "+
			"upgrade of director may take, during which the addresses would be withdrawn", value.Clip(a.Name),
			value.Seconds(a.MinLifetime)).Hint = "write " + value.Seconds(restart) + " or more, or 0 to have none"
	}
	serves := func(v *conf.VirtualServer) bool { return slices.ContainsFunc(a.Addresses, v.Serves) }
	if a.KeepWithoutQuorum && len(a.TrackVirtualServers) == 0 && !slices.ContainsFunc(j.Config.VirtualServers, serves) {
		j.report(conf.Note, a, "on_no_quorum", "no-effect", "(%s) on_no_quorum has no effect: no virtual server has one of "+
			"the addresses, and none is tracked", value.Clip(a.Name))
	}
}
