package plan

import (
	"fmt"
	"slices"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/vrrp/link"
)

// Routing is what the kernel has of routes and rules.
type Routing struct {
	// Routes are those whose keys the configuration asks for, and all that are
	// keepalived's and director's by their protocol.
	Routes map[link.RouteKey]conf.Route
	// Rules are those that the configuration asks for.
	Rules map[conf.Rule]bool
}

// Asked are the routes and rules that a configuration asks for, static and virtual.
func Asked(cfg *conf.Config) (routes []conf.Route, rules []conf.Rule) {
	routes, rules = slices.Clone(cfg.StaticRoutes), slices.Clone(cfg.StaticRules)
	for _, i := range cfg.Instances {
		routes, rules = append(routes, i.Routes...), append(rules, i.Rules...)
	}
	return routes, rules
}

// kernelRouting compares routes and rules with what the kernel has. Those of
// an instance belong where its addresses are.
func (m *maker) kernelRouting(cfg *conf.Config) {
	have := m.facts.Routing
	routes, _ := Asked(cfg)
	if have == nil {
		return
	}
	m.compareRouting("the static part", cfg.StaticRoutes, cfg.StaticRules, true)
	for _, i := range cfg.Instances {
		m.compareRouting(i.Name, i.Routes, i.Rules, m.masterHere(i))
	}
	asked := make(map[link.RouteKey]bool, len(routes))
	for _, r := range routes {
		asked[link.KeyOf(r)] = true
	}
	var foreign []string
	for k, r := range have.Routes {
		if !asked[k] {
			foreign = append(foreign, "route "+routeText(r))
		}
	}
	slices.Sort(foreign)
	m.plan.Foreign = append(m.plan.Foreign, foreign...)
}

// compareRouting says what becomes of the routes and rules of one owner, who
// wants them now if wanted is set.
func (m *maker) compareRouting(owner string, routes []conf.Route, rules []conf.Rule, wanted bool) {
	present := 0
	for _, r := range routes {
		is, there := m.facts.Routing.Routes[link.KeyOf(r)]
		switch {
		case there && link.SameRoute(r, is) && wanted:
			present++
		case there && link.SameRoute(r, is):
			m.plan.Foreign = append(m.plan.Foreign, fmt.Sprintf("route %s, although %s is not MASTER here", routeText(r), owner))
		case there:
			m.clients("route %s of %s cannot be put in place: the kernel has another one, which stays: %s", r.Text, owner,
				routeText(is))
		case wanted:
			m.clients("route %s of %s is added", r.Text, owner)
		}
	}
	for _, r := range rules {
		switch there := m.facts.Routing.Rules[link.RuleOf(r)]; {
		case there && wanted:
			present++
		case there:
			m.plan.Foreign = append(m.plan.Foreign, fmt.Sprintf("rule %s, although %s is not MASTER here", r.Text, owner))
		case wanted:
			m.clients("rule %s of %s is added", r.Text, owner)
		}
	}
	if present > 0 {
		m.untouched("%s of %s", routing(present), owner)
	}
}

// routing is a number of routes and rules in words.
func routing(n int) string {
	if n == 1 {
		return "1 route or rule"
	}
	return fmt.Sprintf("%d routes and rules", n)
}

// masterHere says whether all addresses of an instance are on this host.
func (m *maker) masterHere(i *conf.Instance) bool {
	list := all(i)
	for _, a := range list {
		there := func(h link.HostAddress) bool { return h.At(a.Device, a.Prefix) }
		if !slices.ContainsFunc(m.facts.Addresses, there) {
			return false
		}
	}
	return len(list) > 0
}

// routeText is a route of the kernel in words.
func routeText(r conf.Route) string {
	text := r.Destination.String()
	if r.Type != "" && r.Type != "unicast" {
		text = r.Type + " " + text
	}
	if r.Via.IsValid() {
		text += " via " + r.Via.String()
	}
	if r.Device != "" {
		text += " dev " + r.Device
	}
	for _, h := range r.NextHops {
		text += fmt.Sprintf(" nexthop via %s dev %s", h.Via, h.Device)
	}
	if r.Table != conf.TableMain {
		text += fmt.Sprintf(" table %d", r.Table)
	}
	return text
}
