package plan

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/diff"
	"github.com/lvs-director/director/virtualserver/table"
	"github.com/lvs-director/director/words"
)

// servers says what becomes of the virtual servers.
func (m *maker) servers() {
	untouched, reals := []string(nil), 0
	for _, c := range m.diff.Servers {
		switch c.Action {
		case diff.Untouched:
			untouched = append(untouched, c.Name)
			reals += len(c.New.RealServers)
		case diff.Added:
			m.clients("%s is new: %s, %s, %s", c.Name, c.New.Scheduler, c.New.Forward,
				count(len(c.New.RealServers), "real server"))
		case diff.Removed:
			m.clients("%s is removed, with %s%s", c.Name, count(len(c.Old.RealServers), "real server"),
				m.hang(c.Old, c.Old.RealServers))
		case diff.Changed:
			m.serverChanges(c)
		}
	}
	if len(untouched) > 0 {
		m.untouched("%s with %s: %s", count(len(untouched), "virtual server"), count(reals, "real server"), names(untouched))
	}
}

func (m *maker) serverChanges(c diff.ServerChange) {
	renamed, fields := take(c.Fields, "virtual_server")
	for _, f := range renamed {
		m.quiet("%s is renamed: it was %s; its services stay, its checks begin anew", f.New, f.Old)
	}
	members, fields := take(fields, "virtual_server_group")
	for _, f := range members {
		if f.Old == "" {
			m.clients("%s: %s is new", c.Name, f.New)
		} else {
			m.clients("%s: %s is removed, and what is connected to it hangs", c.Name, f.Old)
		}
	}
	// The effective configuration names keywords as keepalived's newer words do.
	forward, fields := take(fields, "lvs_method", "lb_kind")
	sched, fields := take(fields, "lvs_sched", "lb_algo")
	sticky, fields := take(fields, "persistence_timeout", "persistence_granularity", "persistence_engine")
	if hashes(c.Old.Scheduler) || hashes(c.New.Scheduler) {
		sticky = append(sticky, sched...)
	} else {
		fields = append(sched, fields...)
	}
	matched, fields := take(fields, "match")
	for _, f := range matched {
		if f.Old == "" {
			m.clients("%s: packets to %s belong to it", c.Name, f.New)
		} else {
			m.clients("%s: packets to %s do not belong to it any more, and what is connected to it by them hangs", c.Name, f.Old)
		}
	}
	if serves(c.Old) && !serves(c.New) {
		m.clients("%s: serves nobody new: all its real servers have weight 0", c.Name)
	}
	if len(forward) > 0 {
		m.clients("%s: %s, for new connections; real servers have to be ready for it", c.Name, fieldWords(forward))
	}
	if len(sticky) > 0 {
		m.clients("%s: %s; a client's next connection may go to another real server", c.Name, fieldWords(sticky))
	}
	if len(fields) > 0 {
		m.quiet("%s: %s", c.Name, fieldWords(fields))
	}
	m.realServers(c, len(forward) > 0)
}

// realServers says what becomes of the real servers of one virtual server.
func (m *maker) realServers(c diff.ServerChange, forwardSaid bool) {
	var added, waiting, gone, untouched, bound []string
	var cut []*conf.RealServer
	var drained groups
	var changes groups
	for _, r := range c.RealServers {
		switch r.Action {
		case diff.Untouched:
			untouched = append(untouched, r.Name)
		case diff.Added:
			switch {
			case r.New.Weight == 0:
				m.quiet("%s: %s is new, with weight 0: it gets no connections", c.Name, r.Name)
			case r.New.Alpha || c.New.Alpha:
				waiting = append(waiting, r.Name)
			default:
				added = append(added, r.Name)
			}
		case diff.Removed:
			if c.Old.Persistence > 0 {
				bound = append(bound, r.Name)
			}
			if timeout := cmp.Or(r.Old.DrainTimeout, c.New.DrainTimeout); timeout > 0 && !m.idle(c.Old, r.Old) {
				drained.add("drains for "+words.Duration(timeout)+" at most and is removed then"+m.goOn(c.Old, r.Old), r.Name)
			} else if m.idle(c.Old, r.Old) {
				gone = append(gone, r.Name)
			} else {
				cut = append(cut, r.Old)
			}
		default:
			if text := m.realServerChanges(c, r, forwardSaid); text != "" {
				changes.add(text, r.Name)
			}
		}
	}
	for _, text := range changes.order {
		m.quiet("%s: %s: %s", c.Name, names(changes.of[text]), text)
	}
	if len(added) > 0 {
		m.quiet("%s: gets new connections at once, before the first check, because alpha is not set: %s", c.Name,
			names(added))
	}
	if len(waiting) > 0 {
		m.quiet("%s: gets new connections once its check succeeds: %s", c.Name, names(waiting))
	}
	if len(gone) > 0 {
		m.quiet("%s: is removed and has no connections: %s", c.Name, names(gone))
	}
	if len(cut) > 0 {
		list := make([]string, len(cut))
		for i, r := range cut {
			list[i] = r.String()
		}
		m.clients("%s: is removed at once (drain_timeout or weight 0 lets it drain)%s: %s", c.Name, m.hang(c.Old, cut),
			names(list))
	}
	for _, text := range drained.order {
		m.slowly("%s: %s: %s", c.Name, text, names(drained.of[text]))
	}
	if len(bound) > 0 {
		// The kernel's list does not say how many there are.
		m.clients("%s: clients that persistence has bound to it get another real server: %s", c.Name, names(bound))
	}
	if hashes(c.New.Scheduler) && len(added)+len(waiting)+len(gone)+len(cut) > 0 {
		m.quiet("%s: %s shares new connections out anew; some clients get another real server", c.Name, c.New.Scheduler)
	}
	if len(untouched) > 0 {
		m.untouched("%s of %s: %s", count(len(untouched), "real server"), c.Name, names(untouched))
	}
}

// realServerChanges says what of a change needs its own sentence, and gives the
// rest, which others may have in common with it.
func (m *maker) realServerChanges(c diff.ServerChange, r diff.RealChange, forwardSaid bool) (rest string) {
	from, to := r.Old.Weight, r.New.Weight
	_, fields := take(r.Fields, "weight")
	switch {
	case from != 0 && to == 0:
		m.slowly("%s: %s gets no new connections (weight %d becomes 0)%s", c.Name, r.Name, from, m.goOn(c.Old, r.Old))
	case from != to:
		m.quiet("%s: %s: weight %d becomes %d", c.Name, r.Name, from, to)
	}
	forward, fields := take(fields, "lvs_method", "lb_kind")
	if len(forward) > 0 && !forwardSaid {
		m.clients("%s: %s: %s, for new connections; it has to be ready for it", c.Name, r.Name, fieldWords(forward))
	}
	if len(fields) == 0 {
		return ""
	}
	if r.Checkers {
		return fieldWords(fields) + "; the checks begin anew"
	}
	return fieldWords(fields)
}

// serves says that new connections have somewhere to go, if all checks succeed.
func serves(v *conf.VirtualServer) bool {
	return slices.ContainsFunc(v.RealServers, func(r *conf.RealServer) bool { return r.Weight > 0 })
}

// services are the kernel's services of a virtual server.
func services(v *conf.VirtualServer) []conf.ServiceKey {
	if len(v.Services) == 0 {
		return []conf.ServiceKey{table.Canonical(v.Key)}
	}
	keys := make([]conf.ServiceKey, len(v.Services))
	for i, k := range v.Services {
		keys[i] = table.Canonical(k)
	}
	return keys
}

// connections sums those of a real server; known is false when the kernel's
// table is not.
func (m *maker) connections(v *conf.VirtualServer, r *conf.RealServer) (n Connections, known bool) {
	for _, key := range services(v) {
		c := m.facts.Connections[Server{key, serverKey(r.Key)}]
		n.Active += c.Active
		n.Inactive += c.Inactive
	}
	return n, m.facts.Table != nil
}

func serverKey(k conf.ServerKey) conf.ServerKey {
	return conf.ServerKey{Address: k.Address.Unmap(), Port: k.Port}
}

// idle says that a real server is known to have no connections.
func (m *maker) idle(v *conf.VirtualServer, r *conf.RealServer) bool {
	n, known := m.connections(v, r)
	return known && n.Active == 0
}

// hang says what becomes of the connections to real servers that are removed.
func (m *maker) hang(v *conf.VirtualServer, list []*conf.RealServer) string {
	active := 0
	for _, r := range list {
		n, known := m.connections(v, r)
		if !known {
			return "; what is connected to them hangs"
		}
		active += n.Active
	}
	if active == 0 {
		return "; nothing is connected to them"
	}
	return fmt.Sprintf("; %s to them hang", count(active, "connection"))
}

// goOn says what becomes of the connections to a real server that drains.
func (m *maker) goOn(v *conf.VirtualServer, r *conf.RealServer) string {
	n, known := m.connections(v, r)
	switch {
	case !known:
		return "; those it has go on"
	case n.Active == 0:
		return "; it has none now"
	}
	return fmt.Sprintf("; the %s it has go on", count(n.Active, "connection"))
}

func hashes(scheduler string) bool { return scheduler == "sh" || scheduler == "mh" }

// foreign lists what the kernel has that neither configuration asks for.
func (m *maker) foreign(before, after *conf.Config) {
	asked := make(map[conf.ServiceKey]bool)
	wanted := make(map[place]bool)
	ask := func(v *conf.VirtualServer) {
		if v != nil {
			for _, k := range services(v) {
				asked[k] = true
			}
		}
	}
	for _, c := range m.diff.Servers {
		ask(c.Old)
		ask(c.New)
	}
	for _, c := range m.diff.Instances {
		for _, a := range append(all(c.Old), all(c.New)...) {
			wanted[placeOf(a)] = true
		}
	}
	for _, c := range slices.Concat(before.Announces, after.Announces) {
		for _, a := range c.Addresses {
			wanted[place{c.Interface, netip.PrefixFrom(a, a.BitLen())}] = true
		}
	}
	m.foreignServices(asked)
	m.foreignAddresses(wanted)
}

func (m *maker) foreignServices(asked map[conf.ServiceKey]bool) {
	for _, key := range m.facts.Table.Keys() {
		if e := m.facts.Table[key]; !asked[key] {
			m.plan.Foreign = append(m.plan.Foreign, fmt.Sprintf("virtual server %s %s with %s",
				key, cmp.Or(e.Service.Scheduler, "?"), count(len(e.Destinations), "real server")))
		}
	}
}

// foreignAddresses lists addresses that look like virtual ones. A host's own
// address has its network's mask; a virtual one of keepalived's, unless that
// was said, has none.
func (m *maker) foreignAddresses(wanted map[place]bool) {
	for _, a := range m.facts.Addresses {
		p := place{a.Device, a.Prefix}
		if a.Prefix.IsSingleIP() && a.Device != "lo" && !a.Prefix.Addr().IsLoopback() && !wanted[p] {
			m.plan.Foreign = append(m.plan.Foreign, fmt.Sprintf("address %s on %s", a.Prefix, a.Device))
		}
	}
}
