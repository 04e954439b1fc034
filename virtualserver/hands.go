package virtualserver

import (
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/table"
)

// noteHands finds the weights of a service that were set by hand in the kernel. With
// keep_weights they stay; otherwise they are repaired like everything else.
func (r *reconciler) noteHands(svc *service, before table.Entry, known bool, now table.Entry) {
	if r.policy != conf.KeepWeights {
		return
	}
	sent := r.sent[svc.key]
	for at, d := range now.Destinations {
		old, had := before.Destinations[at]
		h, set := svc.hands[at]
		switch {
		case sent[at].Hand(d.Weight) && (!set || h.weight != d.Weight):
			r.setHand(svc, at, d.Weight)
		case set && known && had && old.Weight != d.Weight && !sent[at].Hand(d.Weight):
			r.endHand(svc, at, "the weight that director had set is back")
		}
	}
}

func (r *reconciler) setHand(svc *service, at conf.ServerKey, weight int) {
	configured := 0
	found := false
	for _, rs := range svc.server.conf.RealServers {
		if table.ServerIn(rs.Key, svc.key.Port) == at {
			configured, found = rs.Weight, true
		}
	}
	if !found {
		return // it is leaving, or the sorry server
	}
	if old, set := svc.hands[at]; set {
		r.strike(handNote(svc.key, at, old))
	}
	h := hand{weight: weight, configured: configured, since: time.Now()}
	r.note(handNote(svc.key, at, h))
	svc.setHand(at, h)
	r.dirty.add(svc.key)
	// A program may set weights all the time, by the load of the real servers.
	if svc.handsSet++; svc.handLines.log(time.Now()) {
		r.Log.Warn("the weight of a real server was set by hand in the kernel: keeping it", "virtual_server",
			svc.key.String(), "real_server", at.String(), "weight", weight, "configured", configured,
			"changes", svc.handsSet)
		svc.handsSet = 0
	}
}

func (s *service) setHand(at conf.ServerKey, h hand) {
	if s.hands == nil {
		s.hands = make(map[conf.ServerKey]hand)
	}
	s.hands[at] = h
}

func (r *reconciler) endHand(svc *service, at conf.ServerKey, why string) {
	r.strike(handNote(svc.key, at, svc.hands[at]))
	delete(svc.hands, at)
	r.dirty.add(svc.key)
	r.Log.Info("a weight set by hand in the kernel is no longer in force", "virtual_server", svc.key.String(),
		"real_server", at.String(), "reason", why)
}

// endHands ends the weights set by hand whose real server has another configured
// weight now or is not configured, and all where they are not kept.
func (r *reconciler) endHands(svc *service) {
	if len(svc.hands) == 0 {
		return
	}
	configured := make(map[conf.ServerKey]int, len(svc.server.conf.RealServers))
	for _, rs := range svc.server.conf.RealServers {
		configured[table.ServerIn(rs.Key, svc.key.Port)] = rs.Weight
	}
	for at, h := range svc.hands {
		switch weight, there := configured[at]; {
		case r.policy != conf.KeepWeights:
			r.endHand(svc, at, "reconcile "+r.policy.String())
		case !there:
			r.endHand(svc, at, "the real server has left the configuration")
		case weight != h.configured:
			r.endHand(svc, at, "the configured weight has changed")
		}
	}
}

// resetHands ends the weights set by hand that an override names.
func (r *reconciler) resetHands(o event.Override) {
	one := table.NewOverrides([]event.Override{{VirtualServer: o.VirtualServer, RealServer: o.RealServer,
		Kind: event.SetWeight}}, time.Now())
	for _, svc := range r.services {
		if len(svc.hands) == 0 {
			continue
		}
		for _, rs := range svc.server.conf.RealServers {
			at := table.ServerIn(rs.Key, svc.key.Port)
			if _, set := svc.hands[at]; !set {
				continue
			}
			if _, named := one.Of(svc.server.conf, rs); named != nil {
				r.endHand(svc, at, "reset by the operator")
			}
		}
	}
}

// forgetNotes strikes out what is noted of a service that is not configured any more:
// if it comes back, it begins anew.
func (r *reconciler) forgetNotes(svc *service) {
	for at, h := range svc.hands {
		r.strike(handNote(svc.key, at, h))
	}
	for at := range svc.leaving {
		r.forgetLeaving(svc, at)
	}
}

func handNote(service conf.ServiceKey, server conf.ServerKey, h hand) table.Note {
	return table.Note{Kind: table.NoteHand, Service: service, Server: server, First: int64(h.weight),
		Second: int64(h.configured)}
}

// tellHands tells all weights set by hand when they have changed.
func (r *reconciler) tellHands() {
	var list []event.Override
	for _, key := range r.ring {
		svc := r.services[key]
		if len(svc.hands) == 0 {
			continue
		}
		for _, rs := range svc.server.conf.RealServers {
			if h, set := svc.hands[table.ServerIn(rs.Key, key.Port)]; set {
				list = append(list, event.Override{VirtualServer: svc.server.name, RealServer: rs.String(),
					Kind: event.SetWeight, Weight: h.weight, Source: event.SourceKernel, Since: h.since,
					Reason: "set in the kernel's table"})
			}
		}
	}
	if !slices.Equal(list, r.handsTold) {
		r.handsTold = list
		r.Hands(list)
	}
}

// claimWeights writes the weights that are about to be sent to the journal.
func (r *reconciler) claimWeights(ops []table.Op) {
	notes := make([]table.Note, 0, len(ops))
	for _, op := range ops {
		if op.Kind != table.NewDestination && op.Kind != table.SetDestination {
			continue
		}
		sent, at := r.sentOf(op.Key()), op.Destination.Key
		if !slices.Contains(sent[at], op.Destination.Weight) {
			sent[at] = append(sent[at], op.Destination.Weight)
			notes = append(notes, sentNote(op.Key(), at, op.Destination.Weight))
		}
	}
	r.note(notes...)
}

// confirmWeights strikes out what the answers of the kernel have made untrue: the
// weights before the last one that it has taken, and those of servers that are gone.
func (r *reconciler) confirmWeights(ops []table.Op, errs []error, uncertain func(error) bool) {
	var notes []table.Note
	drop := func(key conf.ServiceKey, at conf.ServerKey, keep func(int) bool) {
		sent := r.sent[key]
		if len(sent[at]) == 0 {
			return // of a table that was there before: nothing was sent
		}
		left := sent[at][:0]
		for _, w := range sent[at] {
			if keep(w) {
				left = append(left, w)
			} else {
				notes = append(notes, sentNote(key, at, w))
			}
		}
		if sent[at] = left; len(left) == 0 {
			delete(sent, at)
		}
	}
	none := func(int) bool { return false }
	// One that is added at its place and then set to 0 is written twice.
	type written struct {
		service conf.ServiceKey
		server  conf.ServerKey
	}
	last := make(map[written]int)
	for i, op := range ops {
		if op.Destination.Place > 0 {
			last[written{op.Key(), op.Destination.Key}] = i
		}
	}
	for i, op := range ops {
		key, at, weight := op.Key(), op.Destination.Key, op.Destination.Weight
		switch {
		case errs[i] != nil && uncertain(errs[i]):
		case op.Kind == table.DelService && errs[i] == nil:
			for server := range r.sent[key] {
				drop(key, server, none)
			}
			delete(r.sent, key)
		case op.Kind == table.DelDestination && errs[i] == nil:
			drop(key, at, none)
		case op.Kind != table.NewDestination && op.Kind != table.SetDestination:
		case errs[i] == nil && len(r.sent[key][at]) > 1 && (op.Destination.Place == 0 || last[written{key, at}] == i):
			drop(key, at, func(w int) bool { return w == weight })
		case errs[i] != nil && len(r.sent[key][at]) > 1:
			drop(key, at, func(w int) bool { return w != weight })
		}
	}
	r.strike(notes...)
}

func sentNote(service conf.ServiceKey, server conf.ServerKey, weight int) table.Note {
	return table.Note{Kind: table.NoteSent, Service: service, Server: server, First: int64(weight)}
}
