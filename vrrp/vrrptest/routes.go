package vrrptest

import (
	"context"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/vrrp/link"
)

// routing is what a host has of routes, rules and settings.
type routing struct {
	routes   map[link.RouteKey]conf.Route
	rules    map[conf.Rule]bool
	promoted map[string]bool
	watchers []*routeWatcher
}

type routeWatcher struct {
	ours   func(link.RouteEvent) bool
	events chan link.RouteEvent
}

func (r *routing) tell(e link.RouteEvent) {
	for _, w := range r.watchers {
		if w.ours(e) {
			w.events <- e
		}
	}
}

// dropRoutes does what a kernel does when an interface goes down: its routes
// go, and nobody is told.
func (h *Host) dropRoutes(device string) {
	maps.DeleteFunc(h.routing.routes, func(_ link.RouteKey, r conf.Route) bool { return r.Device == device })
}

// RouteTexts are the texts of the host's routes and rules, sorted.
func (h *Host) RouteTexts() (list []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range h.routing.routes {
		list = append(list, r.Text)
	}
	for r := range h.routing.rules {
		list = append(list, "rule "+r.String())
	}
	slices.Sort(list)
	return list
}

// Promotes says whether promote_secondaries of an interface is on.
func (h *Host) Promotes(device string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.routing.promoted[device]
}

// TakeRoute removes a route behind the engine's back.
func (h *Host) TakeRoute(r conf.Route) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.routing.routes, link.KeyOf(r))
	h.routing.tell(link.RouteEvent{Kind: link.RouteChanged, Route: link.KeyOf(r)})
}

// PutRoute adds or replaces a route behind the engine's back.
func (h *Host) PutRoute(r conf.Route) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.routing.put(r)
	h.routing.tell(link.RouteEvent{Kind: link.RouteChanged, Route: link.KeyOf(r)})
}

func (r *routing) put(route conf.Route) {
	if r.routes == nil {
		r.routes = make(map[link.RouteKey]conf.Route)
	}
	r.routes[link.KeyOf(route)] = route
}

// TakeRule removes a rule behind the engine's back.
func (h *Host) TakeRule(r conf.Rule) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.routing.rules, link.RuleOf(r))
	h.routing.tell(link.RouteEvent{Kind: link.RuleRemoved, Rule: link.RuleOf(r)})
}

// WatchRoutes implements link.Network.
func (h *Host) WatchRoutes(ctx context.Context, ours func(link.RouteEvent) bool) (<-chan link.RouteEvent, error) {
	w := &routeWatcher{ours: ours, events: make(chan link.RouteEvent, eventBuffer)}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.routing.watchers = append(h.routing.watchers, w)
	context.AfterFunc(ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.routing.watchers = slices.DeleteFunc(h.routing.watchers, func(x *routeWatcher) bool { return x == w })
		close(w.events)
	})
	return w.events, nil
}

// Routes implements link.Network.
func (h *Host) Routes() (link.Routes, error) { return routes{h}, nil }

type routes struct{ h *Host }

func (r routes) FindRoutes(keys []link.RouteKey) (map[link.RouteKey]conf.Route, error) {
	r.h.mu.Lock()
	defer r.h.mu.Unlock()
	found := make(map[link.RouteKey]conf.Route)
	for _, k := range keys {
		if have, ok := r.h.routing.routes[k]; ok {
			found[k] = have
		}
	}
	return found, nil
}

func (r routes) RoutesOf(protocol uint8) (map[link.RouteKey]conf.Route, error) {
	r.h.mu.Lock()
	defer r.h.mu.Unlock()
	found := maps.Clone(r.h.routing.routes)
	maps.DeleteFunc(found, func(_ link.RouteKey, r conf.Route) bool { return r.Protocol != protocol })
	return found, nil
}

func (r routes) FindRules(rules []conf.Rule) (map[conf.Rule]bool, error) {
	r.h.mu.Lock()
	defer r.h.mu.Unlock()
	found := make(map[conf.Rule]bool)
	for _, rule := range rules {
		if r.h.routing.rules[rule] {
			found[rule] = true
		}
	}
	return found, nil
}

func (r routes) RulesOf(protocol uint8) (list []conf.Rule, err error) {
	r.h.mu.Lock()
	defer r.h.mu.Unlock()
	for rule := range r.h.routing.rules {
		if rule.Protocol == protocol {
			list = append(list, rule)
		}
	}
	return list, nil
}

func (r routes) AddRoute(want conf.Route) error { return r.put(want, false) }

func (r routes) ReplaceRoute(want conf.Route) error { return r.put(want, true) }

func (r routes) put(want conf.Route, replace bool) error {
	r.h.mu.Lock()
	defer r.h.mu.Unlock()
	_, there := r.h.routing.routes[link.KeyOf(want)]
	n := r.h.nic(want.Device)
	switch {
	case there && !replace:
		return fmt.Errorf("route %s: %w", want.Text, fs.ErrExist)
	case want.Device != "" && (n == nil || !n.Up):
		return fmt.Errorf("route %s: interface %s is not up", want.Text, want.Device)
	case want.Source.IsValid() && !slices.ContainsFunc(r.h.ifaces, func(n *nic) bool { return n.has(want.Source) }):
		return fmt.Errorf("route %s: %s is not on this host", want.Text, want.Source)
	}
	r.h.routing.put(want)
	return nil
}

func (r routes) RemoveRoute(k link.RouteKey, protocol uint8) error {
	r.h.mu.Lock()
	defer r.h.mu.Unlock()
	if r.h.routing.routes[k].Protocol == protocol {
		delete(r.h.routing.routes, k)
		r.h.routing.tell(link.RouteEvent{Kind: link.RouteChanged, Route: k})
	}
	return nil
}

func (r routes) AddRule(want conf.Rule) error {
	r.h.mu.Lock()
	defer r.h.mu.Unlock()
	rule := link.RuleOf(want)
	if r.h.routing.rules[rule] {
		return fmt.Errorf("rule %s: %w", want.Text, fs.ErrExist)
	}
	if r.h.routing.rules == nil {
		r.h.routing.rules = make(map[conf.Rule]bool)
	}
	r.h.routing.rules[rule] = true
	return nil
}

func (r routes) RemoveRule(rule conf.Rule) error {
	r.h.TakeRule(rule)
	return nil
}

func (r routes) PromoteSecondaries(device string, on bool) (was bool, err error) {
	r.h.mu.Lock()
	defer r.h.mu.Unlock()
	if r.h.nic(device) == nil {
		return false, fmt.Errorf("interface %s: %w", device, fs.ErrNotExist)
	}
	was = r.h.routing.promoted[device]
	if r.h.routing.promoted == nil {
		r.h.routing.promoted = make(map[string]bool)
	}
	r.h.routing.promoted[device] = on
	return was, nil
}

func (r routes) Close() error { return nil }
