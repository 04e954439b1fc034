package resource

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"syscall"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/turns"
)

// listedFrom is from how many addresses on one list of all costs less than to
// try to add each.
const listedFrom = 4

// stages of a task: settings, filters and addresses; then routes and rules.
const stages = 2

// task makes what is missing of one wish.
type task struct {
	owner Owner
	seq   uint64
	doubt Doubt
	// quiet: nobody has asked for it, all owners of what it changes are told.
	// retry: of those, one whose resources had failed before.
	quiet, retry bool

	stage  int
	create [stages][]Resource
	at     int
	looked bool // seen is what the kernel has of this stage
	seen   seen
	// superseded: a later job of its owner has taken its place.
	superseded bool

	added, restored []Key
}

// seen is what the kernel has of the routes and rules of a task.
type seen struct {
	known  bool
	routes map[link.RouteKey]conf.Route
	rules  map[conf.Rule]bool
	// addresses are those of the host, when several are looked after.
	addresses map[AddressKey]bool
}

func newTask(j Job) *task {
	t := &task{owner: j.Owner, seq: j.Seq, doubt: j.Doubt}
	for _, res := range j.Want {
		stage := 0
		if res.Key().Kind() >= KindRoute {
			stage = 1
		}
		t.create[stage] = append(t.create[stage], res)
	}
	for n := range t.create {
		slices.SortStableFunc(t.create[n], func(a, b Resource) int { return int(a.Key().Kind()) - int(b.Key().Kind()) })
	}
	return t
}

// supersede takes over what an earlier wish of the owner has done so far.
func (t *task) supersede(old *task) {
	t.doubt = max(t.doubt, old.doubt)
	t.added = append(t.added, old.added...)
	t.restored = append(t.restored, old.restored...)
}

// createSome does a burst of a task.
func (r *Reconciler) createSome(t *task) {
	list := t.create[t.stage]
	if !t.looked {
		t.looked, t.seen = true, r.look(t, list)
	}
	burst := list[t.at:min(t.at+turns.Burst, len(list))]
	var claim, disclaim []string
	var todo []Resource
	for _, res := range burst {
		if w := r.wanted[res.Key()]; w != nil && r.due(w.Resource, t) {
			todo = append(todo, w.Resource)
			if k := res.Key(); !r.held[k] && !r.isForeign(k) {
				claim = append(claim, k.Journal())
			}
		}
	}
	r.claim(claim)
	for _, res := range todo {
		if !r.createOne(res, t) {
			disclaim = append(disclaim, res.Key().Journal())
		}
	}
	r.disclaim(disclaim)
	ready := r.ready(burst)
	if t.at += len(burst); t.at < len(list) {
		r.tellPart(t, ready)
		return
	}
	r.finishStage(t, ready)
}

// ready are the addresses among resources that are in the kernel.
func (r *Reconciler) ready(list []Resource) (keys []Key) {
	for _, res := range list {
		if k := res.Key(); k.Kind() == KindAddress && r.wanted[k] != nil && (r.there(k) || r.isForeign(k)) {
			keys = append(keys, k)
		}
	}
	return keys
}

// tellPart tells the owner of a job which of its addresses are there before the
// last of them is: each is announced without waiting for the others.
func (r *Reconciler) tellPart(t *task, ready []Key) {
	if t.quiet || len(ready) == 0 {
		return
	}
	r.emit(Result{Owner: t.owner, Seq: t.seq, Part: true, Ready: ready, Added: t.added, Restored: t.restored})
	t.added, t.restored = nil, nil
}

// look asks the kernel what it has, when that is in doubt: to add everything
// anew would wake whoever watches the tables.
func (r *Reconciler) look(t *task, list []Resource) (s seen) {
	if t.doubt == NoDoubt && !t.retry {
		return s
	}
	var keys []link.RouteKey
	var rules []conf.Rule
	addresses := 0
	for _, res := range list {
		switch x := res.(type) {
		case Route:
			keys = append(keys, link.KeyOf(x.Route))
		case Rule:
			rules = append(rules, link.RuleOf(x.Rule))
		case Address:
			addresses++
		}
	}
	var err error
	if addresses >= listedFrom {
		if all, err := r.kernel.Addresses.List(); err == nil {
			s.addresses = make(map[AddressKey]bool, len(all))
			for _, a := range all {
				s.addresses[AddressKey{a.Device, a.Prefix}] = true
			}
		}
	}
	if len(keys) > 0 {
		s.routes, err = r.kernel.Routes.FindRoutes(keys)
	}
	if len(rules) > 0 && err == nil {
		s.rules, err = r.kernel.Routes.FindRules(rules)
	}
	s.known = err == nil
	return s
}

// due says whether a wanted resource has to be looked after now.
func (r *Reconciler) due(res Resource, t *task) bool {
	k := res.Key()
	tr, now := r.troubles[k], time.Now()
	switch {
	case t.doubt == NoDoubt && r.there(k):
		return false
	case !t.quiet && !res.Tracked() && r.there(k):
		return false // it is not put back
	case tr == nil || tr.Ready(now):
		return true
	case tr.kind == event.Missing:
		// A change of an interface may be what it was waiting for; of one that was
		// not there it is.
		return t.doubt == Disturbed && !t.quiet && (noInterface(tr.err) || now.Sub(tr.Last()) >= time.Second)
	case tr.kind == event.Contested && t.doubt == Removed && !r.intact(res, t):
		delete(r.installed, k) // its pause is not over
	}
	return false
}

// noInterface says that something could not be made because its interface was not there.
func noInterface(err error) bool {
	return errors.Is(err, syscall.ENODEV) || errors.Is(err, fs.ErrNotExist)
}

// intact says whether something is still there, as far as that is known
// without trying to make it.
func (r *Reconciler) intact(res Resource, t *task) bool {
	switch x := res.(type) {
	case Route:
		have, there := t.seen.routes[link.KeyOf(x.Route)]
		return t.seen.known && there && link.SameRoute(x.Route, have)
	case Rule:
		return t.seen.known && t.seen.rules[link.RuleOf(x.Rule)]
	case Address:
		list, err := r.kernel.Addresses.List()
		return err == nil && slices.ContainsFunc(list, func(a link.HostAddress) bool {
			return a.Device == x.Device && a.Prefix == x.Prefix
		})
	}
	return false
}

// createOne makes one resource and notes what came of it. false means that it
// does not belong into the journal.
func (r *Reconciler) createOne(res Resource, t *task) (ours bool) {
	k := res.Key()
	if tr := r.troubles[k]; tr != nil {
		tr.queued = false
	}
	err := r.unguarded(res)
	if err == nil {
		err = r.put(res, t)
	}
	switch {
	case err == nil:
		r.created(res, t)
		return true
	case errors.Is(err, fs.ErrExist) && r.held[k]:
		r.installed[k] = res
		r.well(k)
		return true
	case errors.Is(err, fs.ErrExist):
		logged, known := r.foreign[k]
		if !logged {
			r.log.Warn("already present at start: leaving it in place", k.Attrs()...)
		}
		r.foreign[k] = true
		return known
	}
	delete(r.installed, k)
	r.fail(k, event.Missing, err, nil)
	return r.held[k] || r.isForeign(k)
}

// put makes a resource; the error is fs.ErrExist when it is there as wanted.
func (r *Reconciler) put(res Resource, t *task) error {
	switch x := res.(type) {
	case Route:
		have, there := t.seen.routes[link.KeyOf(x.Route)]
		if t.seen.known && there {
			return r.compare(x, have)
		}
		err := res.create(&r.kernel)
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		found, err := r.kernel.Routes.FindRoutes([]link.RouteKey{link.KeyOf(x.Route)})
		if err != nil {
			return err
		}
		if have, there = found[link.KeyOf(x.Route)]; !there {
			return fmt.Errorf("route %s was there when it was to be added, and is gone now: something else changes it", x.Text)
		}
		return r.compare(x, have)
	case Address:
		if t.seen.addresses[KeyOfAddress(x.Address)] {
			return fs.ErrExist
		}
	case Rule:
		if t.seen.known && t.seen.rules[link.RuleOf(x.Rule)] {
			return fs.ErrExist
		}
	}
	return res.create(&r.kernel)
}

// compare looks whether a route that is there is the wanted one. One of ours
// that is not, which something else has replaced, is put right.
func (r *Reconciler) compare(want Route, have conf.Route) error {
	switch {
	case link.SameRoute(want.Route, have):
		return fs.ErrExist
	case r.held[want.Key()]:
		return r.kernel.Routes.ReplaceRoute(want.Route)
	}
	return fmt.Errorf("table %d has another route to %s, which director did not add: %s",
		have.Table, have.Destination, wayOf(have))
}

// created notes a resource that was not there and is now.
func (r *Reconciler) created(res Resource, t *task) {
	k := res.Key()
	was, before := r.installed[k]
	t.added = append(t.added, k)
	tr := r.troubles[k]
	switch {
	case before && was.same(res) && t.doubt == Removed && !r.disturbed[k]:
		t.restored = append(t.restored, k)
		if tr == nil || tr.kind != event.Contested {
			tr = &trouble{kind: event.Contested}
			r.troubles[k] = tr
		}
		tr.Repaired(time.Now())
	case t.retry && tr != nil && tr.kind == event.Contested:
		t.restored = append(t.restored, k)
		tr.Repaired(time.Now())
	default:
		r.well(k)
	}
	if r.isForeign(k) {
		delete(r.foreign, k)
		r.claim([]string{k.Journal()})
	}
	r.held[k], r.installed[k] = true, res
}

// well forgets that a resource could not be made.
func (r *Reconciler) well(k Key) {
	t := r.troubles[k]
	if t == nil || t.kind != event.Missing {
		return
	}
	delete(r.troubles, k)
	if f, ok := k.(FilterKey); ok {
		// Its address waits for it.
		for other, t := range r.troubles {
			if a, ok := other.(AddressKey); ok && a.Prefix.Addr() == f.Address && t.kind == event.Missing {
				t.Now()
			}
		}
	}
}

// unguarded says why an address must not come: packets to it would have to be
// dropped, and cannot be.
func (r *Reconciler) unguarded(res Resource) error {
	a, ok := res.(Address)
	if !ok {
		return nil
	}
	for k, t := range r.troubles {
		if f, ok := k.(FilterKey); ok && t.kind == event.Missing && f.Address == a.Prefix.Addr() && r.wanted[k] != nil {
			return fmt.Errorf("address %s is not added, because of no_accept: %w", a.Prefix, t.err)
		}
	}
	return nil
}

// finishStage tells what became of a stage and goes on to the next one.
func (r *Reconciler) finishStage(t *task, ready []Key) {
	stage := t.create[t.stage]
	for _, res := range stage {
		if t.quiet && !t.retry {
			delete(r.disturbed, res.Key())
		}
	}
	all := r.tasks.advance(t)
	if t.quiet {
		r.tellOwners(t, stage)
		t.added, t.restored = nil, nil
		return
	}
	res := Result{Owner: t.owner, Seq: t.seq, All: all, Ready: ready, Added: t.added, Restored: t.restored}
	t.added, t.restored = nil, nil
	r.emit(res)
}

// tellOwners tells whom a task that nobody has asked for concerns: who has got
// something, and who waits for what still fails.
func (r *Reconciler) tellOwners(t *task, stage []Resource) {
	for _, res := range stage {
		k := res.Key()
		added := slices.Contains(t.added, k)
		if w := r.wanted[k]; w != nil && (added || t.retry) {
			r.emitAll(k, w.owners, added, slices.Contains(t.restored, k))
		}
	}
}
