package resource

import "slices"

// Owner is who wants resources: any comparable value.
type Owner any

// Doubt is why what is known of the kernel may be wrong.
type Doubt uint8

// The doubts, the stronger one higher.
const (
	// NoDoubt: only what is known to be missing is made.
	NoDoubt Doubt = iota
	// Disturbed: the kernel may have dropped something, because of a change of an
	// interface or of one of our own.
	Disturbed
	// Removed: something else is said to have removed or changed something.
	Removed
)

// Job is what one owner wants of the kernel now. A later job of an owner
// replaces an earlier one.
type Job struct {
	Owner Owner
	Seq   uint64 // comes back in the results
	// Want is empty when the owner gives everything up.
	Want []Resource
	// Look are keys that may hold something of ours from an earlier run.
	Look  []Key
	Doubt Doubt
}

// ledger knows which resources are wanted, by whom, and which of those that
// are there are ours. It decides; the Reconciler does.
type ledger struct {
	wanted map[Key]*wish
	owners map[Owner]*account
	// held are in the journal: ours, there or about to be.
	held map[Key]bool
	// left are those that an earlier run has left in the journal.
	left map[Key]Resource
	// installed is how we have made them; missing for adopted ones.
	installed map[Key]Resource
	// foreign were there before us; the value says that it was logged.
	foreign map[Key]bool
}

type wish struct {
	Resource
	owners []Owner
}

// account is the last job of an owner.
type account struct {
	seq  uint64
	want []Resource
}

func newLedger(held []string) *ledger {
	l := &ledger{
		wanted:    make(map[Key]*wish),
		owners:    make(map[Owner]*account),
		held:      make(map[Key]bool, len(held)),
		left:      make(map[Key]Resource, len(held)),
		installed: make(map[Key]Resource),
		foreign:   make(map[Key]bool),
	}
	for _, text := range held {
		if r, ok := ParseJournal(text); ok {
			k := r.Key()
			l.held[k], l.left[k] = true, r
		}
	}
	return l
}

// take notes what an owner wants from now on, and says which keys of ours
// nobody wants any more or are wanted in another form: they are to be removed.
// fresh are keys that nobody had wanted before.
func (l *ledger) take(j Job) (remove, fresh []Key) {
	touched := make(map[Key]bool)
	before := l.owners[j.Owner]
	if before != nil {
		for _, r := range before.want {
			k := r.Key()
			touched[k] = true
			if w := l.wanted[k]; w != nil {
				w.owners = slices.DeleteFunc(w.owners, func(o Owner) bool { return o == j.Owner })
			}
		}
	}
	for _, r := range j.Want {
		k := r.Key()
		if w := l.wanted[k]; w != nil {
			w.Resource = r
			w.owners = append(w.owners, j.Owner)
		} else {
			l.wanted[k] = &wish{Resource: r, owners: []Owner{j.Owner}}
			fresh = append(fresh, k)
		}
		touched[k] = true
	}
	for _, k := range j.Look {
		touched[k] = true
	}
	if len(j.Want) == 0 {
		delete(l.owners, j.Owner)
	} else {
		l.owners[j.Owner] = &account{seq: j.Seq, want: j.Want}
	}
	for k := range touched {
		w := l.wanted[k]
		if w != nil && len(w.owners) == 0 {
			delete(l.wanted, k)
			w = nil
		}
		was, known := l.installed[k]
		switch {
		case w == nil && l.held[k]:
			remove = append(remove, k)
		case w != nil && known && !was.same(w.Resource) && k.Kind() != KindRoute: // a route is replaced where it is
			remove = append(remove, k)
		}
	}
	return remove, fresh
}

// unwanted says whether a key of ours is still to be removed.
func (l *ledger) unwanted(k Key) bool {
	w := l.wanted[k]
	if w == nil {
		return l.held[k]
	}
	was, known := l.installed[k]
	return known && !was.same(w.Resource) && k.Kind() != KindRoute
}

// resource is what is known of a key that is ours.
func (l *ledger) resource(k Key) Resource {
	if r, ok := l.installed[k]; ok {
		return r
	}
	return l.left[k]
}

// gone strikes a key out.
func (l *ledger) gone(k Key) {
	delete(l.installed, k)
	delete(l.held, k)
	delete(l.left, k)
}

func (l *ledger) isForeign(k Key) bool {
	_, is := l.foreign[k]
	return is
}

// leftovers are ours, wanted by nobody and not among those to keep.
func (l *ledger) leftovers(keep map[Key]bool) []Key {
	var list []Key
	for k := range l.held {
		if l.wanted[k] == nil && !keep[k] {
			list = append(list, k)
		}
	}
	return list
}

// dependents are installed resources that the kernel may drop when one of our
// addresses goes: routes by its interface, and addresses of its network that
// were secondary to it.
func (l *ledger) dependents(a AddressKey) []Key {
	var list []Key
	for k, r := range l.installed {
		switch r := r.(type) {
		case Route:
			if r.dependsOn(a) {
				list = append(list, k)
			}
		case Address:
			if r.Device == a.Device && r.Prefix != a.Prefix && r.Prefix.Masked() == a.Prefix.Masked() {
				list = append(list, k)
			}
		}
	}
	return list
}
