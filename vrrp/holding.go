package vrrp

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/vrrp/link"
)

// holding is what an instance, or the configuration as a whole, wants to have
// in the kernel: one of the pointers is set, or setting.
type holding struct {
	place   place
	address *conf.Address
	route   *conf.Route
	rule    *conf.Rule
	block   *link.Block
	// setting is the interface whose promote_secondaries is to be on.
	setting string
	// noTrack: it is not put back when somebody else removes it.
	noTrack bool
	// group is the track_group of a static one.
	group string
}

// rank orders holdings as they are made: an address may need the setting, and
// must not come before its filter, a route needs an address, and a rule leads to the routes of a table. They are
// removed in the reverse order.
func (p place) rank() int {
	switch {
	case p.what == "":
		return 2
	case strings.HasPrefix(p.what, "setting "):
		return 0
	case strings.HasPrefix(p.what, "filter "):
		return 1
	case strings.HasPrefix(p.what, "route "):
		return 3
	}
	return 4
}

func byRank(a, b place) int { return a.rank() - b.rank() }

// attrs are the place in the words of the log.
func (p place) attrs() []any {
	if p.what == "" {
		return []any{"interface", p.device, "address", p.prefix.String()}
	}
	kind, rest, _ := strings.Cut(p.what, " ")
	return []any{kind, rest}
}

// kindText is what sort of thing it is.
func (p place) kindText() string {
	return [...]string{"setting", "filter", "address", "route", "rule"}[p.rank()]
}

// String is the place in words.
func (p place) String() string {
	if p.what == "" {
		return p.prefix.String() + " on " + p.device
	}
	return p.what
}

// holdingsFor are what an instance wants to have in the kernel as MASTER.
func holdingsFor(cfg *conf.Instance, addresses []conf.Address) []holding {
	return append(holdingsOf(addresses, cfg.Routes, cfg.Rules), blocksOf(cfg, addresses)...)
}

// holdingsOf lists what addresses, routes and rules ask for.
func holdingsOf(addresses []conf.Address, routes []conf.Route, rules []conf.Rule) []holding {
	list := make([]holding, 0, len(addresses)+len(routes)+len(rules))
	for i := range addresses {
		a := &addresses[i]
		list = append(list, holding{place: placeOf(*a), address: a, noTrack: a.NoTrack, group: a.TrackGroup})
	}
	for i := range routes {
		r := &routes[i]
		list = append(list, holding{place: placeOfRoute(*r), route: r, noTrack: r.NoTrack, group: r.TrackGroup})
	}
	for i := range rules {
		r := &rules[i]
		list = append(list, holding{place: placeOfRule(*r), rule: r, noTrack: r.NoTrack, group: r.TrackGroup})
	}
	return list
}

func promotion(device string) holding {
	return holding{place: place{what: "setting promote_secondaries " + device}, setting: device}
}

func placeOfRoute(r conf.Route) place {
	k := link.KeyOf(r)
	return place{what: fmt.Sprintf("route %s table %d metric %d tos %d protocol %d", k.Destination, k.Table, k.Metric, k.TOS, r.Protocol)}
}

func placeOfRule(r conf.Rule) place { return place{what: "rule " + r.String()} }

// parseHolding reads what a journal's key says, as far as is needed to remove it.
func parseHolding(key string) (holding, bool) {
	kind, rest, _ := strings.Cut(key, " ")
	switch kind {
	case journalWord:
		p, ok := parsePlace(key)
		return holding{place: p}, ok
	case "route":
		var to string
		var r conf.Route
		n, err := fmt.Sscanf(rest, "%s table %d metric %d tos %d protocol %d", &to, &r.Table, &r.Metric, &r.TOS, &r.Protocol)
		if err != nil || n != 5 {
			return holding{}, false
		}
		if r.Destination, err = netip.ParsePrefix(to); err != nil {
			return holding{}, false
		}
		r.Text = rest
		return holding{place: place{what: key}, route: &r}, placeOfRoute(r).what == key
	case "rule":
		r, ok := conf.ParseRule(rest)
		return holding{place: place{what: key}, rule: &r}, ok && placeOfRule(r).what == key
	case "filter":
		return parseBlock(rest)
	case "setting":
		device, ok := strings.CutPrefix(rest, "promote_secondaries ")
		return promotion(device), ok
	}
	return holding{}, false
}

// same says whether both are the same to the kernel.
func (h holding) same(o holding) bool {
	switch {
	case h.place != o.place:
		return false
	case h.address != nil && o.address != nil:
		return sameAddress(*h.address, *o.address)
	case h.route != nil && o.route != nil:
		a, b := *h.route, *o.route
		a.NoTrack, a.TrackGroup, a.Text = b.NoTrack, b.TrackGroup, b.Text
		return reflect.DeepEqual(a, b)
	}
	return true
}

func sameHoldings(a, b []holding) bool { return slices.EqualFunc(a, b, holding.same) }

// devices are the interfaces that must be up for it.
func (h holding) devices() []string {
	if h.noTrack {
		return nil
	}
	switch {
	case h.address != nil:
		return []string{h.address.Device}
	case h.route != nil:
		list := []string{h.route.Device}
		for _, n := range h.route.NextHops {
			list = append(list, n.Device)
		}
		return slices.DeleteFunc(list, func(s string) bool { return s == "" })
	case h.rule != nil:
		return slices.DeleteFunc([]string{h.rule.InputIf, h.rule.OutputIf}, func(s string) bool { return s == "" })
	}
	return nil
}

// routed says whether a change of an interface or an address may make the
// kernel drop it without a word.
func (h holding) routed() bool { return h.route != nil }
