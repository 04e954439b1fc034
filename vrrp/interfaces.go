package vrrp

import (
	"bytes"
	"maps"
	"net/netip"
	"slices"

	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/resource"
)

// interfaces is what the engine knows of the host's interfaces and addresses.
type interfaces struct {
	byIndex map[int]*iface
	byName  map[string]*iface
	// virtual says whether an address is director's, configured or left
	// behind: such a one is never an interface's own.
	virtual func(resource.AddressKey) bool
	counter uint64
}

type iface struct {
	link.Interface
	known bool // false: only an address of it was heard of yet
	// hadARP: it had ARP at some time since director began.
	hadARP bool
	addrs  map[netip.Prefix]ownAddress
	// virtual are those that are director's.
	virtual map[netip.Prefix]bool
}

// ownAddress is an address that somebody else has put on an interface.
type ownAddress struct {
	order     uint64
	secondary bool
	dad       link.DAD
}

func newInterfaces(virtual func(resource.AddressKey) bool) *interfaces {
	return &interfaces{byIndex: make(map[int]*iface), byName: make(map[string]*iface), virtual: virtual}
}

// change is what an event means to instances.
type change struct {
	names []string // interfaces whose instances have to be evaluated anew
	// was is the interface that is gone.
	was *iface
	// gone is the index of an interface that does not exist any more, or 0.
	gone int
	// removed is an address that is not there any more.
	removed resource.AddressKey
	// address has come or gone.
	address netip.Addr
	// renamed are interfaces that have got another name.
	renamed []resource.Rename
	// down: the interface is down or gone and was not.
	down bool
	// moved: the interface works again or has another hardware address, so
	// neighbours have to be told where its addresses are.
	moved bool
	// all: everything may have changed.
	all bool
}

// apply takes one event in.
func (t *interfaces) apply(e link.Event) change {
	switch e.Kind {
	case link.Snapshot:
		return change{all: true, renamed: t.replace(e)}
	case link.InterfaceChanged:
		c := change{moved: t.moves(e.Interface), down: t.goesDown(e.Interface)}
		c.names = t.changed(e.Interface)
		if len(c.names) > 1 {
			c.renamed = []resource.Rename{{From: c.names[1], To: c.names[0]}}
		}
		return c
	case link.InterfaceGone:
		i := t.byIndex[e.Interface.Index]
		if i == nil {
			return change{}
		}
		delete(t.byIndex, i.Index)
		if t.byName[i.Name] == i {
			delete(t.byName, i.Name)
		}
		return change{names: []string{i.Name}, gone: i.Index, down: true, was: i}
	case link.AddressAdded:
		i := t.at(e.Address.Index)
		p := e.Address.Prefix
		primary, was := i.primary(), i.addrs[p]
		t.add(i, e.Address)
		c := change{address: p.Addr()}
		if i.primary() != primary || p.Addr().Is6() && i.addrs[p] != was {
			c.names = []string{i.Name}
		}
		return c
	case link.AddressRemoved:
		i := t.byIndex[e.Address.Index]
		if i == nil {
			return change{}
		}
		c := change{removed: resource.AddressKey{Device: i.Name, Prefix: e.Address.Prefix},
			address: e.Address.Prefix.Addr()}
		delete(i.virtual, e.Address.Prefix)
		if _, own := i.addrs[e.Address.Prefix]; own {
			before := i.primary()
			delete(i.addrs, e.Address.Prefix)
			if i.primary() != before || e.Address.Prefix.Addr().Is6() {
				c.names = []string{i.Name}
			}
		}
		return c
	}
	return change{}
}

func (t *interfaces) at(index int) *iface {
	i := t.byIndex[index]
	if i == nil {
		i = &iface{Interface: link.Interface{Index: index}, addrs: make(map[netip.Prefix]ownAddress),
			virtual: make(map[netip.Prefix]bool)}
		t.byIndex[index] = i
	}
	return i
}

// moves says whether a change makes neighbours lose what they knew, or not
// learn what they were told.
func (t *interfaces) moves(to link.Interface) bool {
	i := t.byIndex[to.Index]
	return i != nil && i.known && to.Up && (!i.Up || !bytes.Equal(i.HardwareAddr, to.HardwareAddr))
}

func (t *interfaces) goesDown(to link.Interface) bool {
	i := t.byIndex[to.Index]
	return i != nil && i.known && i.Up && !to.Up
}

func (t *interfaces) changed(to link.Interface) []string {
	i := t.at(to.Index)
	names := []string{to.Name}
	if i.known && i.Name != to.Name {
		names = append(names, i.Name)
		if t.byName[i.Name] == i {
			delete(t.byName, i.Name)
		}
	}
	if !i.known || i.Name != to.Name {
		// What was heard before the name could not be told from ours.
		for p := range i.addrs {
			if t.virtual(resource.AddressKey{Device: to.Name, Prefix: p}) {
				delete(i.addrs, p)
				i.virtual[p] = true
			}
		}
	}
	i.Interface, i.known, i.hadARP = to, true, i.hadARP || !to.NoARP
	t.byName[to.Name] = i
	return names
}

func (t *interfaces) add(i *iface, a link.InterfaceAddress) {
	own, known := i.addrs[a.Prefix]
	if !known {
		if t.virtual(resource.AddressKey{Device: i.Name, Prefix: a.Prefix}) {
			i.virtual[a.Prefix] = true
			return
		}
		t.counter++
		own.order = t.counter
	}
	own.secondary, own.dad = a.Secondary, a.DAD
	i.addrs[a.Prefix] = own
}

// replace makes a snapshot the truth. What was an interface's own stays so.
func (t *interfaces) replace(e link.Event) (renames []resource.Rename) {
	old := t.byIndex
	t.byIndex = make(map[int]*iface, len(e.Interfaces))
	t.byName = make(map[string]*iface, len(e.Interfaces))
	for _, l := range e.Interfaces {
		if was := old[l.Index]; was != nil && was.known && was.Name != l.Name {
			renames = append(renames, resource.Rename{From: was.Name, To: l.Name})
		}
		t.changed(l)
		if was := old[l.Index]; was != nil && was.hadARP {
			t.at(l.Index).hadARP = true
		}
	}
	for _, a := range e.Addresses {
		i := t.at(a.Index)
		if was := old[a.Index]; was != nil {
			if own, ok := was.addrs[a.Prefix]; ok {
				i.addrs[a.Prefix] = own
			}
		}
		t.add(i, a)
	}
	return renames
}

// prefixes are all addresses on the interface, its own and virtual ones.
func (i *iface) prefixes() []netip.Prefix {
	return slices.AppendSeq(slices.Collect(maps.Keys(i.addrs)), maps.Keys(i.virtual))
}
