package resource

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/turns"
)

// round is a set of removals in progress, with what the kernel has of the
// routes and rules among them: their removal takes for any what it does not say.
type round struct {
	keys   []Key
	at     int
	routes map[link.RouteKey]conf.Route
	rules  map[conf.Rule]bool
	err    error
	// promoted are the interfaces on which secondary addresses stay when their
	// primary one goes, for this round, and alone are those where that cannot be set.
	promoted, alone map[string]bool
	// shaken are resources that may have gone with an address that was removed.
	shaken []Key
}

// removeSome does a burst of a round of removals.
func (r *Reconciler) removeSome() {
	if r.removing == nil {
		r.startRound()
	}
	n := r.removing
	var gone []string
	for end := min(n.at+turns.Burst, len(n.keys)); n.at < end; n.at++ {
		k := n.keys[n.at]
		owners := r.owner[k]
		delete(r.owner, k)
		if !r.unwanted(k) {
			continue // it is wanted again
		}
		if err := r.removeOne(k); err != nil {
			again := r.troubles[k] != nil
			r.fail(k, event.Holding, err, owners)
			if again {
				defer r.emitAll(k, owners, false, false)
			}
			continue
		}
		if t := r.troubles[k]; t != nil && t.kind == event.Holding {
			owners = append(owners, t.owners...)
			delete(r.troubles, k)
			defer r.emitAll(k, owners, false, false)
		}
		r.ledger.gone(k)
		gone = append(gone, k.Journal())
		if r.wanted[k] != nil {
			// It was to have another form. Whoever asked for that may have changed
			// his mind meanwhile, and others want it still.
			n.shaken = append(n.shaken, k)
		}
		if a, ok := k.(AddressKey); ok {
			r.released[a] = time.Now()
			n.shaken = append(n.shaken, r.dependents(a)...)
		}
	}
	r.disclaim(gone)
	if n.at == len(n.keys) {
		r.demote(n)
		r.removing = nil
		r.recheck(n.shaken)
	}
}

func (r *Reconciler) startRound() {
	maps.DeleteFunc(r.released, func(_ AddressKey, at time.Time) bool { return time.Since(at) >= renameDelay })
	n := &round{keys: r.remove}
	r.remove, r.removing = nil, n
	slices.SortStableFunc(n.keys, func(a, b Key) int { return cmp.Compare(b.Kind(), a.Kind()) })
	var keys []link.RouteKey
	var rules []conf.Rule
	for _, k := range n.keys {
		switch x := r.resource(k).(type) {
		case Route:
			keys = append(keys, link.KeyOf(x.Route))
		case Rule:
			rules = append(rules, link.RuleOf(x.Rule))
		}
	}
	if len(keys) > 0 {
		n.routes, n.err = r.kernel.Routes.FindRoutes(keys)
	}
	if len(rules) > 0 && n.err == nil {
		n.rules, n.err = r.kernel.Routes.FindRules(rules)
	}
	r.promote(n)
}

// removeOne removes one thing. A route that is somebody else's by now stays.
func (r *Reconciler) removeOne(k Key) error {
	n := r.removing
	switch x := r.resource(k).(type) {
	case nil:
		return nil
	case Route:
		have, there := n.routes[link.KeyOf(x.Route)]
		_, known := r.installed[k]
		switch {
		case n.err != nil:
			return n.err
		case !there:
			return nil
		case have.Protocol != x.Protocol || known && !link.SameRoute(x.Route, have):
			r.log.Warn("something else has replaced a route: leaving it in place", k.Attrs()...)
			return nil
		}
		return x.remove(&r.kernel)
	case Rule:
		if n.err != nil || !n.rules[link.RuleOf(x.Rule)] {
			return n.err
		}
		return x.remove(&r.kernel)
	case Address:
		if !n.alone[x.Device] {
			return x.remove(&r.kernel)
		}
		put, err := r.kernel.Addresses.RemoveAlone(x.Device, x.Prefix)
		if len(put) > 0 {
			r.log.Warn("the kernel has removed other addresses together with a virtual one, since promote_secondaries "+
				"cannot be set here: put them back", append(k.Attrs(), "number", len(put), "first", put[0].String())...)
		}
		return err
	default:
		return x.remove(&r.kernel)
	}
}

// recheck has resources looked after that the kernel may have dropped because
// of a removal of ours: nobody else is to blame.
func (r *Reconciler) recheck(keys []Key) {
	var list []Resource
	for _, k := range keys {
		if w := r.wanted[k]; w != nil && !r.disturbed[k] {
			r.disturbed[k] = true
			list = append(list, w.Resource)
		}
	}
	if len(list) > 0 {
		t := newTask(Job{Want: list, Doubt: Disturbed})
		t.quiet = true
		r.tasks.put(t)
	}
}

// fail notes an attempt that failed; it is made again after a pause.
func (r *Reconciler) fail(k Key, kind event.ProblemKind, err error, owners []Owner) {
	t := r.troubles[k]
	if t == nil || t.kind != kind {
		t = &trouble{kind: kind}
		r.troubles[k] = t
	}
	t.err = err
	for _, o := range owners {
		if !slices.Contains(t.owners, o) {
			t.owners = append(t.owners, o)
		}
	}
	t.Failed(time.Now())
}

// retryDue has what failed tried again, and forgets what is well since long.
func (r *Reconciler) retryDue(now time.Time) {
	var list []Resource
	for k, t := range r.troubles {
		w := r.wanted[k]
		switch {
		case t.kind == event.Holding && (w != nil || !r.held[k]):
			delete(r.troubles, k)
		case t.kind == event.Holding && t.Ready(now):
			if _, planned := r.owner[k]; !planned && r.removing == nil {
				r.remove = append(r.remove, k)
				r.owner[k] = t.owners
			}
		case t.kind == event.Holding:
		case w == nil:
			delete(r.troubles, k)
		case r.there(k):
			if t.IsCalm(now) {
				delete(r.troubles, k)
				if t.reported() {
					r.emitAll(k, w.owners, false, false)
				}
			}
		case t.Ready(now) && !t.queued:
			t.queued = true
			list = append(list, w.Resource)
		}
	}
	if len(list) > 0 {
		t := newTask(Job{Want: list})
		t.quiet, t.retry = true, true
		r.tasks.put(t)
	}
}

// there says whether a wanted resource is known to be there as it is wanted.
func (r *Reconciler) there(k Key) bool {
	was, ok := r.installed[k]
	return ok && was.same(r.wanted[k].Resource)
}

// untilRetry is how long there is nothing to try again.
func (r *Reconciler) untilRetry(now time.Time) time.Duration {
	wait := time.Hour
	if !r.strayAt.IsZero() {
		wait = max(r.strayAt.Sub(now), time.Millisecond)
	}
	for _, t := range r.troubles {
		at := t.Next()
		if t.kind == event.Contested && t.Ready(now) {
			at = t.CalmAt().Add(time.Millisecond)
		}
		wait = min(wait, max(at.Sub(now), time.Millisecond))
	}
	return wait
}
