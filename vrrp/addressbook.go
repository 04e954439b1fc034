package vrrp

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/lvs-director/director/conf"
)

// place is the unit of what is ours: one address on one interface or, with
// what, a route, a rule or a setting in the words of its journal key.
type place struct {
	device string
	prefix netip.Prefix
	what   string
}

func placeOf(a conf.Address) place { return place{device: a.Device, prefix: a.Prefix} }

const journalWord = "address"

// journalKey is the place in the words of the journal.
func (p place) journalKey() string {
	if p.what != "" {
		return p.what
	}
	return fmt.Sprintf("%s %s %s", journalWord, p.device, p.prefix)
}

// parsePlace is the inverse of journalKey for addresses.
func parsePlace(key string) (place, bool) {
	f := strings.Fields(key)
	if len(f) != 3 || f[0] != journalWord {
		return place{}, false
	}
	prefix, err := netip.ParsePrefix(f[2])
	if err != nil {
		return place{}, false
	}
	return place{device: f[1], prefix: prefix}, true
}

// addressJob is what one instance wants of the kernel now. A later job of
// an instance replaces an earlier one.
type addressJob struct {
	key key
	seq uint64
	// want is empty when the instance is not MASTER.
	want []holding
	// look are places that may hold something of ours from a former life.
	look []holding
	// verify does not trust what is known of the wanted addresses.
	verify bool
}

// book knows which holdings are wanted, by how many instances, and which of
// those that are there are ours. It decides; the address worker does.
type book struct {
	wanted    map[place]*wish
	instances map[key][]holding
	// held are in the journal: ours, there or about to be.
	held map[place]bool
	// left are those that a former life has left in the journal.
	left map[place]holding
	// installed is how we have added them; missing for adopted ones.
	installed map[place]holding
}

type wish struct {
	holding holding
	count   int // instances that want it
}

func newBook(held []string) *book {
	b := &book{
		wanted:    make(map[place]*wish),
		instances: make(map[key][]holding),
		held:      make(map[place]bool, len(held)),
		left:      make(map[place]holding, len(held)),
		installed: make(map[place]holding),
	}
	for _, k := range held {
		if h, ok := parseHolding(k); ok {
			b.held[h.place], b.left[h.place] = true, h
		}
	}
	return b
}

// plan takes jobs in and says what to remove and then what to add, in this
// order: the kernel removes secondary addresses with their primary one.
func (b *book) plan(jobs []addressJob) (remove []place, add []holding) {
	touched := make(map[place]bool) // true: verify
	var order []place
	touch := func(p place, verify bool) {
		before, ok := touched[p]
		if !ok {
			order = append(order, p)
		}
		touched[p] = before || verify
	}
	for _, j := range jobs {
		for _, h := range b.instances[j.key] {
			touch(h.place, false)
			if b.wanted[h.place].count--; b.wanted[h.place].count == 0 {
				delete(b.wanted, h.place)
			}
		}
		for _, h := range j.want {
			touch(h.place, j.verify && !h.noTrack)
			if w := b.wanted[h.place]; w != nil {
				w.holding = h
				w.count++
			} else {
				b.wanted[h.place] = &wish{holding: h, count: 1}
			}
		}
		for _, h := range j.look {
			touch(h.place, false)
		}
		if len(j.want) == 0 {
			delete(b.instances, j.key)
		} else {
			b.instances[j.key] = j.want
		}
	}
	for _, p := range order {
		w := b.wanted[p]
		was, known := b.installed[p]
		switch {
		case w == nil && b.held[p]:
			remove = append(remove, p)
		case w == nil:
		case known && !was.same(w.holding):
			if w.holding.route == nil { // a route is replaced where it is
				remove = append(remove, p)
			}
			add = append(add, w.holding)
		case !known || touched[p]:
			add = append(add, w.holding)
		}
	}
	slices.SortStableFunc(remove, func(a, b place) int { return byRank(b, a) })
	slices.SortStableFunc(add, func(a, b holding) int { return byRank(a.place, b.place) })
	return remove, add
}

// holding is what is known of a place that is ours.
func (b *book) holding(p place) holding {
	if h, ok := b.installed[p]; ok {
		return h
	}
	if h, ok := b.left[p]; ok {
		return h
	}
	return holding{place: p}
}

// gone strikes a place out.
func (b *book) gone(p place) {
	delete(b.installed, p)
	delete(b.held, p)
	delete(b.left, p)
}

// sameAddress says whether both are the same to the kernel.
func sameAddress(a, b conf.Address) bool {
	a.NoTrack = b.NoTrack
	return a == b
}

// leftovers are ours, wanted by nobody and not among those to keep.
func (b *book) leftovers(keep map[place]bool) []place {
	var list []place
	for p := range b.held {
		if b.wanted[p] == nil && !keep[p] {
			list = append(list, p)
		}
	}
	return list
}
