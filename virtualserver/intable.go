package virtualserver

import (
	"cmp"
	"hash/maphash"
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/table"
)

// inTable is what the kernel has of the real servers of a virtual server, with what
// decided each weight: the configured ones in their order, then the sorry server and
// those that leave.
func (r *reconciler) inTable(s *server) event.ServersInTable {
	t := event.ServersInTable{VirtualServer: s.name}
	t.Servers = make([]event.ServerInTable, 0, len(s.keys)*len(s.conf.RealServers)+1) // and a sorry server
	var fingerprints []string
	for _, key := range s.keys {
		svc := r.services[key]
		f := r.facts(svc)
		e := r.have[key]
		t.Traffic.Add(svc.traffic)
		if t.Words == "" {
			t.Words = e.Service.Words()
			if svc.order != "" {
				t.Words += " order " + table.FingerprintOrder(svc.order)
			}
		}
		if svc.order != "" {
			fingerprints = append(fingerprints, svc.order)
		}
		seen := make(map[conf.ServerKey]bool, len(s.conf.RealServers)+1)
		for _, rs := range s.conf.RealServers {
			at := table.ServerIn(rs.Key, key.Port)
			if seen[at] {
				continue
			}
			seen[at] = true
			one := r.serverInTable(svc, rs.String(), at)
			one.Source = f.Of(s.conf, rs, at).Source
			if drain, on := r.draining(svc, rs); on {
				one.Draining, one.DrainSince, one.DrainUntil = true, drain.Since, drain.Until()
			}
			if sorry := s.conf.Sorry; sorry != nil && !s.quorum && table.ServerIn(sorry.Key, key.Port) == at &&
				one.Weight > 0 && f.Of(s.conf, rs, at).Weight == 0 {
				one.Sorry, one.Source = true, event.WeightQuorum
			}
			t.Servers = append(t.Servers, one)
		}
		others := slices.SortedFunc(func(yield func(conf.ServerKey) bool) {
			for at := range e.Destinations {
				if !seen[at] && !yield(at) {
					return
				}
			}
		}, table.CompareServers)
		for _, at := range others {
			rs := conf.RealServer{Key: at, Protocol: key.Protocol}
			one := r.serverInTable(svc, rs.String(), at)
			if l, leaves := svc.leaving[at]; leaves {
				one.Draining, one.DrainSince, one.DrainUntil = true, l.drain.Since, l.drain.Until()
				one.Source = event.WeightDrained
			} else if s.conf.Sorry != nil && table.ServerIn(s.conf.Sorry.Key, key.Port) == at {
				one.Sorry, one.Source = true, event.WeightQuorum
			}
			t.Servers = append(t.Servers, one)
		}
	}
	t.Slots = table.Fingerprints(fingerprints)
	return t
}

// serverInTable is what the kernel has of one real server.
func (r *reconciler) serverInTable(svc *service, name string, at conf.ServerKey) event.ServerInTable {
	d, present := r.have[svc.key].Destinations[at]
	one := event.ServerInTable{
		VirtualServer: svc.server.name, Service: svc.key.String(), RealServer: name, Present: present,
		Weight: d.Weight, Active: d.Counts.Active, Inactive: d.Counts.Inactive, Persistent: d.Counts.Persistent,
		Counted: svc.counted, Traffic: d.Counts.Traffic, Error: cmp.Or(svc.failures.servers[at], r.unreadable),
	}
	if svc.failures.service {
		one.Error = svc.failures.first()
	}
	if present {
		one.Forward = d.Method()
	}
	if present && r.have[svc.key].Service.Scheduler == "mh" {
		one.Place = max(cmp.Or(d.Place, r.want[svc.key].Destinations[at].Place), 0)
	}
	return one
}

// sumInTable is another number when something has changed that is worth telling: what was told has
// hundreds of bytes for each real server. That one was counted again is not, except for the first
// time since a drain began: whoever waits for the drain must not take an older count for an answer.
func (r *reconciler) sumInTable(t event.ServersInTable) uint64 {
	var h maphash.Hash
	h.SetSeed(r.seed)
	maphash.WriteComparable(&h, t.Words)
	maphash.WriteComparable(&h, t.Slots)
	maphash.WriteComparable(&h, t.Traffic)
	for _, one := range t.Servers {
		maphash.WriteComparable(&h, one.Draining && one.Counted.After(one.DrainSince))
		one.Counted = time.Time{}
		maphash.WriteComparable(&h, one)
	}
	return h.Sum64()
}
