package vrrp

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/lvs-director/director/conf"
)

// place is one address on one interface, the unit of what is ours.
type place struct {
	device string
	prefix netip.Prefix
}

func placeOf(a conf.Address) place { return place{device: a.Device, prefix: a.Prefix} }

const journalWord = "address"

// journalKey is the place in the words of the journal.
func (p place) journalKey() string { return fmt.Sprintf("%s %s %s", journalWord, p.device, p.prefix) }

// parsePlace is the inverse of journalKey; other keys of the journal are not ours to touch.
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

// addressJob is what one instance wants of the addresses now. A later job of
// an instance replaces an earlier one.
type addressJob struct {
	key key
	seq uint64
	// want is empty when the instance is not MASTER.
	want []conf.Address
	// look are places that may hold something of ours from a former life.
	look []conf.Address
	// verify does not trust what is known of the wanted addresses.
	verify bool
}

// book knows which addresses are wanted, by how many instances, and which of
// those that are there are ours. It decides; the address worker does.
type book struct {
	wanted    map[place]*wish
	instances map[key][]conf.Address
	// held are in the journal: ours, there or about to be.
	held map[place]bool
	// installed is how we have added them; missing for adopted ones.
	installed map[place]conf.Address
}

type wish struct {
	address conf.Address
	count   int // instances that want it
}

func newBook(held []string) *book {
	b := &book{
		wanted:    make(map[place]*wish),
		instances: make(map[key][]conf.Address),
		held:      make(map[place]bool, len(held)),
		installed: make(map[place]conf.Address),
	}
	for _, k := range held {
		if p, ok := parsePlace(k); ok {
			b.held[p] = true
		}
	}
	return b
}

// plan takes jobs in and says which addresses to remove and then which to add,
// in this order: the kernel removes secondary addresses with their primary one.
func (b *book) plan(jobs []addressJob) (remove []place, add []conf.Address) {
	touched := make(map[place]bool) // true: verify
	var order []place
	touch := func(a conf.Address, verify bool) {
		p := placeOf(a)
		before, ok := touched[p]
		if !ok {
			order = append(order, p)
		}
		touched[p] = before || verify
	}
	for _, j := range jobs {
		for _, a := range b.instances[j.key] {
			touch(a, false)
			p := placeOf(a)
			if b.wanted[p].count--; b.wanted[p].count == 0 {
				delete(b.wanted, p)
			}
		}
		for _, a := range j.want {
			touch(a, j.verify)
			if w := b.wanted[placeOf(a)]; w != nil {
				w.address = a
				w.count++
			} else {
				b.wanted[placeOf(a)] = &wish{address: a, count: 1}
			}
		}
		for _, a := range j.look {
			touch(a, false)
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
		case known && !sameAddress(was, w.address):
			remove = append(remove, p)
			add = append(add, w.address)
		case !known || touched[p]:
			add = append(add, w.address)
		}
	}
	return remove, add
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
