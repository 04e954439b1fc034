package resource

import (
	"errors"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/link"
)

// What an earlier run has made carries the mark of package link, whatever
// became of its journal.

// Adoption says what of that is ours to remove.
type Adoption struct {
	// Configured are the keys of everything in this configuration.
	Configured map[Key]bool
	// Unmarked are routes and rules of instances that have a protocol of their own
	// in the place of the mark: what stands in the kernel exactly so is ours.
	// keepalived removes them at its start as well.
	Unmarked []Resource
	// Alone says that no other director and no keepalived is in this network namespace.
	Alone bool
}

// Adopt takes for ours what carries the mark and is configured, or anything
// that does when this director is alone in its network namespace. The
// rest is shown as Stray. It comes before the first job; what nobody wants then
// goes with Sweep.
func (r *Reconciler) Adopt(a Adoption) {
	r.inbox.Put(func(in *inbox) { in.adopt = &a })
}

func (r *Reconciler) adopt(a *Adoption) {
	if a == nil {
		return
	}
	marked := r.findMarked()
	maps.Copy(marked, r.findExactly(a.Unmarked))
	keys := slices.SortedFunc(maps.Keys(marked), Compare)
	var claim []string
	for _, k := range keys {
		switch {
		case r.held[k], bringsIn(k, marked[k]) && !a.Configured[k]:
		case a.Configured[k] || a.Alone:
			r.log.Info("adopting what an earlier run created but did not record in its journal", k.Attrs()...)
			r.held[k], r.left[k] = true, marked[k]
			delete(r.foreign, k)
			claim = append(claim, k.Journal())
		default:
			r.log.Warn("something carries director's and keepalived's mark and is in no configuration of this director: "+
				"leaving it in place, since another director or keepalived may run here",
				append(k.Attrs(), "remove", RemoveCommand(k))...)
			r.strays[k] = Trouble{Kind: event.Stray, Key: k, Times: 1, Since: time.Now(),
				Err: errors.New("it may be another director's or keepalived's; if it is nobody's, remove it with " +
					RemoveCommand(k))}
			r.strayAt = time.Now().Add(strayPeriod)
		}
	}
	r.claim(claim)
}

// bringsIn says whether a route brings packets to an announced address: it carries the mark too, and another part of
// director keeps it (package announce). The addresses themselves are told as not marked.
func bringsIn(k Key, res Resource) bool {
	key, ok := k.(RouteKey)
	route, is := res.(Route)
	return ok && is && key.Table == localTable && key.Destination.IsSingleIP() && route.Route.Type == "local" &&
		route.Route.Device == "lo"
}

// localTable is RT_TABLE_LOCAL (linux/rtnetlink.h).
const localTable = 255

// strayPeriod is how often it is looked whether strays are still there.
const strayPeriod = 30 * time.Second

// lookAtStrays forgets the strays that are gone.
func (r *Reconciler) lookAtStrays(now time.Time) {
	if r.strayAt.IsZero() || now.Before(r.strayAt) {
		return
	}
	r.strayAt = time.Time{}
	marked := r.findMarked()
	for k := range r.strays {
		if marked[k] == nil || r.held[k] {
			delete(r.strays, k)
		} else {
			r.strayAt = now.Add(strayPeriod)
		}
	}
	r.emit(Result{Owner: Leftovers, All: true})
}

// findMarked lists what carries the mark, as far as the kernel tells.
func (r *Reconciler) findMarked() map[Key]Resource {
	marked := make(map[Key]Resource)
	note := func(what string, err error) {
		if err != nil {
			r.log.Warn("failed to look for leftovers of an earlier run", "kind", what, "error", err)
		}
	}
	addresses, err := r.kernel.Addresses.List()
	note("addresses", err)
	for _, a := range addresses {
		if a.Marked {
			res := Address{conf.Address{Device: a.Device, Prefix: a.Prefix, PreferredLifetime: conf.Forever}}
			marked[res.Key()] = res
		}
	}
	routes, err := r.kernel.Routes.RoutesOf(link.Mark)
	note("routes", err)
	for _, route := range routes {
		route.Text = KeyOfRoute(route).text()
		marked[KeyOfRoute(route)] = Route{route}
	}
	rules, err := r.kernel.Routes.RulesOf(link.Mark)
	note("rules", err)
	for _, rule := range rules {
		marked[KeyOfRule(rule)] = Rule{rule}
	}
	if r.kernel.Filter == nil {
		return marked
	}
	blocks, err := r.kernel.Filter.Blocked()
	note("filters", err)
	for _, b := range blocks {
		marked[FilterKey(b)] = Filter{b}
	}
	return marked
}

// findExactly are those of routes and rules that are in the kernel as they stand.
func (r *Reconciler) findExactly(list []Resource) map[Key]Resource {
	there := make(map[Key]Resource)
	if len(list) == 0 {
		return there
	}
	seen := r.look(&task{doubt: Disturbed}, list)
	for _, res := range list {
		switch x := res.(type) {
		case Route:
			have, found := seen.routes[link.KeyOf(x.Route)]
			if found && have.Protocol == x.Protocol && link.SameRoute(x.Route, have) {
				there[x.Key()] = x
			}
		case Rule:
			if seen.rules[link.RuleOf(x.Rule)] {
				there[x.Key()] = x
			}
		}
	}
	return there
}

// RemoveCommand is what removes a resource by hand.
func RemoveCommand(k Key) string {
	switch k := k.(type) {
	case AddressKey:
		return "ip address del " + k.Prefix.String() + " dev " + k.Device
	case RouteKey:
		return inet6(k.Destination.Addr()) + "route del " + k.text()
	case RuleKey:
		if k.rule.IPv6 {
			return "ip -6 rule del " + k.rule.String()
		}
		return "ip rule del " + k.rule.String()
	case FilterKey:
		return "nft delete table inet " + k.Table
	}
	return ""
}

// inet6 is the beginning of a command of iproute2 for an address's family.
func inet6(a netip.Addr) string {
	if a.Is6() {
		return "ip -6 "
	}
	return "ip "
}
