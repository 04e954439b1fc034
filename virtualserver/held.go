package virtualserver

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// holding is what decides which virtual servers follow the addresses of instances: a host
// that is a real server too must not balance what another director passes to it.
type holding struct {
	holders  *conf.Holders
	own      map[netip.Addr]bool
	presence map[string]event.InstanceState // by identity, until the instance has stopped
	asked    map[string]uint64              // Acquired of those that are to be answered, by identity
	awaited  []conf.InstanceID              // as told
	told     bool                           // they were
	moved    bool                           // own is another one than the virtual servers were tied by
}

// takeHolding takes what is new about the addresses of this host.
func (r *reconciler) takeHolding(t requests) {
	h := &r.holding
	if h.presence == nil {
		h.presence, h.asked = make(map[string]event.InstanceState), make(map[string]uint64)
	}
	for id, s := range t.presence {
		delete(h.asked, id)
		if s.State == event.Stop {
			delete(h.presence, id)
			continue
		}
		if h.presence[id] = s; s.Holds() && s.Acquired != 0 {
			h.asked[id] = s.Acquired
		}
	}
	if t.own != nil {
		h.moved = true
		own := make(map[netip.Addr]bool, len(*t.own))
		for _, a := range *t.own {
			own[a] = true
		}
		h.own = own
	}
	switch {
	case t.application != nil || !r.started: // configure does it
	case t.own != nil:
		r.tieAll()
	case len(t.presence) > 0:
		r.settle()
	}
}

// configure takes the instances of a configuration, and says whether they are as before. What
// is known of others stays: the vrrp worker may have them still, and a configuration that has
// them again come next. They are forgotten when they have stopped.
func (h *holding) configure(cfg *conf.Config) (same bool) {
	before := h.holders
	h.holders = cfg.Holders()
	return before != nil && before.Same(h.holders)
}

// tieAll is tie for all virtual servers.
func (r *reconciler) tieAll() {
	r.holding.moved = false
	list := make([]*server, 0, len(r.servers))
	for _, s := range r.servers {
		list = append(list, s)
	}
	r.tie(list)
}

// tie finds the instances that virtual servers follow.
func (r *reconciler) tie(list []*server) {
	h := &r.holding
	for _, s := range list {
		for _, key := range s.keys {
			r.services[key].tied = h.holders.Tied(s.conf, key, func(a netip.Addr) bool { return h.own[a] })
		}
	}
	known := make(map[string]bool)
	var awaited []conf.InstanceID
	for _, svc := range r.services {
		for _, in := range svc.tied {
			if id := in.ID(); !known[id.String()] {
				known[id.String()] = true
				awaited = append(awaited, id)
			}
		}
	}
	slices.SortFunc(awaited, func(a, b conf.InstanceID) int { return strings.Compare(a.String(), b.String()) })
	if !h.told || !slices.Equal(awaited, h.awaited) {
		h.awaited, h.told = awaited, true
		r.Await(awaited)
	}
	r.settle()
}

// settle says which services are to be in the table.
func (r *reconciler) settle() {
	for key, svc := range r.services {
		if len(svc.tied) == 0 && svc.elsewhere == "" {
			continue
		}
		was := svc.elsewhere
		svc.elsewhere = r.holding.elsewhere(svc.tied)
		if (was == "") != (svc.elsewhere == "") {
			r.dirty.add(key)
			delete(r.drift, key) // what something else did was to another wish
		}
		if was != svc.elsewhere {
			r.changed.add(key)
		}
	}
}

// elsewhere says why this host has none of the instances; empty when it has one, or when
// there are none.
func (h *holding) elsewhere(tied []*conf.Instance) string {
	var states []string
	for _, in := range tied {
		s := h.presence[in.ID().String()]
		if s.Holds() {
			return ""
		}
		states = append(states, in.Name+" is "+s.State.String())
	}
	if len(states) == 0 {
		return ""
	}
	return strings.Join(states, ", ") + " on this host"
}

// elsewhere says why a virtual server, or a part of it, is not to be in the table.
func (r *reconciler) elsewhere(s *server) string {
	count, why := 0, ""
	for _, key := range s.keys {
		if text := r.services[key].elsewhere; text != "" {
			count++
			why = text
		}
	}
	if count > 0 && count < len(s.keys) {
		return fmt.Sprintf("%d of %d services: %s", count, len(s.keys), why)
	}
	return why
}

// answerHolding tells that the table has the virtual servers of instances that went for
// their addresses, or that it cannot have them.
func (r *reconciler) answerHolding() {
	for id, acquired := range r.holding.asked {
		delete(r.holding.asked, id)
		r.Held(event.HeldInTable{ID: id, Acquired: acquired})
	}
}
