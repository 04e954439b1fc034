package vrrptest

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/vrrp/link"
)

// Host is a machine: the kernel that an engine runs on. The zero value has no
// interfaces. It is safe for concurrent use.
type Host struct {
	mu       sync.Mutex
	ifaces   []*nic
	watchers []chan link.Event
	conns    map[*conn]bool
	// refuse is what adding an address fails with.
	refuse error
	deaf   bool
	vmacs  virtual

	routing routing
	// blocked is the table that drops packets to each address.
	blocked       map[netip.Addr]string
	refuseFilters error
	repairs       chan link.FilterRepair
	// starved: nobody is told that packets have arrived.
	starved bool
}

var _ link.Network = (*Host)(nil)

// nic is one interface of a host.
type nic struct {
	link.Interface
	wire  *Wire
	addrs []netip.Prefix
	dad   map[netip.Prefix]link.DAD // of those that have not passed
}

func (n *nic) address(p netip.Prefix) link.InterfaceAddress {
	return link.InterfaceAddress{Index: n.Index, Prefix: p, DAD: n.dad[p]}
}

func (n *nic) has(addr netip.Addr) bool {
	return slices.ContainsFunc(n.addrs, func(p netip.Prefix) bool { return p.Addr() == addr })
}

// events are buffered so that a host never waits for a watcher.
const eventBuffer = 1 << 14

// Plug gives the host an interface that is up, on a wire and with addresses.
func (h *Host) Plug(index int, name string, w *Wire, addrs ...string) {
	n := &nic{wire: w, Interface: link.Interface{
		Index: index, Name: name, Up: true,
		HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, byte(index)},
	}}
	w.plug(h, index)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ifaces = append(h.ifaces, n)
	h.tell(link.Event{Kind: link.InterfaceChanged, Interface: n.Interface})
	for _, a := range addrs {
		p := netip.MustParsePrefix(a)
		n.addrs = append(n.addrs, p)
		h.tell(link.Event{Kind: link.AddressAdded, Address: n.address(p)})
	}
}

// Unplug removes an interface.
func (h *Host) Unplug(name string) {
	h.mu.Lock()
	n := h.nic(name)
	h.ifaces = slices.DeleteFunc(h.ifaces, func(x *nic) bool { return x == n })
	h.dropRoutes(name)
	h.tell(link.Event{Kind: link.InterfaceGone, Interface: n.Interface})
	h.mu.Unlock()
	n.wire.unplug(h, n.Index)
}

// Rename gives an interface another name; it stays as it is.
func (h *Host) Rename(from, to string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.nic(from)
	n.Name = to
	h.tell(link.Event{Kind: link.InterfaceChanged, Interface: n.Interface})
}

// SetHardwareAddr gives an interface another hardware address.
func (h *Host) SetHardwareAddr(name string, mac net.HardwareAddr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.nic(name)
	n.HardwareAddr = mac
	h.tell(link.Event{Kind: link.InterfaceChanged, Interface: n.Interface})
}

// SetUp takes an interface up or down.
func (h *Host) SetUp(name string, up bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.nic(name)
	n.Up = up
	if !up {
		h.dropRoutes(name)
	}
	h.tell(link.Event{Kind: link.InterfaceChanged, Interface: n.Interface})
}

// Put adds an address behind the engine's back.
func (h *Host) Put(device, prefix string) {
	if err := h.add(device, netip.MustParsePrefix(prefix)); err != nil {
		panic(err)
	}
}

// Take removes an address behind the engine's back.
func (h *Host) Take(device, prefix string) { h.remove(device, netip.MustParsePrefix(prefix)) }

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

// Deaf makes the watchers miss what happens; when it ends they are told by a
// snapshot, as they are when the kernel had to drop events.
func (h *Host) Deaf(deaf bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.deaf = deaf
	if !deaf {
		h.tell(h.snapshot())
	}
}

// Blind has the watchers told that the kernel cannot be watched, because of err.
func (h *Host) Blind(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tell(link.Event{Kind: link.WatchFailed, Err: err})
}

// Starve lets packets arrive in the sockets without anybody being told, as
// happens to a process that gets no processor.
func (h *Host) Starve(starved bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.starved = starved
	for c := range h.conns {
		c.wake()
	}
}

func (h *Host) isStarved() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.starved
}

// Has says whether an interface has an address.
func (h *Host) Has(device, prefix string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.nic(device)
	return n != nil && slices.Contains(n.addrs, netip.MustParsePrefix(prefix))
}

func (h *Host) nic(name string) *nic {
	for _, n := range h.ifaces {
		if n.Name == name {
			return n
		}
	}
	return nil
}

// tell is called with the lock held.
func (h *Host) tell(e link.Event) {
	if h.deaf {
		return
	}
	for _, w := range h.watchers {
		w <- e
	}
}

func (h *Host) snapshot() link.Event {
	e := link.Event{Kind: link.Snapshot}
	for _, n := range h.ifaces {
		e.Interfaces = append(e.Interfaces, n.Interface)
		for _, p := range n.addrs {
			e.Addresses = append(e.Addresses, n.address(p))
		}
	}
	return e
}

func (h *Host) add(device string, p netip.Prefix) error {
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
	n.addrs = append(n.addrs, p)
	h.tell(link.Event{Kind: link.AddressAdded, Address: n.address(p)})
	return nil
}

func (h *Host) remove(device string, p netip.Prefix) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.nic(device)
	if n == nil || !slices.Contains(n.addrs, p) {
		return
	}
	n.addrs = slices.DeleteFunc(n.addrs, func(x netip.Prefix) bool { return x == p })
	h.tell(link.Event{Kind: link.AddressRemoved, Address: n.address(p)})
}

// Watch implements link.Network.
func (h *Host) Watch(ctx context.Context) (<-chan link.Event, error) {
	events := make(chan link.Event, eventBuffer)
	h.mu.Lock()
	defer h.mu.Unlock()
	events <- h.snapshot()
	h.watchers = append(h.watchers, events)
	context.AfterFunc(ctx, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.watchers = slices.DeleteFunc(h.watchers, func(w chan link.Event) bool { return w == events })
		close(events)
	})
	return events, nil
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
			list = append(list, link.HostAddress{Device: n.Name, Prefix: p})
		}
	}
	return list, nil
}

func (a addresses) Add(want conf.Address) error { return a.h.add(want.Device, want.Prefix) }

func (a addresses) Remove(device string, p netip.Prefix) error {
	a.h.remove(device, p)
	return nil
}

func (a addresses) Close() error { return nil }

// Announcer implements link.Network.
func (h *Host) Announcer() link.Announcer { return announcer{h} }

type announcer struct{ h *Host }

func (a announcer) Announce(from link.Interface, addr netip.Addr) error {
	return a.tell(from, addr, false)
}

func (a announcer) AnnounceReply(from link.Interface, addr netip.Addr) error {
	return a.tell(from, addr, true)
}

func (a announcer) tell(from link.Interface, addr netip.Addr, reply bool) error {
	a.h.mu.Lock()
	n := a.h.nic(from.Name)
	a.h.mu.Unlock()
	if n == nil {
		return fmt.Errorf("interface %s: %w", from.Name, fs.ErrNotExist)
	}
	n.wire.announced(Announcement{From: a.h, Addr: addr, Reply: reply, Device: n.Name})
	return nil
}

func (a announcer) Close() error { return nil }
