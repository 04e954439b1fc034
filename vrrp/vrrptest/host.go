package vrrptest

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/track"
)

// Host is a machine: the kernel that an engine runs on. The zero value has no
// interfaces. It is safe for concurrent use.
type Host struct {
	mu       sync.Mutex
	ifaces   []*nic
	watchers []chan link.Event
	conns    map[*conn]bool
	// refuse is what adding an address fails with, and keep what removing does.
	refuse, keep error
	deaf         bool
	// linksFirst: events of interfaces overtake those of their addresses.
	linksFirst bool
	// pend: an interface that was down leaves an error in the sockets on it.
	pend  bool
	vmacs virtual

	routing routing
	// blocked is the table that drops packets to each address.
	blocked       map[netip.Addr]string
	refuseFilters error
	repairs       chan link.FilterRepair
	repaired      int
	// starved: nobody is told that packets have arrived.
	starved bool
}

var _ link.Network = (*Host)(nil)

// nic is one interface of a host.
type nic struct {
	link.Interface
	wire *Wire
	// addrs are in the order in which they came: the first of a network is its
	// primary one.
	addrs  []netip.Prefix
	marked map[netip.Prefix]bool     // of them, those that carry the mark
	dad    map[netip.Prefix]link.DAD // of those that have not passed
	// pending is the error that the next frame from it fails with.
	pending error
}

// events are buffered so that a host never waits for a watcher.
const eventBuffer = 1 << 14

// Plug gives the host an interface that is up, on a wire and with addresses.
func (h *Host) Plug(index int, name string, w *Wire, addrs ...string) {
	h.plug(link.Interface{Index: index, Name: name}, w, addrs...)
}

// PlugTunnel adds an interface that has never had ARP.
func (h *Host) PlugTunnel(index int, name string, w *Wire) {
	h.plug(link.Interface{Index: index, Name: name, NoARP: true}, w)
}

func (h *Host) plug(i link.Interface, w *Wire, addrs ...string) {
	index := i.Index
	i.Up, i.HardwareAddr = true, net.HardwareAddr{2, 0, 0, 0, 0, byte(index)}
	n := &nic{wire: w, Interface: i}
	w.plug(h, index)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ifaces = append(h.ifaces, n)
	events := []link.Event{{Kind: link.InterfaceChanged, Interface: n.Interface}}
	for _, a := range addrs {
		p := netip.MustParsePrefix(a)
		n.addrs = append(n.addrs, p)
		events = append(events, link.Event{Kind: link.AddressAdded, Address: n.address(p)})
	}
	h.tellInOrder(true, events)
}

// Unplug removes an interface.
func (h *Host) Unplug(name string) {
	h.mu.Lock()
	n := h.nic(name)
	h.ifaces = slices.DeleteFunc(h.ifaces, func(x *nic) bool { return x == n })
	h.dropRoutes(name)
	events := []link.Event{{Kind: link.InterfaceGone, Interface: n.Interface}}
	for _, p := range n.addrs {
		events = append(events, link.Event{Kind: link.AddressRemoved, Address: n.address(p)})
	}
	h.tellInOrder(false, events)
	h.mu.Unlock()
	n.wire.unplug(h, n.Index)
}

// Rename gives an interface another name; it stays as it is.
func (h *Host) Rename(from, to string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.nic(from)
	n.Name = to
	if v, ok := h.vmacs.made[from]; ok {
		v.Name = to
		delete(h.vmacs.made, from)
		h.vmacs.made[to] = v
	}
	h.tell(link.Event{Kind: link.InterfaceChanged, Interface: n.Interface})
}

// SetHardwareAddr gives an interface another hardware address.
func (h *Host) SetHardwareAddr(name string, mac net.HardwareAddr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.nic(name)
	n.HardwareAddr = mac
	if v, ok := h.vmacs.made[name]; ok {
		v.MAC = link.HardwareAddress(mac)
		h.vmacs.made[name] = v
	}
	h.tell(link.Event{Kind: link.InterfaceChanged, Interface: n.Interface})
}

// SetNoARP disables ARP on an interface, or enables it.
func (h *Host) SetNoARP(name string, off bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.nic(name)
	n.NoARP = off
	h.tell(link.Event{Kind: link.InterfaceChanged, Interface: n.Interface})
}

// NoARP says whether ARP is disabled on an interface.
func (h *Host) NoARP(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.nic(name).NoARP
}

// SetMTU gives an interface another MTU.
func (h *Host) SetMTU(name string, mtu int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.nic(name)
	n.MTU = mtu
	h.tell(link.Event{Kind: link.InterfaceChanged, Interface: n.Interface})
}

// SetMaster makes an interface a port of a bridge, bond or team; the zero Port
// ends it.
func (h *Host) SetMaster(name string, p track.Port) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.nic(name)
	n.Port = p
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
	if !up && h.pend {
		n.pending = unix.ENETDOWN
	}
	h.tell(link.Event{Kind: link.InterfaceChanged, Interface: n.Interface})
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

// LinkEventsFirst: the events of interfaces and of addresses come over two
// sockets, and those of interfaces are read first. Otherwise what is built up
// is told from the interface to its addresses, and taken down the other way.
func (h *Host) LinkEventsFirst(first bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.linksFirst = first
}

// tellInOrder tells of an interface and its addresses, which come or go. The
// first event is the interface's. It is called with the lock held.
func (h *Host) tellInOrder(comes bool, events []link.Event) {
	if !comes && !h.linksFirst {
		events = append(events[1:], events[0])
	}
	for _, e := range events {
		h.tell(e)
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
