package announces

import (
	"net/netip"
	"slices"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
)

// alike are the schedulers with which directors that have the same table choose the same real server
// for a flow: they look at nothing but the flow and the table.
var alike = []string{"mh", "sh", "dh", "fo"}

// servers looks at the virtual servers on announced addresses, and for addresses without one.
func (j *judge) servers() {
	served := make(map[netip.Addr]bool, len(j.of))
	marks := make(map[bool]bool) // families that have a firewall mark, of whose addresses nothing is known
	synced := j.synced()
	for _, v := range j.Config.VirtualServers {
		ips := j.announced(v)
		for _, ip := range ips {
			served[ip] = true
		}
		if v.Match == nil {
			for _, k := range v.Services {
				marks[k.IPv6] = marks[k.IPv6] || k.FWMark != 0
			}
		}
		if len(ips) > 0 {
			j.forward(v, ips[0])
			j.choice(v, ips[0], synced)
			j.follows(v, ips[0])
		}
	}
	for _, a := range j.Config.Announces {
		for _, ip := range a.Addresses {
			if served[ip] || j.of[ip] != a || marks[ip.Is6()] {
				continue
			}
			j.report(conf.Warning, a, "virtual_ipaddress "+ip.String(), "not-served", "(%s) no virtual server has the address "+
				"%s: routers would send packets here that nobody serves", value.Clip(a.Name), ip)
		}
	}
}

// announced are the announced addresses of a virtual server.
func (j *judge) announced(v *conf.VirtualServer) (list []netip.Addr) {
	for _, k := range v.Services {
		if k.FWMark == 0 && j.of[k.Address] != nil && !slices.Contains(list, k.Address) {
			list = append(list, k.Address)
		}
	}
	if v.Match == nil {
		return list
	}
	for _, a := range j.Config.Announces {
		for _, ip := range a.Addresses {
			if !slices.Contains(list, ip) &&
				slices.ContainsFunc(v.Match.Entries, func(e conf.MatchEntry) bool { return e.Covers(ip) }) {
				list = append(list, ip)
			}
		}
	}
	return list
}

// synced says whether each director knows the connections of the others.
func (j *judge) synced() bool {
	sync := j.Config.Global.LVSSync
	if sync.Interface != "" && sync.Instance != "" {
		n := j.SyncNode
		if n == nil {
			n = j.Node(j.Config.Announces[0])
		}
		j.Warn(n, "announce-sync", "lvs_sync_daemon follows vrrp_instance "+
			"%s: with announce each director has connections to tell, not only the MASTER", value.Clip(sync.Instance)).
			Hint = "leave the instance out: the daemon then tells and listens at once"
	}
	return sync.Interface != "" && sync.Instance == ""
}

// forward is about the way of the answers.
func (j *judge) forward(v *conf.VirtualServer, ip netip.Addr) {
	name := value.Clip(j.of[ip].Name)
	tell := func(at any, said string, f conf.ForwardMethod) bool {
		switch f {
		case conf.NAT:
			j.report(conf.Error, at, said, "announce-forward", "virtual server %s cannot use NAT, since announce %s announces "+
				"%s: answers must pass the director that has the connection, and of several active ones they pass any",
				v, name, ip).Hint = "use DR or TUN, or have the address in a vrrp_instance"
		case conf.FNAT:
			j.report(conf.Warning, at, said, "announce-forward", "virtual server %s uses FNAT, and announce %s announces %s: "+
				"a connection that the routers move to another director is lost, because neither the sync daemon nor mh "+
				"carries its connection tracking", v, name, ip).Hint = "use DR or TUN"
		}
		return f.Rewrites()
	}
	if v.Forward.Rewrites() && (len(v.RealServers) == 0 ||
		slices.ContainsFunc(v.RealServers, func(r *conf.RealServer) bool { return r.Forward == v.Forward })) {
		tell(v, "lvs_method", v.Forward)
		return
	}
	for _, r := range v.RealServers {
		if tell(r, "lvs_method", r.Forward) {
			return
		}
	}
	if v.Sorry != nil {
		tell(v, "sorry_server", v.Sorry.Forward)
	}
}

// choice is about directors that choose different real servers for one flow.
func (j *judge) choice(v *conf.VirtualServer, ip netip.Addr, synced bool) {
	name := value.Clip(j.of[ip].Name)
	switch {
	case v.Scheduler == "mh" && v.Flags&conf.FlagSched2 == 0:
		j.report(conf.Warning, v, "lvs_sched", "announce-scheduler", "virtual server %s has mh without mh-port: all "+
			"connections of one client address go to one real server", v).Hint = "write mh-port, on all directors"
	case synced:
		return
	case !slices.Contains(alike, v.Scheduler):
		j.report(conf.Warning, v, "lvs_sched", "announce-scheduler", "virtual server %s has the scheduler %s, and announce "+
			"%s announces %s: each director chooses for itself, so that a connection which the routers move to another "+
			"director gets another real server, and is lost", v, v.Scheduler, name, ip).Hint = "write lvs_sched mh and " +
			"mh-port, or lvs_sync_daemon, on all directors"
	case v.Persistence > 0:
		j.report(conf.Warning, v, "persistence_timeout", "announce-scheduler", "virtual server %s has persistence_timeout, "+
			"and announce %s announces %s: without the sync daemon each director remembers its own clients only", v, name,
			ip).Hint = "write lvs_sync_daemon, on all directors"
	}
}

// follows is about virtual servers that wait for an address which is announced only when they serve.
func (j *judge) follows(v *conf.VirtualServer, ip netip.Addr) {
	name := value.Clip(j.of[ip].Name)
	if v.HASuspend {
		j.report(conf.Warning, v, "ha_suspend", "ha-suspend", "ha_suspend is ignored: announce %s announces %s when real "+
			"servers of virtual server %s were checked, and they would be checked only when it is announced", name, ip, v)
		v.HASuspend = false
	}
	if v.MasterOf != "" {
		j.report(conf.Error, v, "only_on_master", "only-on-master", "virtual server %s is served only while this host is "+
			"MASTER of %s, and announce %s announces %s whether it is or not", v, value.Clip(v.MasterOf), name, ip).
			Hint = "leave only_on_master out"
	}
}
