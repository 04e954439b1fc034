package virtualserver

import (
	"maps"
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/table"
)

// configure replaces the configuration. What it says as before stays as it is: of a
// large configuration only what has changed is looked at.
func (r *reconciler) configure(a *application) {
	quorums := make(map[string]event.VirtualServerState, len(a.known.VirtualServers))
	for _, v := range a.known.VirtualServers {
		quorums[v.VirtualServer] = v
	}
	wanted := a.config.VirtualServers
	paths := table.Paths(wanted)
	if len(paths) > 0 {
		wanted = slices.Concat(wanted, paths)
	}
	n := len(wanted)
	before, services := r.services, make(map[conf.ServiceKey]*service, n)
	servers := make(map[conf.ServiceID]*server, n)
	var changed []*server
	r.paths = nil
	for i, vs := range wanted {
		r.beat()
		id := vs.ID()
		s := r.keep(r.servers[id], vs, services)
		if s == nil {
			if s = r.newServer(vs, services, quorums); s == nil {
				continue
			}
			changed = append(changed, s)
		}
		if s.path = i >= len(a.config.VirtualServers); s.path {
			r.paths = append(r.paths, s)
		}
		servers[id] = s
	}
	r.servers, r.services, r.started = servers, services, true
	r.restore(a.known.RealServers)
	r.policy = a.config.Global.Reconcile
	r.forgetDifferences()
	r.host.configure(a.config)
	sameHolders := r.holding.configure(a.config) && !r.holding.moved
	now := time.Now()
	for _, s := range changed {
		for _, key := range s.keys {
			r.compareServers(before[key], services[key])
			r.takeNotes(services[key])
		}
	}
	moved := len(before) != len(services)
	for key, svc := range services {
		moved = moved || before[key] == nil
		r.endHands(svc)
	}
	for key := range before {
		if services[key] == nil {
			delete(r.want, key)
			r.forgetNotes(before[key])
		}
	}
	r.load.begin(a.generation)
	if sameHolders {
		r.tie(changed)
	} else {
		r.tieAll()
	}
	for _, s := range changed {
		r.prepare(s, now)
	}
	if moved {
		r.ring = slices.SortedFunc(maps.Keys(services), table.CompareServices)
		r.next, r.credit = 0, 0
		r.counting.next = 0 // what the round has counted already is passed over
	}
	for _, s := range changed {
		for _, key := range s.keys {
			if was := before[key]; was == nil || !r.asBefore(was, services[key]) {
				r.dirty.add(key)
			}
		}
	}
	for _, set := range []keys{r.retry, r.stale} { // what failed is tried again now
		for key := range set {
			r.dirty.add(key)
		}
	}
	for key := range r.held {
		if r.services[key] == nil {
			r.dirty.add(key)
		}
	}
	r.warnForwarding()
}

// keep goes on with a virtual server of which a configuration says the same as before,
// and adds its services. It returns nil if it says something else.
func (r *reconciler) keep(old *server, vs *conf.VirtualServer, services map[conf.ServiceKey]*service) *server {
	if old == nil || old.partial || !old.conf.Same(vs) {
		return nil
	}
	for _, key := range old.keys {
		if services[key] != nil {
			return nil // another one has it now, which comes before
		}
	}
	for _, key := range old.keys {
		services[key] = r.services[key]
	}
	old.conf = vs // lets go of the configuration before
	return old
}

// restore takes the verdicts that are known from elsewhere on real servers on which there
// is none.
func (r *reconciler) restore(known []event.RealServerState) {
	for _, v := range known {
		id, err := conf.ParseRealServer(v.VirtualServer, v.RealServer)
		if s := r.serverOf(id); err == nil && s != nil && !s.verdicts[id.Server].Told {
			s.verdicts[id.Server] = table.VerdictOf(v)
			r.markDirty(s)
		}
	}
}

// asBefore says that a configuration changes nothing about a service that is right: a
// script, say, is none of the table's business.
func (r *reconciler) asBefore(was, now *service) bool {
	a, b := was.server, now.server
	have, exists := r.have[now.key]
	if !exists || !r.held[now.key] || len(now.failures.texts) > 0 || b.quorum != b.was || a.name != b.name ||
		len(a.keys) != len(b.keys) || (a.conf.Sorry == nil) != (b.conf.Sorry == nil) ||
		!table.SameEntry(r.want[now.key], have) || b.reported == (event.VirtualServerState{}) {
		return false
	}
	return slices.EqualFunc(a.conf.RealServers, b.conf.RealServers, func(x, y *conf.RealServer) bool {
		return x.Key == y.Key && x.Weight == y.Weight
	})
}

// newServer makes a virtual server of a configuration, with what is known of it, and
// adds its services. It is nil if others have all its services: the first one counts.
func (r *reconciler) newServer(vs *conf.VirtualServer, services map[conf.ServiceKey]*service,
	quorums map[string]event.VirtualServerState,
) *server {
	s := &server{conf: vs, name: vs.String(), since: time.Now(), reason: started}
	old := r.servers[vs.ID()]
	for _, key := range table.Services(vs) {
		if services[key] != nil {
			s.partial = true
			continue
		}
		svc := &service{server: s, key: key}
		if was := r.services[key]; was != nil {
			*svc = *was
			svc.server = s
			if old == nil {
				old = was.server // a group that was renamed
			}
		}
		s.keys = append(s.keys, key)
		services[key] = svc
	}
	if len(s.keys) == 0 {
		return nil
	}
	s.verdicts = make(table.Verdicts, len(vs.RealServers))
	for _, rs := range vs.RealServers {
		s.verdicts[rs.Key] = table.Verdict{}
		if was := r.servers[vs.ID()]; was != nil {
			s.verdicts[rs.Key] = was.verdicts[rs.Key]
		}
	}
	s.four, s.six = rewritten(vs)
	s.alpha = vs.Alpha || slices.ContainsFunc(vs.RealServers, func(rs *conf.RealServer) bool { return rs.Alpha })
	if old != nil {
		s.quorum, s.was, s.since, s.reason, s.limits = old.quorum, old.was, old.since, old.reason, old.limits
		s.event, s.causes, s.moved = old.event, old.causes, old.moved
		s.reported, s.inTable, s.inTableAt = old.reported, old.inTable, old.inTableAt
	} else if q, told := quorums[s.name]; told {
		s.quorum, s.was, s.since, s.reason = q.Quorum, q.Quorum, q.Since, q.Reason
		s.limits = limits{q.Limit, q.Hysteresis, q.Weights}
		s.event, s.causes = q.Event, q.Causes
	}
	return s
}

// compareServers notes the real servers that have left a service and may finish
// their connections, and forgets those that are back.
func (r *reconciler) compareServers(before, now *service) {
	configured := make(map[conf.ServerKey]*conf.RealServer, len(now.server.conf.RealServers))
	for _, rs := range now.server.conf.RealServers {
		configured[table.ServerIn(rs.Key, now.key.Port)] = rs
	}
	for at := range now.leaving {
		if configured[at] != nil {
			r.forgetLeaving(now, at)
			r.Log.Info("a real server that was to be removed is configured again", "virtual_server", now.key.String(),
				"real_server", at.String())
		}
	}
	if before == nil {
		return
	}
	for _, rs := range before.server.conf.RealServers {
		at := table.ServerIn(rs.Key, now.key.Port)
		was, present := r.have[now.key].Destinations[at]
		timeout := rs.DrainTimeout
		if timeout == 0 {
			timeout = now.server.conf.DrainTimeout
		}
		if configured[at] != nil || !present || timeout == 0 {
			continue
		}
		d := table.Drain{Since: time.Now(), Timeout: timeout, UDP: now.key.Protocol == conf.UDP}
		if now.leaving == nil {
			now.leaving = make(map[conf.ServerKey]leaving)
		}
		if _, already := now.leaving[at]; already {
			continue
		}
		now.leaving[at] = leaving{was: was, drain: d}
		r.note(table.LeavingNote(now.key, at, d))
		r.Log.Info("removing a real server when its connections have ended", "virtual_server", now.key.String(),
			"real_server", at.String(), "connections", was.Counts.Open(), "until", d.Until().Format(time.RFC3339))
	}
	for at := range now.drained {
		if configured[at] == nil {
			delete(now.drained, at)
		}
	}
	for at := range now.ending {
		if configured[at] == nil {
			delete(now.ending, at)
		}
	}
}

// takeNotes takes in what an earlier loop noted of a service.
func (r *reconciler) takeNotes(svc *service) {
	notes := r.noted[svc.key]
	delete(r.noted, svc.key)
	for _, n := range notes {
		switch n.Kind {
		case table.NoteHand:
			svc.setHand(n.Server, hand{weight: int(n.First), configured: int(n.Second), since: time.Now()})
		case table.NoteLeaving:
			if svc.leaving == nil {
				svc.leaving = make(map[conf.ServerKey]leaving)
			}
			svc.leaving[n.Server] = leaving{was: table.Destination{Key: n.Server}, drain: n.Drain()}
		}
	}
	if len(notes) > 0 {
		for _, rs := range svc.server.conf.RealServers {
			if at := table.ServerIn(rs.Key, svc.key.Port); svc.isLeaving(at) {
				r.forgetLeaving(svc, at)
			}
		}
	}
}

func (s *service) isLeaving(at conf.ServerKey) bool { _, ok := s.leaving[at]; return ok }

func (r *reconciler) forgetLeaving(svc *service, at conf.ServerKey) {
	r.strike(table.LeavingNote(svc.key, at, svc.leaving[at].drain))
	delete(svc.leaving, at)
}

// note writes to the journal. Where that fails a later loop does not know, which is
// what the note was for and no reason to do less now.
func (r *reconciler) note(n ...table.Note) {
	if len(n) > 0 {
		_ = r.Journal.Claim(texts(n)...)
	}
}

// strike removes notes from the journal.
func (r *reconciler) strike(n ...table.Note) {
	if len(n) > 0 {
		_ = r.Journal.Release(texts(n)...)
	}
}

func texts(notes []table.Note) []string {
	list := make([]string, len(notes))
	for i, n := range notes {
		list[i] = n.String()
	}
	return list
}
