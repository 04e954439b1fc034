package vrrp

import (
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/vrrp/link"
)

// staticKey is whose the static addresses, routes and rules are.
var staticKey = key{device: "static"}

// suspectAfter is how long changes are collected before routes are looked
// after: an interface that goes down takes them along without a word.
const suspectAfter = 50 * time.Millisecond

// statics are what is in the kernel as long as director runs: static_ipaddress,
// static_routes, static_rules, and promote_secondaries.
type statics struct {
	holdings []holding
	// trackers are the instances of each track_group.
	trackers map[string][]string
	seq      uint64
	missing  map[place]string // why
	retry    timer
	limits   limits
}

// routeFilter are the routes and rules that matter.
type routeFilter struct {
	routes map[link.RouteKey][]place
	rules  map[conf.Rule]place
}

// oursAmongRoutes is called by the watcher, from its own goroutine.
func (e *Engine) oursAmongRoutes(event link.RouteEvent) bool {
	f := e.ours.Load()
	switch {
	case event.Kind == link.RoutesLost:
		return true
	case f == nil:
		return false
	case event.Kind == link.RuleRemoved:
		_, is := f.rules[event.Rule]
		return is
	}
	return f.routes[event.Route] != nil
}

// applyStatics takes the static part of a configuration, and what to watch of
// the whole: virtual is what index has found that instances want.
func (e *Engine) applyStatics(cfg *conf.Config, virtual []holding) {
	s := &e.statics
	list := holdingsOf(cfg.StaticAddresses, cfg.StaticRoutes, cfg.StaticRules)
	promoted := make(map[string]bool)
	for _, i := range cfg.Instances {
		if i.PromoteSecondaries && i.Interface != "" && !promoted[i.Interface] {
			promoted[i.Interface] = true
			list = append(list, promotion(i.Interface))
		}
	}
	s.trackers = make(map[string][]string, len(cfg.TrackGroups))
	for _, g := range cfg.TrackGroups {
		s.trackers[g.Name] = g.Instances
	}
	for n, i := range e.order {
		for _, h := range list {
			if !slices.Contains(s.trackers[h.group], cfg.Instances[n].Name) {
				continue
			}
			for _, name := range h.devices() {
				if !slices.Contains(e.users[name], i) {
					e.users[name] = append(e.users[name], i)
				}
			}
		}
	}
	changed := !sameHoldings(list, s.holdings)
	s.holdings = list
	e.watchOurs(virtual)
	if changed {
		e.queueStatics(false)
	}
}

// watchOurs tells the watcher what matters.
func (e *Engine) watchOurs(virtual []holding) {
	f := &routeFilter{routes: make(map[link.RouteKey][]place), rules: make(map[conf.Rule]place)}
	add := func(h holding) {
		switch {
		case h.noTrack:
		case h.route != nil:
			k := link.KeyOf(*h.route)
			f.routes[k] = append(f.routes[k], h.place)
		case h.rule != nil:
			f.rules[link.RuleOf(*h.rule)] = h.place
		}
	}
	for _, h := range virtual {
		add(h)
	}
	for _, h := range e.statics.holdings {
		add(h)
	}
	e.ours.Store(f)
}

// queueStatics hands the static wishes to the address worker.
func (e *Engine) queueStatics(verify bool) {
	s := &e.statics
	if e.stopping || verify && len(s.holdings) == 0 {
		return
	}
	s.seq++
	if waiting, ok := e.jobs.get(staticKey); ok && waiting.verify {
		verify = true
	}
	e.jobs.put(staticKey, addressJob{key: staticKey, seq: s.seq, want: s.holdings, verify: verify})
}

// releaseStatics removes them at the end.
func (e *Engine) releaseStatics() {
	e.deadlines.Remove(&e.statics.retry)
	e.deadlines.Remove(&e.recheck)
	if e.keep || len(e.statics.holdings) == 0 {
		return
	}
	e.jobs.put(staticKey, addressJob{key: staticKey, look: e.statics.holdings})
}

// settleStatics takes in what the address worker has done about them.
func (e *Engine) settleStatics(r addressResult, now time.Time) {
	s := &e.statics
	if e.stopping || r.seq != s.seq {
		return
	}
	if len(r.restored) > 0 {
		if n, ok := s.limits.allow("restored", now); ok {
			e.log.Warn("static "+r.restored[0].kindText()+" was removed by something else and has been put back", append(r.restored[0].attrs(),
				"number", len(r.restored), "times", n)...)
		}
	}
	e.ownStatics()
	before := s.missing
	s.missing = nil
	if len(r.missing) > 0 {
		s.missing = make(map[place]string, len(r.missing))
		for _, p := range r.missing {
			s.missing[p] = r.err.Error()
		}
		if n, ok := s.limits.allow("missing", now); ok {
			e.log.Error("static "+r.missing[0].kindText()+" could not be put into the kernel: trying again every second",
				append(r.missing[0].attrs(), "number", len(r.missing), "error", r.err, "times", n)...)
		}
		s.retry.kind = staticRetry
		e.deadlines.Set(&s.retry, now.Add(addressRetryAfter))
	} else if len(before) > 0 {
		e.log.Info("all static addresses, routes and rules are there now")
	}
	if len(before)+len(s.missing) > 0 {
		for _, i := range e.order {
			if e.tracksStatics(i) {
				e.judge(i, now)
			}
		}
	}
}

// ownStatics takes static addresses that an earlier life had left behind, and
// that are there, for their interfaces' own: advertisements may leave from them.
func (e *Engine) ownStatics() {
	for _, h := range e.statics.holdings {
		on := e.interfaces.byName[h.place.device]
		if h.address == nil || !e.leftBehind[h.place] || on == nil {
			continue
		}
		delete(e.leftBehind, h.place)
		e.changed(link.Event{Kind: link.AddressAdded, Address: link.InterfaceAddress{Index: on.Index, Prefix: h.place.prefix}})
	}
}

func (e *Engine) tracksStatics(i *instance) bool {
	for _, h := range e.statics.holdings {
		if h.group != "" && slices.Contains(e.statics.trackers[h.group], i.cfg.Name) {
			return true
		}
	}
	return false
}

// routeFault says what the routes and rules of an instance, and the static
// ones that it tracks, lack; empty is nothing.
func (e *Engine) routeFault(i *instance) string {
	for _, h := range i.holdings {
		if h.address != nil {
			continue
		}
		for _, name := range h.devices() {
			if name != i.cfg.Interface && !e.isUp(name) {
				return "interface " + name + " of " + h.place.String() + " is down"
			}
		}
	}
	for _, h := range e.statics.holdings {
		if h.group == "" || !slices.Contains(e.statics.trackers[h.group], i.cfg.Name) {
			continue
		}
		for _, name := range h.devices() {
			if !e.isUp(name) {
				return "interface " + name + " of static " + h.place.String() + " (track_group " + h.group + ") is down"
			}
		}
		if e.statics.missing[h.place] != "" && !h.noTrack {
			return "static " + h.place.String() + " (track_group " + h.group + ") is missing"
		}
	}
	return ""
}

// routeChanged takes a change of routes or rules in.
func (e *Engine) routeChanged(event link.RouteEvent) {
	now := e.opts.Clock.Now()
	f := e.ours.Load()
	switch event.Kind {
	case link.RoutesLost:
		e.suspect(now)
	case link.RuleRemoved:
		e.verifyPlace(f.rules[event.Rule])
	case link.RouteChanged:
		for _, p := range f.routes[event.Route] {
			e.verifyPlace(p)
		}
	}
}

// verifyPlace has one thing put back if it has gone.
func (e *Engine) verifyPlace(p place) {
	for _, i := range e.places[p] {
		e.verify(i)
	}
	for _, h := range e.statics.holdings {
		if h.place == p {
			e.queueStatics(true)
			return
		}
	}
}

// suspectRoutes is called with all that happens to interfaces and addresses:
// the kernel drops the routes of an interface that goes down, and those with a
// source address that goes, and says nothing.
func (e *Engine) suspectRoutes(event link.Event, now time.Time) {
	switch event.Kind {
	case link.AddressRemoved:
		for _, h := range e.statics.holdings {
			if h.address != nil && h.address.Prefix == event.Address.Prefix {
				e.suspect(now)
				return
			}
		}
		fallthrough
	case link.InterfaceChanged, link.InterfaceGone, link.Snapshot:
		if f := e.ours.Load(); f != nil && len(f.routes)+len(f.rules) > 0 || event.Kind != link.AddressRemoved && len(e.statics.holdings) > 0 {
			e.suspect(now)
		}
	}
}

func (e *Engine) suspect(now time.Time) {
	if !e.recheck.Pending() && !e.stopping {
		e.recheck.kind = routesSuspect
		e.deadlines.Set(&e.recheck, now.Add(suspectAfter))
	}
}

// verifyRoutes has every instance that has routes or rules look after them.
func (e *Engine) verifyRoutes() {
	e.queueStatics(true)
	for _, i := range e.order {
		if slices.ContainsFunc(i.holdings, func(h holding) bool { return h.address == nil && !h.noTrack }) {
			e.verify(i)
		}
	}
}
