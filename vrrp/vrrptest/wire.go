package vrrptest

import (
	"fmt"
	"io/fs"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/lvs-director/director/vrrp/link"
)

// Packet is an advertisement that was on a wire.
type Packet struct {
	From *Host
	At   time.Time
	Data []byte
	// Device is the virtual MAC interface that it left; empty is another way.
	Device string
}

// Announcement is a gratuitous ARP or a neighbour advertisement that was on a wire.
type Announcement struct {
	From *Host
	At   time.Time
	Addr netip.Addr
	// Reply: it has the form of an answer.
	Reply bool
	// Device is the interface that it left.
	Device string
}

// Wire is a link that joins hosts. Packets arrive at once and at all others,
// unless Deliver says otherwise.
type Wire struct {
	// Deliver says when a packet from one host arrives at another, and whether
	// it does. It is set before the wire is used; nil is at once and always.
	Deliver func(from, to *Host, data []byte) (after time.Duration, ok bool)

	mu            sync.Mutex
	ports         []port
	cut           map[*Host]bool
	packets       []Packet
	announcements []Announcement
}

type port struct {
	host  *Host
	index int
}

func (w *Wire) plug(h *Host, index int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ports = append(w.ports, port{h, index})
}

func (w *Wire) unplug(h *Host, index int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ports = slices.DeleteFunc(w.ports, func(p port) bool { return p == port{h, index} })
}

// Cut separates a host from the others, in both directions and without its
// noticing: what a crash looks like from outside.
func (w *Wire) Cut(h *Host, cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut == nil {
		w.cut = make(map[*Host]bool)
	}
	w.cut[h] = cut
}

// Packets are the advertisements that were on the wire, oldest first.
func (w *Wire) Packets() []Packet {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.packets)
}

// Announcements are what was announced on the wire, oldest first.
func (w *Wire) Announcements() []Announcement {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.announcements)
}

// Inject puts a packet on the wire that none of the hosts has sent.
func (w *Wire) Inject(data []byte) { w.send(nil, "", data) }

func (w *Wire) announced(a Announcement) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.cut[a.From] {
		a.At = time.Now()
		w.announcements = append(w.announcements, a)
	}
}

func (w *Wire) send(from *Host, device string, data []byte) {
	w.mu.Lock()
	if w.cut[from] {
		w.mu.Unlock()
		return
	}
	data = slices.Clone(data)
	w.packets = append(w.packets, Packet{From: from, At: time.Now(), Data: data, Device: device})
	reached := slices.DeleteFunc(slices.Clone(w.ports), func(p port) bool { return p.host == from || w.cut[p.host] })
	w.mu.Unlock()
	for _, p := range reached {
		var after time.Duration
		if w.Deliver != nil {
			var ok bool
			if after, ok = w.Deliver(from, p.host, data); !ok {
				continue
			}
		}
		if after <= 0 {
			p.host.arrive(p.index, data)
			continue
		}
		time.AfterFunc(after, func() { p.host.arrive(p.index, data) })
	}
}

// Open implements link.Network.
func (h *Host) Open(key link.Key, ready chan<- link.Key) (link.Conn, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := &conn{
		host: h, key: key, ready: ready,
		arrived: make(chan struct{}, 1), resume: make(chan struct{}, 1), closed: make(chan struct{}),
	}
	for _, n := range h.ifaces {
		if n.Index == key.Index || key.Index == 0 && n.has(key.Local) {
			c.wire = n.wire
		}
	}
	if c.wire == nil {
		return nil, fmt.Errorf("interface %d: %w", key.Index, fs.ErrNotExist)
	}
	if h.conns == nil {
		h.conns = make(map[*conn]bool)
	}
	h.conns[c] = true
	go c.watch()
	return c, nil
}

// Sockets is how many are open.
func (h *Host) Sockets() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.conns)
}

func (h *Host) arrive(index int, data []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for c := range h.conns {
		if (c.key.Index == index || c.key.Index == 0) && c.hears(data) {
			c.arrive(data)
		}
	}
}

// conn is a raw socket on a wire.
type conn struct {
	host    *Host
	wire    *Wire
	key     link.Key
	ready   chan<- link.Key
	arrived chan struct{}
	resume  chan struct{}
	closed  chan struct{}

	mu    sync.Mutex
	queue []arrival
}

type arrival struct {
	data []byte
	at   time.Time
}

// queueSize is how many packets a socket holds before it drops new ones.
const queueSize = 1 << 12

func (c *conn) arrive(data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) < queueSize {
		c.queue = append(c.queue, arrival{data: data, at: time.Now()})
	}
	c.wake()
}

func (c *conn) wake() {
	select {
	case c.arrived <- struct{}{}:
	default:
	}
}

// hears says whether a packet is of the socket's family and protocol and for
// its group or address; what is no IP packet is heard by all. It is called with
// the host's lock held.
func (c *conn) hears(data []byte) bool {
	const ah = 51
	_, to, protocol, ok := header(data)
	if !ok {
		return true
	}
	switch {
	case to.Is6() != (c.key.Family == link.IPv6):
		return false
	case (protocol == ah) != c.key.AH:
		return false
	case to.IsMulticast():
		return to == c.key.Group
	case c.key.Local.IsValid():
		return to == c.key.Local
	}
	return slices.ContainsFunc(c.host.ifaces, func(n *nic) bool { return n.has(to) })
}

func (c *conn) waiting() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.queue) > 0
}

// watch reports arrivals as link.Conn promises.
func (c *conn) watch() {
	for {
		for !c.waiting() || c.host.isStarved() {
			select {
			case <-c.arrived:
			case <-c.closed:
				return
			}
		}
		select {
		case c.ready <- c.key:
		case <-c.closed:
			return
		}
		select {
		case <-c.resume:
		case <-c.closed:
			return
		}
	}
}

// Send sends IPv6 only from an address that is there and has passed duplicate
// address detection, as the kernel does.
func (c *conn) Send(data []byte, _ netip.Addr) error {
	if from, _, _, ok := header(data); ok && from.Is6() && !c.host.canSend(from) {
		return fmt.Errorf("sending from %s: %w", from, fs.ErrInvalid)
	}
	c.wire.send(c.host, "", data)
	return nil
}

// header is what matters of a packet's IP header.
func header(data []byte) (from, to netip.Addr, protocol byte, ok bool) {
	switch {
	case len(data) >= 40 && data[0]>>4 == 6:
		return netip.AddrFrom16([16]byte(data[8:24])), netip.AddrFrom16([16]byte(data[24:40])), data[6], true
	case len(data) >= 20 && data[0]>>4 == 4:
		return netip.AddrFrom4([4]byte(data[12:16])), netip.AddrFrom4([4]byte(data[16:20])), data[9], true
	}
	return from, to, 0, false
}

func (c *conn) Receive(batch []link.Datagram) (int, error) {
	c.mu.Lock()
	n := min(len(batch), len(c.queue))
	for i, a := range c.queue[:n] {
		batch[i] = link.Datagram{Data: a.data, Age: time.Since(a.at)}
	}
	c.queue = slices.Delete(c.queue, 0, n)
	c.mu.Unlock()
	return n, nil
}

func (c *conn) Resume() {
	select {
	case c.resume <- struct{}{}:
	default:
	}
}

func (c *conn) Close() error {
	c.host.mu.Lock()
	delete(c.host.conns, c)
	c.host.mu.Unlock()
	close(c.closed)
	return nil
}
