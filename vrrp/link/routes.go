package link

import (
	"cmp"
	"context"
	"net/netip"
	"slices"

	"github.com/lvs-director/director/conf"
)

// DefaultMetric6 is what the kernel gives an IPv6 route without a metric
// (IP6_RT_PRIO_USER).
const DefaultMetric6 = 1024

// RouteKey is what the kernel knows a route by: there is one of a kind.
type RouteKey struct {
	Destination netip.Prefix
	Table       uint32
	Metric      uint32
	TOS         uint8 // IPv4 only
}

// KeyOf is the key of a route.
func KeyOf(r conf.Route) RouteKey {
	k := RouteKey{Destination: r.Destination, Table: r.Table, Metric: r.Metric, TOS: r.TOS}
	if k.Destination.Addr().Is6() {
		k.TOS = 0
		if k.Metric == 0 {
			k.Metric = DefaultMetric6
		}
	}
	return k
}

// RuleOf is a rule without what the kernel does not know of.
func RuleOf(r conf.Rule) conf.Rule {
	r.NoTrack, r.TrackGroup, r.Text = false, "", ""
	return r
}

// SameRoute says whether a route of the kernel does what the wanted one
// does, whoever has put it there.
func SameRoute(want, have conf.Route) bool {
	if KeyOf(want) != KeyOf(have) || cmp.Or(want.Type, "unicast") != cmp.Or(have.Type, "unicast") {
		return false
	}
	v4 := want.Destination.Addr().Is4()
	switch {
	case v4 && want.Scope != have.Scope,
		want.Source != have.Source,
		want.MTU != have.MTU, want.MTULock != have.MTULock, want.AdvMSS != have.AdvMSS,
		want.InitCwnd != have.InitCwnd, want.InitRwnd != have.InitRwnd, want.HopLimit != have.HopLimit:
		return false
	}
	if have.Type != "" && have.Type != "unicast" && have.Type != "local" {
		return true // it leads nowhere; IPv6 shows the interface lo
	}
	return slices.EqualFunc(hops(want), hops(have), func(a, b conf.NextHop) bool {
		return a.Via == b.Via && (a.Device == b.Device || a.Device == "") &&
			a.Weight == b.Weight && a.OnLink == b.OnLink
	})
}

// hops are the ways of a route, in an order of their own.
func hops(r conf.Route) []conf.NextHop {
	if len(r.NextHops) == 0 {
		return []conf.NextHop{{Via: r.Via, Device: r.Device, Weight: 1, OnLink: r.OnLink}}
	}
	list := slices.Clone(r.NextHops)
	for i := range list {
		list[i].OnLink = list[i].OnLink || r.OnLink
		list[i].Device = cmp.Or(list[i].Device, r.Device)
	}
	slices.SortStableFunc(list, func(a, b conf.NextHop) int { return a.Via.Compare(b.Via) })
	return list
}

// Routes changes the routes, routing rules and settings of interfaces. One
// goroutine uses it.
type Routes interface {
	// FindRoutes tells those of the keys that the kernel has.
	FindRoutes(keys []RouteKey) (map[RouteKey]conf.Route, error)
	// RoutesOf tells all routes of a protocol.
	RoutesOf(protocol uint8) (map[RouteKey]conf.Route, error)
	// FindRules tells those of the rules, as RuleOf gives them, that the kernel has.
	FindRules(rules []conf.Rule) (map[conf.Rule]bool, error)
	// RulesOf tells all rules of a protocol that director could have made, as
	// RuleOf gives them.
	RulesOf(protocol uint8) ([]conf.Rule, error)
	// AddRoute makes a route. The error is fs.ErrExist when there is one with its key.
	AddRoute(r conf.Route) error
	// ReplaceRoute makes a route in the place of the one with its key.
	ReplaceRoute(r conf.Route) error
	// RemoveRoute removes the route of a key and protocol. The caller has made
	// sure that it is there: IPv4 takes a metric of 0 for any.
	RemoveRoute(k RouteKey, protocol uint8) error
	// AddRule makes a rule. The error is fs.ErrExist when there is one like it.
	AddRule(r conf.Rule) error
	// RemoveRule removes a rule, which the caller has made sure is there: what
	// a rule does not say is anything.
	RemoveRule(r conf.Rule) error
	// PromoteSecondaries switches the setting promote_secondaries of an
	// interface; was is what it was before.
	PromoteSecondaries(device string, on bool) (was bool, err error)
	Close() error
}

// RouteEventKind says what a RouteEvent is about.
type RouteEventKind uint8

// What can happen to routes and rules.
const (
	// RoutesLost: events were lost, anything may have changed.
	RoutesLost RouteEventKind = iota
	// RouteChanged: RouteEvent.Route was removed or replaced.
	RouteChanged
	// RuleRemoved: RouteEvent.Rule was removed.
	RuleRemoved
)

// RouteEvent is a change of the host's routes or rules.
type RouteEvent struct {
	Kind  RouteEventKind
	Route RouteKey
	Rule  conf.Rule
}

// RouteNetwork is what the engine needs of a kernel for routes and rules.
type RouteNetwork interface {
	Routes() (Routes, error)
	// WatchRoutes tells changes that ours says matter, and that some were lost,
	// until ctx ends, when it closes the channel. A host may have a million
	// routes that are not ours; ours is called from another goroutine.
	WatchRoutes(ctx context.Context, ours func(RouteEvent) bool) (<-chan RouteEvent, error)
}
