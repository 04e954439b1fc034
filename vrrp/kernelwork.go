package vrrp

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/vrrp/link"
)

// put makes one thing; the error is fs.ErrExist when it is there already.
func (w *addressWorker) put(h holding) error {
	switch {
	case h.address != nil:
		return w.kernel.Add(*h.address)
	case h.route != nil:
		return w.routes.AddRoute(*h.route)
	case h.rule != nil:
		return w.routes.AddRule(*h.rule)
	case h.block != nil:
		return w.filter.Block(*h.block)
	case h.setting != "":
		was, err := w.routes.PromoteSecondaries(h.setting, true)
		if err == nil && was {
			return fs.ErrExist
		}
		return err
	}
	return nil
}

// present is what the kernel has of the routes and rules that are about to be
// removed: their removal takes for any what it does not say.
type present struct {
	routes map[link.RouteKey]conf.Route
	rules  map[conf.Rule]bool
	err    error
}

func (w *addressWorker) findRoutes(places []place) present {
	var p present
	var keys []link.RouteKey
	var rules []conf.Rule
	for _, q := range places {
		h := w.book.holding(q)
		if h.route != nil {
			keys = append(keys, link.KeyOf(*h.route))
		}
		if h.rule != nil {
			rules = append(rules, link.RuleOf(*h.rule))
		}
	}
	if len(keys) > 0 {
		p.routes, p.err = w.routes.FindRoutes(keys)
	}
	if len(rules) > 0 && p.err == nil {
		p.rules, p.err = w.routes.FindRules(rules)
	}
	return p
}

// take removes one thing. A route that is somebody else's by now stays.
func (w *addressWorker) take(h holding, p present) error {
	switch {
	case h.route != nil:
		key := link.KeyOf(*h.route)
		have, there := p.routes[key]
		_, known := w.book.installed[h.place]
		switch {
		case p.err != nil:
			return p.err
		case !there:
			return nil
		case have.Protocol != h.route.Protocol || known && !link.SameRoute(*h.route, have):
			w.log.Warn("a route was replaced by something else and will be left there", h.place.attrs()...)
			return nil
		}
		return w.routes.RemoveRoute(key, h.route.Protocol)
	case h.rule != nil:
		rule := link.RuleOf(*h.rule)
		if p.err != nil || !p.rules[rule] {
			return p.err
		}
		return w.routes.RemoveRule(*h.rule)
	case h.block != nil:
		return w.filter.Unblock(*h.block)
	case h.setting != "":
		_, err := w.routes.PromoteSecondaries(h.setting, false)
		if errors.Is(err, fs.ErrNotExist) {
			return nil // its interface is gone
		}
		return err
	}
	return w.kernel.Remove(h.place.device, h.place.prefix)
}

// compare looks whether routes that are there already are the wanted ones. One
// of ours that is not, which somebody has replaced, is put right.
func (w *addressWorker) compare(list []holding, settle func(holding, error)) {
	if len(list) == 0 {
		return
	}
	keys := make([]link.RouteKey, len(list))
	for i, h := range list {
		keys[i] = link.KeyOf(*h.route)
	}
	found, err := w.routes.FindRoutes(keys)
	w.turns.each(len(list), func(i int) {
		h := list[i]
		have, there := found[keys[i]]
		switch {
		case err != nil:
			settle(h, err)
		case !there:
			settle(h, fmt.Errorf("route %s comes and goes", h.route.Text))
		case link.SameRoute(*h.route, have):
			settle(h, fs.ErrExist)
		case w.book.held[h.place]:
			settle(h, w.routes.ReplaceRoute(*h.route))
		default:
			settle(h, fmt.Errorf("another route to %s is in table %d, which director did not put there: %s",
				have.Destination, have.Table, wayOf(have)))
		}
	})
}

// wayOf is where a route leads.
func wayOf(r conf.Route) string {
	switch {
	case len(r.NextHops) > 0:
		return fmt.Sprintf("over %d next hops", len(r.NextHops))
	case r.Via.IsValid():
		return "via " + r.Via.String() + " dev " + r.Device
	case r.Type != "unicast":
		return r.Type
	}
	return "dev " + r.Device
}
