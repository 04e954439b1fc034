package virtualserver

import (
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/table"
)

// facts is what the entry of a service follows.
func (r *reconciler) facts(svc *service) *table.Facts {
	f := &table.Facts{Verdicts: svc.server.verdicts, Overrides: r.overrides, Lost: !svc.server.quorum}
	for at, h := range svc.hands {
		if f.Hands == nil {
			f.Hands = make(map[conf.ServerKey]int, len(svc.hands))
		}
		f.Hands[at] = h.weight
	}
	for at, l := range svc.leaving {
		if f.Leaving == nil {
			f.Leaving = make(map[conf.ServerKey]table.Destination, len(svc.leaving))
		}
		f.Leaving[at] = l.was
	}
	if len(svc.drained)+len(svc.ending) > 0 {
		f.Out = make(map[conf.ServerKey]bool)
		for at := range svc.drained {
			f.Out[at] = true
		}
		for at, e := range svc.ending {
			if e.Out() {
				f.Out[at] = true
			}
		}
	}
	return f
}

// prepare makes what is wanted of a virtual server.
func (r *reconciler) prepare(s *server, now time.Time) {
	r.beat()
	for _, key := range s.keys {
		svc := r.services[key]
		r.stepDrains(svc, now)
		r.stepFlows(svc, now)
	}
	r.evaluateQuorum(s)
	for _, key := range s.keys {
		svc := r.services[key]
		if svc.elsewhere != "" {
			delete(r.want, key)
			svc.order = ""
			continue
		}
		r.want[key] = table.WantedEntry(s.conf, key, r.facts(svc))
	}
}

// evaluateQuorum updates the quorum that the table is made by, and says whether it
// has changed.
func (r *reconciler) evaluateQuorum(s *server) bool {
	s.up, s.serving, s.weights = r.alive(s)
	quorum, hysteresis := table.QuorumLimits(s.conf)
	has := table.Quorum(s.quorum, s.weights, quorum, hysteresis)
	changed := has != s.quorum
	s.quorum = has
	return changed
}

// alive counts the real servers that are up and in the kernel's table, those that
// get connections, and sums their weights. One that the kernel refuses in every
// service of its virtual server serves nobody.
func (r *reconciler) alive(s *server) (up, serving int, weights uint64) {
	var first *service
	for _, key := range s.keys {
		if svc := r.services[key]; !svc.failures.service &&
			(first == nil || len(svc.failures.refused) < len(first.failures.refused)) {
			first = svc
		}
	}
	if first == nil {
		return 0, 0, 0
	}
	return r.facts(first).AliveIn(s.conf, first.key, first.failures.refused)
}

// stepDrains ends the drains that are over, and has the loop look at the others.
func (r *reconciler) stepDrains(svc *service, now time.Time) {
	have := r.have[svc.key]
	for at, l := range svc.leaving {
		d, present := have.Destinations[at]
		if !present && r.looked {
			r.forgetLeaving(svc, at)
			continue
		}
		if present {
			l.was = d
			svc.leaving[at] = l
		}
		if over, next := l.drain.Step(now, d.Counts.Open(), svc.counted); over && r.looked {
			r.forgetLeaving(svc, at)
			r.Log.Info("real server removed", "virtual_server", svc.key.String(), "real_server", at.String(),
				"connections", d.Counts.Open(), "waited", now.Sub(l.drain.Since).Round(time.Second),
				"then", r.fate(d.Counts.Open()))
		} else {
			r.wakeAt(next)
		}
	}
	if len(r.told) == 0 && len(svc.drained) == 0 {
		return
	}
	for _, rs := range svc.server.conf.RealServers {
		at := table.ServerIn(rs.Key, svc.key.Port)
		drain, present := r.draining(svc, rs)
		switch d, there := have.Destinations[at]; {
		case !present:
			delete(svc.drained, at)
		case svc.drained[at] || !there || d.Weight > 0:
		default:
			if over, next := drain.Step(now, d.Counts.Open(), svc.counted); !over {
				r.wakeAt(next)
			} else {
				if svc.drained == nil {
					svc.drained = make(map[conf.ServerKey]bool)
				}
				svc.drained[at] = true
				r.Log.Info("real server drained", "virtual_server", svc.key.String(), "real_server", at.String(),
					"connections", d.Counts.Open(), "waited", now.Sub(drain.Since).Round(time.Second),
					"then", r.fate(d.Counts.Open()))
			}
		}
	}
}

// draining is the drain of a configured real server, if there is one.
func (r *reconciler) draining(svc *service, rs *conf.RealServer) (table.Drain, bool) {
	o, _ := r.overrides.Of(svc.server.conf, rs)
	if o == nil {
		return table.Drain{}, false
	}
	return table.Drain{
		Since: o.Since, Timeout: rs.DrainTimeout, UDP: svc.key.Protocol == conf.UDP,
		Stays: rs.DrainTimeout == 0 || table.Hashes(svc.server.conf.Scheduler),
	}, true
}

// drains says whether real servers of a service are finishing their connections, or
// have theirs ended: then it is read in each round.
func (r *reconciler) drains(svc *service) bool {
	if len(svc.leaving)+len(svc.ending) > 0 {
		return true
	}
	return len(r.told) > 0 && slices.ContainsFunc(svc.server.conf.RealServers, func(rs *conf.RealServer) bool {
		_, on := r.draining(svc, rs)
		return on
	})
}

// expireNoDest is the setting without which the flows of a real server that was
// removed come back with it.
const expireNoDest = "/proc/sys/net/ipv4/vs/expire_nodest_conn"

// stepFlows ends the flows of real servers that have failed, where that is asked for
// (end_flows_on_failure) and a removal alone is not what happens: with mh, which
// keeps the place of a server.
func (r *reconciler) stepFlows(svc *service, now time.Time) {
	vs := svc.server.conf
	if vs.EndFlows != conf.Yes || vs.Scheduler != "mh" {
		svc.ending = nil
		return
	}
	have := r.have[svc.key]
	for _, rs := range vs.RealServers {
		at := table.ServerIn(rs.Key, svc.key.Port)
		if vs.Sorry != nil && table.ServerIn(vs.Sorry.Key, svc.key.Port) == at {
			delete(svc.ending, at) // as the sorry server it stays in the table
			continue
		}
		v := svc.server.verdicts[rs.Key]
		d, there := have.Destinations[at]
		e, ending := svc.ending[at]
		switch {
		case !v.Told || v.Up:
			delete(svc.ending, at)
		case !ending && there && d.Weight > 0 && r.expires():
			if svc.ending == nil {
				svc.ending = make(map[conf.ServerKey]table.EndFlows)
			}
			svc.ending[at] = table.BeginEndFlows(now)
			r.wakeAt(svc.ending[at].Back())
		case ending && !e.Done && (there != e.Out()):
			after := e.Step(now, d.Counts.Open())
			if after.Done && d.Counts.Open() > 0 {
				r.Log.Warn("connections to a real server that failed do not end", "virtual_server", svc.key.String(),
					"real_server", at.String(), "connections", d.Counts.Open(), "tries", after.Tries)
			}
			svc.ending[at] = after
			if !after.Done {
				r.wakeAt(maxTime(after.Back(), now.Add(table.FlowsPause)))
			}
		case ending && !e.Done:
			r.wakeAt(now.Add(table.FlowsPause)) // the kernel has not done it yet
		}
	}
}

// fate is what becomes of the connections that a real server still has when its drain
// ends by time and it is removed.
func (r *reconciler) fate(connections uint64) string {
	switch {
	case connections == 0:
		return "nothing is cut"
	case r.expires():
		return "the kernel ends them at their next packet (expire_nodest_conn is 1)"
	}
	return "the kernel drops their packets until they time out (expire_nodest_conn is not 1)"
}

func (r *reconciler) expires() bool {
	value, err := r.ReadFile(expireNoDest)
	return err == nil && strings.TrimSpace(string(value)) == "1"
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
