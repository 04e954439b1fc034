package vrrptest

import (
	"fmt"
	"io/fs"
	"net/netip"
	"slices"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/vrrp/link"
)

func (n *nic) address(p netip.Prefix) link.InterfaceAddress {
	return link.InterfaceAddress{Index: n.Index, Prefix: p, Secondary: n.secondary(p), DAD: n.dad[p]}
}

func (n *nic) has(addr netip.Addr) bool {
	return slices.ContainsFunc(n.addrs, func(p netip.Prefix) bool { return p.Addr() == addr })
}

// secondary says whether another address of its network was there before.
func (n *nic) secondary(p netip.Prefix) bool {
	if !p.Addr().Is4() {
		return false
	}
	for _, a := range n.addrs {
		switch {
		case a == p:
			return false
		case a.Masked() == p.Masked():
			return true
		}
	}
	return false
}

// Put adds an address behind the engine's back.
func (h *Host) Put(device, prefix string) {
	if err := h.add(device, netip.MustParsePrefix(prefix), false); err != nil {
		panic(err)
	}
}

// Take removes an address behind the engine's back.
func (h *Host) Take(device, prefix string) { h.remove(device, netip.MustParsePrefix(prefix), false) }

// CheckDuplicate gives an interface an address, if it has not got it, and puts
// it into a state of duplicate address detection.
func (h *Host) CheckDuplicate(device, prefix string, state link.DAD) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n, p := h.nic(device), netip.MustParsePrefix(prefix)
	if !slices.Contains(n.addrs, p) {
		n.addrs = append(n.addrs, p)
	}
	if n.dad == nil {
		n.dad = make(map[netip.Prefix]link.DAD)
	}
	n.dad[p] = state
	h.tell(link.Event{Kind: link.AddressAdded, Address: n.address(p)})
}

// RefuseRemovals makes the removal of addresses fail with err until it is nil;
// they stay.
func (h *Host) RefuseRemovals(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keep = err
}

// canSend says whether an address can be the source of a packet.
func (h *Host) canSend(from netip.Addr) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range h.ifaces {
		for _, p := range n.addrs {
			if p.Addr() == from && n.dad[p] == link.DADPassed {
				return true
			}
		}
	}
	return false
}

// RefuseAddresses makes adding addresses fail with err until it is nil.
func (h *Host) RefuseAddresses(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refuse = err
}

// Has says whether an interface has an address.
func (h *Host) Has(device, prefix string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.nic(device)
	return n != nil && slices.Contains(n.addrs, netip.MustParsePrefix(prefix))
}

// Marked says whether an interface has an address that carries the mark.
func (h *Host) Marked(device, prefix string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.nic(device)
	return n != nil && n.marked[netip.MustParsePrefix(prefix)]
}

// PutMarked adds an address that carries the mark, as another director or an
// earlier life of this one has left it.
func (h *Host) PutMarked(device, prefix string) {
	if err := h.add(device, netip.MustParsePrefix(prefix), true); err != nil {
		panic(err)
	}
}

func (h *Host) add(device string, p netip.Prefix, marked bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.nic(device)
	switch {
	case h.refuse != nil:
		return h.refuse
	case n == nil:
		return fmt.Errorf("interface %s: %w", device, fs.ErrNotExist)
	case slices.Contains(n.addrs, p):
		return fmt.Errorf("address %s: %w", p, fs.ErrExist)
	}
	h.put(n, p, marked)
	return nil
}

// put is called with the lock held.
func (h *Host) put(n *nic, p netip.Prefix, marked bool) {
	n.addrs = append(n.addrs, p)
	n.mark(p, marked)
	h.tell(link.Event{Kind: link.AddressAdded, Address: n.address(p)})
}

func (n *nic) mark(p netip.Prefix, marked bool) {
	if n.marked == nil {
		n.marked = make(map[netip.Prefix]bool)
	}
	n.marked[p] = marked
}

// remove takes an address away and, unless promote_secondaries is on, the
// secondary ones of its network, which it returns; alone puts them back.
func (h *Host) remove(device string, p netip.Prefix, alone bool) (with []netip.Prefix) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.nic(device)
	if n == nil || !slices.Contains(n.addrs, p) {
		return nil
	}
	if !n.secondary(p) && p.Addr().Is4() && !h.routing.promoted[device] {
		for _, a := range n.addrs {
			if a != p && a.Addr().Is4() && a.Masked() == p.Masked() {
				with = append(with, a)
			}
		}
	}
	for _, gone := range append([]netip.Prefix{p}, with...) {
		was := n.address(gone)
		n.addrs = slices.DeleteFunc(n.addrs, func(x netip.Prefix) bool { return x == gone })
		h.tell(link.Event{Kind: link.AddressRemoved, Address: was})
	}
	for _, a := range with {
		if alone {
			h.put(n, a, n.marked[a])
		}
	}
	return with
}

// Addresses implements link.Network.
func (h *Host) Addresses() (link.Addresses, error) { return addresses{h}, nil }

type addresses struct{ h *Host }

func (a addresses) List() ([]link.HostAddress, error) {
	a.h.mu.Lock()
	defer a.h.mu.Unlock()
	var list []link.HostAddress
	for _, n := range a.h.ifaces {
		for _, p := range n.addrs {
			list = append(list, link.HostAddress{
				Device: n.Name, Prefix: p, Marked: n.marked[p], Secondary: n.secondary(p)})
		}
	}
	return list, nil
}

func (a addresses) Add(want conf.Address) error { return a.h.add(want.Device, want.Prefix, true) }

func (a addresses) Mark(device string, p netip.Prefix) error {
	a.h.mu.Lock()
	defer a.h.mu.Unlock()
	n := a.h.nic(device)
	if n == nil || !slices.Contains(n.addrs, p) {
		return fmt.Errorf("address %s on %s: %w", p, device, fs.ErrNotExist)
	}
	n.mark(p, true)
	return nil
}

func (a addresses) Remove(device string, p netip.Prefix) error {
	_, err := a.remove(device, p, false)
	return err
}

func (a addresses) RemoveAlone(device string, p netip.Prefix) ([]netip.Prefix, error) {
	return a.remove(device, p, true)
}

func (a addresses) remove(device string, p netip.Prefix, alone bool) ([]netip.Prefix, error) {
	a.h.mu.Lock()
	n, err := a.h.nic(device), a.h.keep
	if n == nil || !slices.Contains(n.addrs, p) {
		err = nil
	}
	a.h.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("removing address %s from %s: %w", p, device, err)
	}
	return a.h.remove(device, p, alone), nil
}

func (a addresses) Close() error { return nil }
