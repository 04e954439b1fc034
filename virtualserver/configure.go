package virtualserver

import (
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/table"
)

// configure replaces the configuration. It keeps what is known of servers that
// are in both.
func (r *reconciler) configure(a *application) {
	known := make(table.Verdicts, len(a.known.RealServers))
	for _, v := range a.known.RealServers {
		if id, err := conf.ParseRealServer(v.VirtualServer, v.RealServer); err == nil {
			known[id] = v
		}
	}
	quorums := make(map[string]event.VirtualServerState, len(a.known.VirtualServers))
	for _, v := range a.known.VirtualServers {
		quorums[v.VirtualServer] = v
	}
	n := len(a.config.VirtualServers)
	before, services := r.services, make(map[conf.ServiceKey]*service, n)
	servers := make(map[conf.ServiceID]*server, n)
	names := make(map[conf.RealServerID]*server)
	verdicts := make(table.Verdicts)
	for _, vs := range a.config.VirtualServers {
		s := r.newServer(vs, services, quorums)
		if s == nil {
			continue
		}
		id := vs.ID()
		servers[id] = s
		for _, rs := range vs.RealServers {
			server := vs.ServerID(rs)
			names[server] = s
			v, told := r.verdicts[server]
			if !told {
				v, told = known[server]
			}
			if told {
				verdicts[server] = v
			}
		}
	}
	r.servers, r.services, r.names, r.verdicts, r.started = servers, services, names, verdicts, true
	r.policy = a.config.Global.Reconcile
	r.host.configure(a.config)
	for key, svc := range services {
		r.compareServers(before[key], svc)
		r.takeNotes(svc)
		r.endHands(svc)
	}
	r.want = make(table.Table, len(services))
	for _, s := range servers {
		r.prepare(s, time.Now())
	}
	r.ring = r.want.Keys()
	r.next, r.credit = 0, 0
	r.load.begin(a.generation)
	for key, svc := range r.services {
		if was := before[key]; was == nil || !r.asBefore(was, svc) {
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

// asBefore says that a configuration changes nothing about a service that is right: of
// a large configuration only what has changed is looked at.
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
	s := &server{conf: vs, name: vs.String(), since: time.Now(), reason: "started"}
	old := r.servers[vs.ID()]
	for _, key := range table.Services(vs) {
		if services[key] != nil {
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
	if old != nil {
		s.quorum, s.was, s.since, s.reason = old.quorum, old.was, old.since, old.reason
		s.reported, s.inTable = old.reported, old.inTable
	} else if q, told := quorums[s.name]; told {
		s.quorum, s.was, s.since, s.reason = q.Quorum, q.Quorum, q.Since, q.Reason
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
			r.Log.Info("a real server that was leaving is back", "virtual_server", now.key.String(),
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
		r.Log.Info("a real server leaves and finishes its connections", "virtual_server", now.key.String(),
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
