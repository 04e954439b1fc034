package resource

import (
	"cmp"
	"log/slog"
	"slices"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/mailbox"
	"github.com/lvs-director/director/vrrp/turns"
)

// Reconciler owns what is ours in the kernel of this host. It runs beside the
// engine, which never waits for it.
type Reconciler struct {
	*ledger
	kernel  Kernel
	journal Journal
	log     *slog.Logger
	turns   turns.Turns
	inbox   *mailbox.Mailbox[inbox]
	results chan Result
	stop    chan struct{}

	remove   []Key // in the order of removal
	removing *round
	tasks    tasks
	troubles map[Key]*trouble
	// owner is whose wish a removal was, for the troubles of Holding. Every removal
	// that is planned has an entry, until it was tried.
	owner map[Key][]Owner
	// strays may be somebody else's; strayAt is when they are looked at again.
	strays  map[Key]Trouble
	strayAt time.Time
	// released are addresses that were removed lately, and when: an interface that
	// was renamed before we knew takes its addresses along, and the removal found
	// no interface of the old name.
	released map[AddressKey]time.Time
	// disturbed may have gone because of what we did ourselves.
	disturbed map[Key]bool
}

// inbox is what waits for the reconciler: of each owner the latest wish.
type inbox struct {
	renames []Rename
	jobs    mailbox.Queue[Owner, Job]
	adopt   *Adoption
	sweep   bool
	keep    map[Key]bool
}

// Rename is an interface that has another name: its addresses are removed
// under the new one, since the configuration is for the name that nobody has.
type Rename struct{ From, To string }

// Options are what a Reconciler works with.
type Options struct {
	Kernel  Kernel
	Journal Journal
	Held    []string // keys of the journal, also those of other packages
	Log     *slog.Logger
	Turns   turns.Turns
}

// New makes a Reconciler.
func New(o Options) *Reconciler {
	return &Reconciler{
		ledger: newLedger(o.Held), kernel: o.Kernel, journal: o.Journal, log: o.Log, turns: o.Turns,
		inbox: mailbox.New[inbox](), results: make(chan Result), stop: make(chan struct{}),
		strays: make(map[Key]Trouble), troubles: make(map[Key]*trouble), owner: make(map[Key][]Owner),
		disturbed: make(map[Key]bool), released: make(map[AddressKey]time.Time),
		tasks: tasks{latest: make(map[Owner]*task)},
	}
}

// Put hands a wish over. It never waits.
func (r *Reconciler) Put(j Job) {
	r.inbox.Put(func(in *inbox) {
		if waiting, ok := in.jobs.Get(j.Owner); ok {
			j.Doubt = max(j.Doubt, waiting.Doubt)
			j.Look = append(j.Look, waiting.Look...)
		}
		in.jobs.Put(j.Owner, j)
	})
}

// Sweep has everything removed that an earlier run has left behind, nobody
// wants and is not among keep.
func (r *Reconciler) Sweep(keep map[Key]bool) {
	r.inbox.Put(func(in *inbox) { in.sweep, in.keep = true, keep })
}

// Renamed tells of interfaces that have another name.
func (r *Reconciler) Renamed(list ...Rename) {
	if len(list) > 0 {
		r.inbox.Put(func(in *inbox) { in.renames = append(in.renames, list...) })
	}
}

// Results tells what became of wishes; it is closed when Run ends. Whoever
// reads it never makes the reconciler wait for long.
func (r *Reconciler) Results() <-chan Result { return r.results }

// Close has Run end after the burst it is at.
func (r *Reconciler) Close() { close(r.stop) }

// Run works until Close.
func (r *Reconciler) Run() {
	defer close(r.results)
	r.findForeign()
	timer := time.NewTimer(time.Minute)
	defer timer.Stop()
	for {
		select {
		case <-r.stop:
			return
		default:
		}
		r.takeInbox()
		r.retryDue(time.Now())
		r.lookAtStrays(time.Now())
		if r.work() {
			continue
		}
		timer.Reset(r.untilRetry(time.Now()))
		select {
		case <-r.inbox.Signal():
		case <-timer.C:
		case <-r.stop:
			return
		}
	}
}

// findForeign remembers the addresses that somebody else has put there, so
// that not even a crash in the wrong moment makes them ours.
func (r *Reconciler) findForeign() {
	present, err := r.kernel.Addresses.List()
	if err != nil {
		r.log.Warn("failed to list the host's own addresses: one that is also a virtual address might be removed later",
			"error", err)
		return
	}
	for _, a := range present {
		k := AddressKey{a.Device, a.Prefix}
		switch {
		case !r.held[k]:
			r.foreign[k] = false
		case !a.Marked:
			// It is of a version, or of a kernel, without marks.
			if err := r.kernel.Addresses.Mark(a.Device, a.Prefix); err != nil {
				r.log.Debug("failed to mark an address as director's", append(k.Attrs(), "error", err)...)
			}
		}
	}
}

func (r *Reconciler) takeInbox() {
	in := r.inbox.Take(inbox{})
	r.adopt(in.adopt)
	r.followRenames(in.renames)
	for _, j := range in.jobs.Take(in.jobs.Len()) {
		r.takeJob(j)
	}
	if in.sweep {
		r.sweep(in.keep)
	}
}

// takeJob puts a wish into the ledger and plans what it needs.
func (r *Reconciler) takeJob(j Job) {
	remove, fresh := r.take(j)
	for _, k := range fresh {
		if t := r.troubles[k]; t != nil && t.kind == event.Missing {
			delete(r.troubles, k) // a new owner is not made to wait
		}
	}
	for _, w := range j.Want {
		if t := r.troubles[w.Key()]; t != nil && t.kind == event.Holding {
			delete(r.troubles, w.Key()) // it is wanted again
		}
	}
	r.planRemoval(j.Owner, remove)
	r.tasks.putJob(newTask(j))
}

// planRemoval has keys removed; those that are planned already are so for this owner too.
func (r *Reconciler) planRemoval(owner Owner, keys []Key) {
	for _, k := range keys {
		owners, planned := r.owner[k]
		if !slices.Contains(owners, owner) {
			r.owner[k] = append(owners, owner)
		}
		if !planned {
			r.remove = append(r.remove, k)
		}
	}
}

// sweep removes what an earlier run has left behind.
func (r *Reconciler) sweep(keep map[Key]bool) {
	left := r.leftovers(keep)
	slices.SortFunc(left, func(a, b Key) int { return cmp.Or(cmp.Compare(b.Kind(), a.Kind()), Compare(a, b)) })
	for _, k := range left {
		r.log.Info("removing what an earlier run left behind", k.Attrs()...)
	}
	r.planRemoval(Leftovers, left)
	r.tasks.putJob(newTask(Job{Owner: Leftovers}))
}

// renameDelay bounds how late the event of a renamed interface comes.
const renameDelay = 10 * time.Second

// followRenames removes what is ours from interfaces that have got another name.
func (r *Reconciler) followRenames(list []Rename) {
	for _, n := range list {
		var there []Key
		var claim, before []string
		for a, at := range r.released {
			if a.Device == n.From && time.Since(at) < renameDelay {
				to := AddressKey{n.To, a.Prefix}
				there, claim = append(there, to), append(claim, to.Journal())
				r.left[to], _ = parseAddress(to.Device + " " + to.Prefix.String())
				delete(r.released, a)
			}
		}
		for k := range r.held {
			if a, ok := k.(AddressKey); ok && a.Device == n.From {
				to := AddressKey{n.To, a.Prefix}
				there, claim, before = append(there, to), append(claim, to.Journal()), append(before, a.Journal())
				r.gone(a)
				r.left[to], _ = parseAddress(to.Device + " " + to.Prefix.String())
			}
		}
		if len(there) == 0 {
			continue
		}
		r.log.Info("an interface has another name: removing the virtual addresses of the old one",
			"from", n.From, "interface", n.To, "addresses", len(there))
		r.claim(claim)
		r.disclaim(before)
		for _, k := range there {
			r.held[k] = true
		}
		r.planRemoval(Leftovers, there)
	}
}

// work does one burst and says whether there was anything to do: removals
// first, because the kernel removes secondary addresses with their primary one,
// then the addresses of everybody, then routes and rules.
func (r *Reconciler) work() bool {
	if len(r.remove) > 0 || r.removing != nil {
		r.turns.Take(r.removeSome)
		return true
	}
	t := r.tasks.first()
	if t == nil {
		return false
	}
	r.turns.Take(func() { r.createSome(t) })
	return true
}

func (r *Reconciler) claim(keys []string) {
	if len(keys) == 0 {
		return
	}
	if err := r.journal.Claim(keys...); err != nil {
		// Without the address the service is down for certain; without the
		// journal only a crash is badly cleaned up.
		r.log.Warn("failed to write the journal: after a crash director would not remove these",
			"first", keys[0], "number", len(keys), "error", err)
	}
}

func (r *Reconciler) disclaim(keys []string) {
	if len(keys) == 0 {
		return
	}
	if err := r.journal.Release(keys...); err != nil {
		r.log.Warn("failed to write the journal: after a crash director would remove these, whoever created them",
			"first", keys[0], "number", len(keys), "error", err)
	}
}
