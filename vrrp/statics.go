package vrrp

import (
	"net/netip"
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/resource"
)

// staticOwner is whose the static addresses, routes and rules are.
var staticOwner resource.Owner = static{}

type static struct{}

// suspectAfter is how long changes are collected before routes are looked
// after: an interface that goes down takes them along without a word.
const suspectAfter = 50 * time.Millisecond

// statics are what is in the kernel as long as director runs: static_ipaddress,
// static_routes, static_rules, and promote_secondaries.
type statics struct {
	resources []resource.Resource
	// trackers are the instances of each track_group.
	trackers map[string][]string
	seq      uint64
	missing  map[resource.Key]bool
	limits   limits
}

// routeFilter are the routes and rules that matter.
type routeFilter struct {
	routes map[link.RouteKey][]resource.Key
	rules  map[conf.Rule]resource.Key
	list   []resource.Route
	// devices are the interfaces of static ones, and statics static addresses.
	devices map[string]bool
	statics map[netip.Prefix]bool
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
// the whole.
func (e *Engine) applyStatics(cfg *conf.Config) {
	s := &e.statics
	list := resourceList(cfg.StaticAddresses, cfg.StaticRoutes, cfg.StaticRules)
	promoted := make(map[string]bool)
	for _, i := range cfg.Instances {
		if i.PromoteSecondaries && i.Interface != "" && !promoted[i.Interface] {
			promoted[i.Interface] = true
			list = append(list, resource.Setting{Device: i.Interface})
		}
	}
	s.trackers = make(map[string][]string, len(cfg.TrackGroups))
	for _, g := range cfg.TrackGroups {
		s.trackers[g.Name] = g.Instances
	}
	for _, i := range e.order {
		for _, r := range list {
			if !slices.Contains(s.trackers[r.TrackGroup()], i.next.Name) {
				continue
			}
			for _, name := range resource.NeededDevices(r) {
				if !slices.Contains(e.users[name], i) {
					e.users[name] = append(e.users[name], i)
				}
			}
		}
	}
	changed := !resource.Same(list, s.resources)
	s.resources = list
	e.watchOurs()
	if changed {
		e.wishStatics(resource.NoDoubt)
	}
}

// watchOurs tells the watcher what matters.
func (e *Engine) watchOurs() {
	f := &routeFilter{
		routes: make(map[link.RouteKey][]resource.Key), rules: make(map[conf.Rule]resource.Key),
		devices: make(map[string]bool), statics: make(map[netip.Prefix]bool),
	}
	add := func(list []resource.Resource) {
		for _, r := range list {
			if !r.Tracked() {
				continue
			}
			switch r := r.(type) {
			case resource.Route:
				k := link.KeyOf(r.Route)
				f.routes[k] = append(f.routes[k], r.Key())
				f.list = append(f.list, r)
			case resource.Rule:
				f.rules[link.RuleOf(r.Rule)] = r.Key()
			}
		}
	}
	for _, i := range e.order {
		add(resourcesOf(i.next))
	}
	add(e.statics.resources)
	for _, r := range e.statics.resources {
		for _, name := range r.Devices() {
			f.devices[name] = true
		}
		if a, ok := r.(resource.Address); ok {
			f.statics[a.Prefix] = true
		}
	}
	e.ours.Store(f)
}

// wishStatics hands the static wishes to the reconciler.
func (e *Engine) wishStatics(doubt resource.Doubt) {
	s := &e.statics
	if e.stopping || doubt != resource.NoDoubt && len(s.resources) == 0 {
		return
	}
	s.seq++
	e.put(resource.Job{Owner: staticOwner, Seq: s.seq, Want: s.resources, Doubt: doubt})
}

// releaseStatics removes them at the end.
func (e *Engine) releaseStatics() {
	e.deadlines.Remove(&e.recheck)
	if e.keep || len(e.statics.resources) == 0 {
		return
	}
	e.statics.seq++
	e.put(resource.Job{Owner: staticOwner, Seq: e.statics.seq, Look: keysOf(e.statics.resources)})
}

// staticsReconciled takes in what became of the static wishes.
func (e *Engine) staticsReconciled(r resource.Result, now time.Time) {
	s := &e.statics
	e.logHolding(&s.limits, r.Of(event.Holding), now)
	if e.stopping || r.Seq != s.seq {
		return
	}
	if len(r.Restored) > 0 {
		if n, ok := s.limits.allow("restored", now); ok {
			k := r.Restored[0]
			e.log.Warn("something else has removed a static "+k.Kind().String()+": put it back", append(k.Attrs(),
				"number", len(r.Restored), "times", n)...)
		}
	}
	e.ownStatics()
	before := s.missing
	missing := r.Of(event.Missing)
	if len(missing) == 0 && !r.All {
		return
	}
	s.missing = nil
	if len(missing) > 0 {
		s.missing = make(map[resource.Key]bool, len(missing))
		for _, t := range missing {
			s.missing[t.Key] = true
		}
		if n, ok := s.limits.allow("missing", now); ok {
			k := missing[0].Key
			e.log.Error("failed to create a static "+k.Kind().String()+", trying again",
				append(k.Attrs(), "number", len(missing), "error", missing[0].Err, "times", n)...)
		}
	} else if len(before) > 0 {
		e.log.Info("all static addresses, routes and rules are present now")
	}
	if len(before)+len(s.missing) > 0 {
		for _, i := range e.order {
			if e.tracksStatics(i) {
				e.evaluate(i, now)
			}
		}
	}
}

// ownStatics takes static addresses that an earlier run had left behind, and
// that are there, for their interfaces' own: advertisements may leave from them.
func (e *Engine) ownStatics() {
	for _, r := range e.statics.resources {
		k, ok := r.Key().(resource.AddressKey)
		on := e.interfaces.byName[k.Device]
		if !ok || !e.leftBehind[k] || on == nil {
			continue
		}
		delete(e.leftBehind, k)
		e.changed(link.Event{Kind: link.AddressAdded, Address: link.InterfaceAddress{Index: on.Index,
			Prefix: k.Prefix}})
	}
}

func (e *Engine) tracksStatics(i *instance) bool {
	for _, r := range e.statics.resources {
		if g := r.TrackGroup(); g != "" && slices.Contains(e.statics.trackers[g], i.cfg.Name) {
			return true
		}
	}
	return false
}

// staticFault says what the static resources that an instance tracks lack; empty
// is nothing.
func (e *Engine) staticFault(i *instance) string {
	for _, r := range e.statics.resources {
		group := r.TrackGroup()
		if group == "" || !slices.Contains(e.statics.trackers[group], i.cfg.Name) {
			continue
		}
		for _, name := range resource.NeededDevices(r) {
			if !e.isUp(name) {
				return "interface " + name + " of static " + r.Key().String() + " (track_group " + group + ") is down"
			}
		}
		if e.statics.missing[r.Key()] && r.Tracked() {
			return "static " + r.Key().String() + " (track_group " + group + ") is missing"
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
		e.suspectRoutes(now)
	case link.RuleRemoved:
		e.verifyKey(f.rules[event.Rule], resource.Removed)
	case link.RouteChanged:
		for _, k := range f.routes[event.Route] {
			e.verifyKey(k, resource.Removed)
		}
	}
}

// verifyKey has one thing put back if it has gone.
func (e *Engine) verifyKey(k resource.Key, doubt resource.Doubt) {
	for _, i := range e.wanters[k] {
		e.verify(i, doubt)
	}
	for _, r := range e.statics.resources {
		if r.Key() == k {
			e.wishStatics(doubt)
			return
		}
	}
}

// shakes is called with all that happens to interfaces and addresses: the
// kernel drops the routes of an interface that goes down, and those with a
// source address that goes, and says nothing. What happens to interfaces that
// no route of ours depends on, where containers come and go, costs nothing.
func (e *Engine) shakes(ev link.Event, c change, now time.Time) {
	f := e.ours.Load()
	if f == nil {
		return
	}
	for _, name := range c.names {
		if f.devices[name] {
			e.wishStatics(resource.Disturbed)
			break
		}
	}
	switch {
	case ev.Kind == link.Snapshot:
		if len(f.routes)+len(f.rules) > 0 || len(e.statics.resources) > 0 {
			e.suspectRoutes(now)
		}
	case ev.Kind == link.AddressRemoved:
		if f.dependOn(c.removed.Device, c.removed.Prefix) || f.statics[c.removed.Prefix] {
			e.suspectRoutes(now)
		}
	case c.down:
		on := c.was
		if on == nil {
			on = e.interfaces.byName[c.names[0]]
		}
		if f.dependOn(on.Name, on.prefixes()...) {
			e.suspectRoutes(now)
		}
	}
}

// dependOn says whether the kernel may drop a route of ours with an interface,
// or with addresses of it.
func (f *routeFilter) dependOn(device string, gone ...netip.Prefix) bool {
	for _, r := range f.list {
		devices := r.Devices()
		if slices.Contains(devices, device) {
			return true
		}
		for _, p := range gone {
			if r.Source == p.Addr() || len(devices) == 0 && r.Via.IsValid() && p.Masked().Contains(r.Via) {
				return true
			}
		}
	}
	return false
}

// suspectPause is the least time between two looks after routes.
const suspectPause = time.Second

// suspectRoutes has routes and rules looked after soon.
func (e *Engine) suspectRoutes(now time.Time) {
	if e.recheck.Pending() || e.stopping {
		return
	}
	at := now.Add(suspectAfter)
	if soonest := e.rechecked.Add(suspectPause); at.Before(soonest) {
		at = soonest
	}
	e.recheck.kind = routesSuspect
	e.deadlines.Set(&e.recheck, at)
}

// verifyRoutes has every instance that has routes or rules look after them.
func (e *Engine) verifyRoutes(now time.Time) {
	e.rechecked = now
	e.wishStatics(resource.Disturbed)
	for _, i := range e.order {
		if slices.ContainsFunc(i.resources, func(r resource.Resource) bool {
			return r.Key().Kind() >= resource.KindRoute && r.Tracked()
		}) {
			e.verify(i, resource.Disturbed)
		}
	}
}
