package link

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/conf"
)

const (
	// watchBuffer is the receive buffer of a subscription: thousands of
	// addresses change at once when this host becomes or ceases to be MASTER.
	watchBuffer = 4 << 20
	// watchPause is the pause before subscribing again after events were lost.
	watchPause = 100 * time.Millisecond
)

// Watch implements Network.
func (*Kernel) Watch(ctx context.Context) (<-chan Event, error) {
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("opening rtnetlink to watch interfaces: %w", err)
	}
	w := &watcher{handle: handle, events: make(chan Event, 64)}
	w.subscribe = w.subscription
	sub, err := w.subscribe()
	if err != nil {
		handle.Close()
		return nil, err
	}
	go w.run(ctx, sub)
	return w.events, nil
}

// watcher turns rtnetlink's notifications into Events.
type watcher struct {
	handle *netlink.Handle
	events chan Event
	known  map[int]Interface
	kinds  map[int]string // of all links, by index
	// subscribe begins anew, with a snapshot.
	subscribe func() (*subscription, error)
}

// subscription is one pair of rtnetlink sockets. The kernel ends it (the
// channels are closed) when it had to drop notifications.
type subscription struct {
	links chan netlink.LinkUpdate
	addrs chan netlink.AddrUpdate
	done  chan struct{}
	first Event // the snapshot
	kinds map[int]string
}

func (w *watcher) subscription() (*subscription, error) {
	s := &subscription{
		links: make(chan netlink.LinkUpdate, 64),
		addrs: make(chan netlink.AddrUpdate, 256),
		done:  make(chan struct{}),
	}
	err := netlink.LinkSubscribeWithOptions(s.links, s.done, netlink.LinkSubscribeOptions{
		ReceiveBufferSize: watchBuffer, ReceiveBufferForceSize: true})
	if err != nil {
		return nil, fmt.Errorf("subscribing to changes of interfaces: %w", err)
	}
	err = netlink.AddrSubscribeWithOptions(s.addrs, s.done, netlink.AddrSubscribeOptions{
		ReceiveBufferSize: watchBuffer, ReceiveBufferForceSize: true})
	if err != nil {
		close(s.addrs) // nobody else does
		s.end()
		return nil, fmt.Errorf("subscribing to changes of addresses: %w", err)
	}
	// What changes between the subscription and these lists is told twice,
	// which does no harm; the other way round it would be missed.
	s.first.Kind = Snapshot
	if s.first.Interfaces, s.kinds, err = listLinks(w.handle); err == nil {
		s.first.Addresses, err = listAddresses(w.handle)
	}
	if err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}

// end closes the sockets and takes what their readers still hold: they would
// wait for ever with a notification in hand.
func (s *subscription) end() {
	close(s.done)
	for range s.links {
	}
	for range s.addrs {
	}
}

func (w *watcher) run(ctx context.Context, sub *subscription) {
	defer close(w.events)
	defer w.handle.Close()
	for {
		w.follow(ctx, sub)
		sub.end()
		for sub = nil; sub == nil; {
			select {
			case <-ctx.Done():
				return
			case <-time.After(watchPause):
			}
			// A failure here passes (memory, descriptors) or is permanent;
			// the state known last stays in force until then.
			var err error
			if sub, err = w.subscribe(); err == nil {
				break
			}
			select {
			case <-ctx.Done():
				return
			case w.events <- Event{Kind: WatchFailed, Err: err}:
			}
		}
	}
}

// follow hands on the events of one subscription until it or ctx ends.
func (w *watcher) follow(ctx context.Context, s *subscription) {
	w.known = make(map[int]Interface, len(s.first.Interfaces))
	for _, i := range s.first.Interfaces {
		w.known[i.Index] = i
	}
	if w.kinds = s.kinds; w.kinds == nil {
		w.kinds = make(map[int]string)
	}
	next := s.first
	for {
		select {
		case <-ctx.Done():
			return
		case w.events <- next:
		}
		for ok := false; !ok; {
			var open bool
			select {
			case <-ctx.Done():
				return
			case u, more := <-s.links:
				if open = more; more {
					next, ok = w.link(u)
				}
			case u, more := <-s.addrs:
				if open = more; more {
					next, ok = address(u)
				}
			}
			if !open {
				return
			}
		}
	}
}

// link tells what a notification means; most mean nothing to us.
func (w *watcher) link(u netlink.LinkUpdate) (Event, bool) {
	// Bridges report their ports under a family of their own, and a port that
	// leaves its bridge as a deleted link.
	if u.IfInfomsg.Family != unix.AF_UNSPEC {
		return Event{}, false
	}
	i := Interface{
		Index:        int(u.Index),
		Name:         u.Attrs().Name,
		HardwareAddr: u.Attrs().HardwareAddr,
		Up:           isUp(u.IfInfomsg.Flags),
		MTU:          u.Attrs().MTU,
		NoARP:        u.IfInfomsg.Flags&unix.IFF_NOARP != 0,
		Port:         portOf(w.kinds[u.Attrs().MasterIndex], w.known[u.Attrs().MasterIndex].Name),
	}
	old, known := w.known[i.Index]
	if u.Header.Type == unix.RTM_DELLINK {
		delete(w.known, i.Index)
		delete(w.kinds, i.Index)
		return Event{Kind: InterfaceGone, Interface: i}, known
	}
	w.known[i.Index], w.kinds[i.Index] = i, u.Type()
	same := known && old.Name == i.Name && old.Up == i.Up && old.NoARP == i.NoARP && old.Port == i.Port &&
		old.MTU == i.MTU && slices.Equal(old.HardwareAddr, i.HardwareAddr)
	return Event{Kind: InterfaceChanged, Interface: i}, !same
}

func address(u netlink.AddrUpdate) (Event, bool) {
	ip, ok := netip.AddrFromSlice(u.LinkAddress.IP)
	if !ok {
		return Event{}, false
	}
	bits, _ := u.LinkAddress.Mask.Size()
	e := Event{Kind: AddressAdded, Address: InterfaceAddress{
		Index:     u.LinkIndex,
		Prefix:    netip.PrefixFrom(ip.Unmap(), bits),
		Secondary: u.Flags&unix.IFA_F_SECONDARY != 0,
		DAD:       dadOf(u.Flags),
	}}
	if !u.NewAddr {
		e.Kind = AddressRemoved
	}
	return e, true
}

// dadOf reads an address's flags. The kernel lets an optimistic address be a
// source while it is still tentative (RFC 4429).
func dadOf(flags int) DAD {
	switch {
	case flags&unix.IFA_F_DADFAILED != 0:
		return DADFailed
	case flags&unix.IFA_F_TENTATIVE != 0 && flags&unix.IFA_F_OPTIMISTIC == 0:
		return DADTentative
	}
	return DADPassed
}

func isUp(flags uint32) bool {
	const both = unix.IFF_UP | unix.IFF_RUNNING
	return flags&both == both
}

// listLinks also returns the kind of each link, by index.
func listLinks(h *netlink.Handle) ([]Interface, map[int]string, error) {
	links, err := dump(h.LinkList)
	if err != nil {
		return nil, nil, fmt.Errorf("listing interfaces: %w", err)
	}
	kinds, names := make(map[int]string, len(links)), make(map[int]string, len(links))
	for _, l := range links {
		kinds[l.Attrs().Index], names[l.Attrs().Index] = l.Type(), l.Attrs().Name
	}
	list := make([]Interface, 0, len(links))
	for _, l := range links {
		a := l.Attrs()
		list = append(list, Interface{
			Index: a.Index, Name: a.Name, HardwareAddr: a.HardwareAddr, Up: isUp(a.RawFlags),
			MTU: a.MTU, NoARP: a.RawFlags&unix.IFF_NOARP != 0,
			Port: portOf(kinds[a.MasterIndex], names[a.MasterIndex]), Announces: a.Alias == conf.AnnounceMark,
		})
	}
	return list, kinds, nil
}

// Interfaces are the interfaces of this host as they are now.
func (*Kernel) Interfaces() ([]Interface, error) {
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("opening rtnetlink to list interfaces: %w", err)
	}
	defer handle.Close()
	list, _, err := listLinks(handle)
	return list, err
}

// InterfaceAddresses are the addresses of all interfaces of this host as they are now.
func (*Kernel) InterfaceAddresses() ([]InterfaceAddress, error) {
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("opening rtnetlink to list addresses: %w", err)
	}
	defer handle.Close()
	return listAddresses(handle)
}

func listAddresses(h *netlink.Handle) ([]InterfaceAddress, error) {
	addrs, err := dump(func() ([]netlink.Addr, error) { return h.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, fmt.Errorf("listing addresses: %w", err)
	}
	list := make([]InterfaceAddress, 0, len(addrs))
	for _, a := range addrs {
		ip, ok := netip.AddrFromSlice(a.IP)
		if !ok {
			continue
		}
		bits, _ := a.Mask.Size()
		list = append(list, InterfaceAddress{
			Index:     a.LinkIndex,
			Prefix:    netip.PrefixFrom(ip.Unmap(), bits),
			Secondary: a.Flags&unix.IFA_F_SECONDARY != 0,
			DAD:       dadOf(a.Flags),
		})
	}
	return list, nil
}
