package load

import (
	"slices"

	"github.com/lvs-director/director/conf"
)

// finishDraining fills in how the connections of a real server end that leaves or fails.
func (l *loader) finishDraining(v *conf.VirtualServer) {
	g := &l.Config.Global
	if !l.Sources.Has(v, "drain_timeout") {
		v.DrainTimeout = g.DrainTimeout
	}
	asked := v.EndFlows == conf.Yes
	switch {
	case asked && v.Scheduler == "sh":
		l.warnAtKeyword(v, "end_flows_on_failure", "end-flows", "end_flows_on_failure is ignored with sh: to end its "+
			"flows a server leaves the table and comes back, and sh then gives half of all clients another server").
			Hint = "use mh, where at most one client of a hundred changes its server"
		v.EndFlows = conf.No
	case asked && g.IPVSSetting("expire_nodest_conn") != "1":
		l.warnAtKeyword(v, "end_flows_on_failure", "end-flows", "end_flows_on_failure needs expire_nodest_conn, without "+
			"which the kernel keeps the connections to a server that is gone").Hint =
			"ipvs { expire_nodest_conn 1 } in global_defs"
	case v.EndFlows == conf.Unset:
		v.EndFlows = conf.No
		if protocolOf(v) == conf.UDP && v.Scheduler != "sh" && g.LVSSync.Interface == "" {
			v.EndFlows = conf.Yes
		}
		checked := func(r *conf.RealServer) bool { return len(r.Checkers) > 0 }
		if protocolOf(v) == conf.UDP && v.Scheduler == "sh" && v.Flags&conf.FlagOnePacket == 0 &&
			slices.ContainsFunc(v.RealServers, checked) {
			f := l.warnAtKeyword(v, "lb_algo", "end-flows", "with sh, senders of UDP stay with a real server that fails, for "+
				"as long as they go on sending")
			f.Severity, f.Hint = conf.Note, "use mh, with which their flows are ended (end_flows_on_failure)"
		}
	}
}

// finishSlowStart looks at how real servers come back. Where the scheduler maps clients by
// the weights of all servers, each step would move the clients of others.
func (l *loader) finishSlowStart(v *conf.VirtualServer) {
	const word = "slow_start"
	hashes := v.Scheduler == "mh" || v.Scheduler == "sh"
	ignored := func(block any) {
		l.warnAtKeyword(block, word, "slow-start", "slow_start is ignored with %s: each step would give clients of other "+
			"real servers another one", v.Scheduler)
	}
	if hashes && v.SlowStart > 0 {
		ignored(v)
		v.SlowStart = 0
	}
	said := false
	for _, r := range v.RealServers {
		own := l.Sources.Has(r, word)
		switch {
		case !own && hashes:
			r.SlowStart = 0
		case own && hashes && r.SlowStart > 0:
			ignored(r)
			r.SlowStart = 0
		case !said && r.SlowStart > 0 && r.Weight == 1 && !asksForWeight(r):
			said = true
			f := l.Note(l.Node(r), "slow-start", "slow_start does nothing for real server %s: its weight is 1, the smallest one",
				r.Key)
			f.Hint = "give all real servers larger weights, 100 for example"
		}
	}
}

// asksForWeight says whether a check of a real server may ask for another weight.
func asksForWeight(r *conf.RealServer) bool {
	return slices.ContainsFunc(r.Checkers, func(c conf.Checker) bool {
		return c.File != nil || c.Agent != nil || c.Misc != nil && c.Misc.Dynamic
	})
}

// protocolOf is the protocol of the services, 0 for a firewall mark.
func protocolOf(v *conf.VirtualServer) conf.Protocol {
	if len(v.Services) == 0 {
		return v.Key.Protocol
	}
	return v.Services[0].Protocol
}

// finishSettings looks at the ipvs block when everything else is known.
func (l *loader) finishSettings() {
	g := &l.Config.Global
	n, ok := l.Sources.Source(g, "ipvs conntrack")
	if ok && g.IPVSSetting("conntrack") == "0" && slices.ContainsFunc(l.Config.VirtualServers,
		(*conf.VirtualServer).FullNAT) {
		l.Report(conf.Warning, n.Pos, nil, "conntrack", "conntrack 0 is ignored: FNAT needs 1")
	}
	n, ok = l.Sources.Source(g, "ipvs backup_only")
	if !ok || g.IPVSSetting("backup_only") != "1" {
		return
	}
	switch sync := g.LVSSync; {
	case sync.Interface == "":
		l.Report(conf.Warning, n.Pos, nil, "backup-only", "backup_only has no effect without lvs_sync_daemon: it counts "+
			"while a backup daemon runs")
	case sync.Instance == "" || !l.oneFate(sync.Instance):
		l.Report(conf.Error, n.Pos, nil, "backup-only", "backup_only 1 takes all virtual servers of a host out of service "+
			"while a backup daemon runs, and this one may be MASTER of an instance then").Hint =
			"follow one instance with lvs_sync_daemon IF inst NAME, and put all others into its sync group"
	}
}

// oneFate says that all instances are MASTER and BACKUP together with the named one.
func (l *loader) oneFate(name string) bool {
	in := l.Instances[name]
	return in != nil && !slices.ContainsFunc(l.Config.Instances, func(o *conf.Instance) bool {
		return o != in && (o.SyncGroup == "" || o.SyncGroup != in.SyncGroup)
	})
}
