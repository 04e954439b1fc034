package link

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Host is the network namespace of the thread that opened it.
type Host struct {
	handle *netlink.Handle
	routes *netlink.Handle // with strict checking, so that the kernel filters a list
	// rtnl is a socket for requests that the library cannot make.
	rtnl  map[int]*nl.SocketHandle
	owned map[string]owned
}

// owned is an interface that is ours.
type owned struct {
	index int
	claim *claim
}

// Open opens this host.
func Open() (*Host, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("opening rtnetlink for announced addresses: %w", err)
	}
	o := &Host{handle: h, rtnl: make(map[int]*nl.SocketHandle), owned: make(map[string]owned)}
	s, err := nl.Subscribe(unix.NETLINK_ROUTE)
	if err == nil {
		o.rtnl[unix.NETLINK_ROUTE] = &nl.SocketHandle{Socket: s}
		o.routes, err = netlink.NewHandle(unix.NETLINK_ROUTE)
	}
	if err != nil {
		_ = o.Close()
		return nil, fmt.Errorf("opening rtnetlink for announced addresses: %w", err)
	}
	// A kernel before 4.20 has no such option and tells all: what is not asked for is left out here too.
	_ = o.routes.SetStrictCheck(true)
	_ = unix.SetsockoptInt(s.GetFd(), unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1)
	return o, nil
}

// Close implements Kernel. Everything stays as it is.
func (h *Host) Close() error {
	for _, o := range h.owned {
		o.claim.close()
	}
	h.handle.Close()
	if h.routes != nil {
		h.routes.Close()
	}
	for _, s := range h.rtnl {
		s.Close()
	}
	return nil
}

// execute carries out a request of our own.
func (h *Host) execute(req *nl.NetlinkRequest) error {
	req.Sockets = h.rtnl
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// Own implements Kernel.
func (h *Host) Own(device string) (made bool, err error) {
	made, err = h.own(device)
	if err != nil {
		return false, fmt.Errorf("interface %s for announced addresses: %w", device, err)
	}
	return made, nil
}

func (h *Host) own(device string) (made bool, err error) {
	o, known := h.owned[device]
	if !known {
		if o.claim, err = claimDevice(device); err != nil {
			return false, err
		}
	}
	defer func() {
		if err != nil && !known {
			o.claim.close()
		}
	}()
	l, err := h.find(device)
	switch {
	case err != nil:
		return false, err
	case l == nil:
		if l, err = h.make(device); err != nil {
			return false, err
		}
		made = true
	case l.Attrs().Alias == AliasMark:
	case known && l.Attrs().Index == o.index: // somebody has changed the alias of ours
		if err := h.handle.LinkSetAlias(l, AliasMark); err != nil {
			return false, fmt.Errorf("marking it: %w", err)
		}
		made = true
	default:
		return false, fmt.Errorf("%w (a %s): name another one with interface, or remove it", ErrForeign, l.Type())
	}
	if l.Attrs().RawFlags&unix.IFF_UP == 0 {
		if err := h.handle.LinkSetUp(l); err != nil {
			return false, fmt.Errorf("setting it up: %w", err)
		}
		made = true
	}
	o.index = l.Attrs().Index
	h.owned[device] = o
	return made, nil
}

// find is an interface; nil is that there is none.
func (h *Host) find(device string) (netlink.Link, error) {
	l, err := h.handle.LinkByName(device)
	switch {
	case errors.As(err, &netlink.LinkNotFoundError{}):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("looking for it: %w", err)
	}
	return l, nil
}

// make makes the dummy interface. It carries the mark from its first moment: with one request the kernel sets all
// or nothing.
func (h *Host) make(device string) (netlink.Link, error) {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.Alias = device, AliasMark
	d := &netlink.Dummy{LinkAttrs: attrs}
	err := h.handle.LinkAdd(d)
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil, fmt.Errorf("making it: %w: the kernel has no dummy interfaces (modprobe dummy)", err)
	}
	if err != nil {
		return nil, fmt.Errorf("making it: %w", err)
	}
	l, err := h.find(device)
	if err == nil && l == nil {
		err = fs.ErrNotExist
	}
	if err == nil && l.Attrs().Alias != AliasMark { // the library has left it out
		err = h.handle.LinkSetAlias(l, AliasMark)
	}
	if err != nil {
		_ = h.handle.LinkDel(d)
		return nil, fmt.Errorf("marking it: %w", err)
	}
	// A link-local address would be one more that a routing daemon sees. A kernel without IPv6 makes none anyway.
	_ = h.handle.LinkSetIP6AddrGenMode(l, addrGenModeNone)
	return l, nil
}

// addrGenModeNone is IN6_ADDR_GEN_MODE_NONE (linux/if_link.h).
const addrGenModeNone = 1

// Ours implements Kernel.
func (h *Host) Ours() ([]string, error) {
	links, err := dump(h.handle.LinkList)
	if err != nil {
		return nil, fmt.Errorf("listing interfaces: %w", err)
	}
	var list []string
	for _, l := range links {
		name := l.Attrs().Name
		if l.Attrs().Alias != AliasMark {
			continue
		}
		if _, known := h.owned[name]; !known {
			c, err := claimDevice(name)
			if err != nil {
				continue // another director's
			}
			c.close()
		}
		list = append(list, name)
	}
	slices.Sort(list)
	return list, nil
}

// Discard implements Kernel.
func (h *Host) Discard(device string) error {
	l, err := h.find(device)
	if err == nil && l != nil && l.Attrs().Alias == AliasMark {
		err = h.handle.LinkDel(l)
	}
	if err != nil {
		return fmt.Errorf("removing interface %s: %w", device, err)
	}
	if o, known := h.owned[device]; known {
		o.claim.close()
		delete(h.owned, device)
	}
	return nil
}

// Links implements Kernel.
func (h *Host) Links() (map[string]bool, error) {
	links, err := dump(h.handle.LinkList)
	if err != nil {
		return nil, fmt.Errorf("listing interfaces: %w", err)
	}
	m := make(map[string]bool, len(links))
	for _, l := range links {
		const both = unix.IFF_UP | unix.IFF_RUNNING
		m[l.Attrs().Name] = l.Attrs().RawFlags&both == both
	}
	return m, nil
}

const (
	// watchPause is the pause before subscribing again after notifications were lost.
	watchPause = 100 * time.Millisecond
	// dumpTries is how often a list is asked for again that a change has interrupted, dumpPause the pause before.
	dumpTries = 20
	dumpPause = 2 * time.Millisecond
)

// Watch implements Kernel.
func (h *Host) Watch(ctx context.Context) (<-chan struct{}, error) {
	ns := netlink.LinkSubscribeOptions{}
	first, err := subscribe(ns)
	if err != nil {
		return nil, err
	}
	changed := make(chan struct{}, 1)
	tell := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	go func() {
		for s := first; ; {
			s.follow(ctx, tell)
			tell() // what was lost may have been a change
			select {
			case <-ctx.Done():
				return
			case <-time.After(watchPause):
			}
			if s, err = subscribe(ns); err != nil {
				s = nil
			}
		}
	}()
	return changed, nil
}

// subscription is a socket for notifications of interfaces.
type subscription struct {
	links chan netlink.LinkUpdate
	done  chan struct{}
}

func subscribe(o netlink.LinkSubscribeOptions) (*subscription, error) {
	s := &subscription{links: make(chan netlink.LinkUpdate, 64), done: make(chan struct{})}
	if err := netlink.LinkSubscribeWithOptions(s.links, s.done, o); err != nil {
		return nil, fmt.Errorf("subscribing to changes of interfaces: %w", err)
	}
	return s, nil
}

// follow tells of changes until the subscription or ctx ends.
func (s *subscription) follow(ctx context.Context, tell func()) {
	if s == nil {
		return
	}
	defer func() {
		close(s.done)
		for range s.links { // its reader may have one in hand
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return
		case _, ok := <-s.links:
			if !ok {
				return
			}
			tell()
		}
	}
}

// dump repeats a list that a change has interrupted.
func dump[T any](list func() ([]T, error)) (all []T, err error) {
	for range dumpTries {
		if all, err = list(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			return all, err
		}
		time.Sleep(dumpPause)
	}
	return nil, err
}

// Setting implements Kernel.
func (h *Host) Setting(device, name string) (int, error) {
	text, err := os.ReadFile(settingFile(device, name))
	if err == nil {
		var value int
		if value, err = strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
			return value, nil
		}
	}
	return 0, fmt.Errorf("reading net.ipv4.conf.%s.%s: %w", device, name, err)
}

// Set implements Kernel.
func (h *Host) Set(device, name string, value int) error {
	if err := os.WriteFile(settingFile(device, name), []byte(strconv.Itoa(value)), 0); err != nil {
		return fmt.Errorf("setting net.ipv4.conf.%s.%s to %d: %w", device, name, value, err)
	}
	return nil
}

func settingFile(device, name string) string {
	return filepath.Join("/proc/sys/net/ipv4/conf", device, name)
}

// Onlink implements Kernel.
func (h *Host) Onlink(a netip.Addr) ([]string, error) {
	links, err := dump(h.handle.LinkList)
	if err != nil {
		return nil, fmt.Errorf("listing interfaces: %w", err)
	}
	names := make(map[int]string, len(links))
	for _, l := range links {
		if l.Attrs().Alias != AliasMark {
			names[l.Attrs().Index] = l.Attrs().Name
		}
	}
	addrs, err := dump(func() ([]netlink.Addr, error) { return h.handle.AddrList(nil, family(a)) })
	if err != nil {
		return nil, fmt.Errorf("listing addresses: %w", err)
	}
	var list []string
	for _, k := range addrs {
		name, ok := names[k.LinkIndex]
		if !ok || k.IPNet == nil || !k.Contains(net.IP(a.AsSlice())) || slices.Contains(list, name) {
			continue
		}
		if ones, bits := k.Mask.Size(); ones < bits {
			list = append(list, name)
		}
	}
	slices.Sort(list)
	return list, nil
}

func family(a netip.Addr) int {
	if a.Is6() {
		return unix.AF_INET6
	}
	return unix.AF_INET
}
