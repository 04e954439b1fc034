package link

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

const (
	// forever is the lifetime of an address that does not expire (INFINITY_LIFE_TIME in linux/if_addr.h).
	forever = 0xffffffff
	// attributeProtocol is IFA_PROTO (linux/if_addr.h, since 5.18), a byte.
	attributeProtocol = 11
)

// Addresses implements Kernel.
func (h *Host) Addresses(device string) ([]Present, error) {
	l, err := h.find(device)
	if err != nil || l == nil {
		return nil, err
	}
	msgs, err := dump(func() ([][]byte, error) {
		req := nl.NewNetlinkRequest(unix.RTM_GETADDR, unix.NLM_F_DUMP)
		header := nl.NewIfAddrmsg(unix.AF_UNSPEC)
		header.Index = uint32(l.Attrs().Index)
		req.AddData(header)
		req.Sockets = h.rtnl
		return req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWADDR)
	})
	if err != nil {
		return nil, fmt.Errorf("listing the addresses of %s: %w", device, err)
	}
	var list []Present
	for _, m := range msgs {
		if p, index, ok := parse(m); ok && index == l.Attrs().Index && !p.Addr.IsLinkLocalUnicast() {
			list = append(list, p)
		}
	}
	return list, nil
}

// parse reads a message about an address, and says which interface has it.
func parse(m []byte) (p Present, index int, ok bool) {
	if len(m) < unix.SizeofIfAddrmsg {
		return p, 0, false
	}
	attrs, err := nl.ParseRouteAttr(m[unix.SizeofIfAddrmsg:])
	if err != nil {
		return p, 0, false
	}
	for _, a := range attrs {
		switch v := a.Value; a.Attr.Type {
		case unix.IFA_LOCAL: // of IPv6 there is IFA_ADDRESS alone
			p.Addr, _ = netip.AddrFromSlice(v)
		case unix.IFA_ADDRESS:
			if !p.Addr.IsValid() {
				p.Addr, _ = netip.AddrFromSlice(v)
			}
		case attributeProtocol:
			p.Marked = len(v) == 1 && v[0] == Mark
		case unix.IFA_CACHEINFO:
			if len(v) < unix.SizeofIfaCacheinfo {
				break
			}
			if c := nl.DeserializeIfaCacheInfo(v); c.Valid != forever {
				p.Left = max(time.Duration(c.Valid)*time.Second, 1)
			}
		}
	}
	return p, int(nl.DeserializeIfAddrmsg(m).Index), p.Addr.IsValid()
}

// Put implements Kernel.
func (h *Host) Put(device string, a netip.Addr, lifetime time.Duration) error {
	index, err := h.index(device)
	if err == nil {
		err = h.put(index, a, lifetime)
	}
	if err != nil {
		return fmt.Errorf("announcing %s on %s: %w", a, device, err)
	}
	return nil
}

// put says all attributes each time: whatever a request leaves out, the kernel sets to a default.
func (h *Host) put(index int, a netip.Addr, lifetime time.Duration) error {
	header := nl.NewIfAddrmsg(family(a))
	header.Index, header.Prefixlen, header.Scope = uint32(index), uint8(a.BitLen()), unix.RT_SCOPE_UNIVERSE
	req := nl.NewNetlinkRequest(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_REPLACE|unix.NLM_F_ACK)
	req.AddData(header)
	req.AddData(nl.NewRtAttr(unix.IFA_LOCAL, a.AsSlice()))
	req.AddData(nl.NewRtAttr(unix.IFA_ADDRESS, a.AsSlice()))
	req.AddData(nl.NewRtAttr(attributeProtocol, []byte{Mark}))
	if a.Is6() {
		header.Flags = unix.IFA_F_NODAD // on a dummy interface nobody could have it
		req.AddData(nl.NewRtAttr(unix.IFA_FLAGS, nl.Uint32Attr(unix.IFA_F_NODAD)))
	}
	seconds := uint32(forever)
	if lifetime > 0 {
		seconds = uint32(lifetime / time.Second)
	}
	life := nl.IfaCacheInfo{IfaCacheinfo: unix.IfaCacheinfo{Valid: seconds, Prefered: seconds}}
	req.AddData(nl.NewRtAttr(unix.IFA_CACHEINFO, life.Serialize()))
	return h.execute(req)
}

// Remove implements Kernel.
func (h *Host) Remove(device string, a netip.Addr) error {
	index, err := h.index(device)
	if errors.Is(err, unix.ENODEV) {
		return nil // and its addresses are gone with it
	}
	if err == nil {
		header := nl.NewIfAddrmsg(family(a))
		header.Index, header.Prefixlen = uint32(index), uint8(a.BitLen())
		req := nl.NewNetlinkRequest(unix.RTM_DELADDR, unix.NLM_F_ACK)
		req.AddData(header)
		req.AddData(nl.NewRtAttr(unix.IFA_LOCAL, a.AsSlice()))
		req.AddData(nl.NewRtAttr(unix.IFA_ADDRESS, a.AsSlice()))
		err = h.execute(req)
	}
	switch {
	case err == nil, errors.Is(err, unix.EADDRNOTAVAIL), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENXIO):
		return nil
	}
	return fmt.Errorf("withdrawing %s from %s: %w", a, device, err)
}

// index is the index of an interface that is ours; the error is ENODEV without it.
func (h *Host) index(device string) (int, error) {
	l, err := h.find(device)
	switch {
	case err != nil:
		return 0, err
	case l == nil:
		return 0, unix.ENODEV
	case l.Attrs().Alias != AliasMark:
		return 0, ErrForeign
	}
	return l.Attrs().Index, nil
}

// Routes implements Kernel.
func (h *Host) Routes() ([]netip.Addr, error) {
	lo, err := h.handle.LinkByName("lo")
	if err != nil {
		return nil, fmt.Errorf("looking for interface lo: %w", err)
	}
	var list []netip.Addr
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		filter := &netlink.Route{
			Protocol: Mark, Table: unix.RT_TABLE_LOCAL, Type: unix.RTN_LOCAL, LinkIndex: lo.Attrs().Index,
		}
		routes, err := dump(func() ([]netlink.Route, error) {
			return h.routes.RouteListFiltered(family, filter,
				netlink.RT_FILTER_PROTOCOL|netlink.RT_FILTER_TABLE|netlink.RT_FILTER_TYPE|netlink.RT_FILTER_OIF)
		})
		if err != nil {
			return nil, fmt.Errorf("listing local routes: %w", err)
		}
		for _, r := range routes {
			if r.Dst == nil {
				continue
			}
			a, ok := netip.AddrFromSlice(r.Dst.IP)
			if ones, bits := r.Dst.Mask.Size(); ok && ones == bits {
				list = append(list, a.Unmap())
			}
		}
	}
	return list, nil
}

// AddRoute implements Kernel. The kernel has a route of its own while the address is there: a plain addition
// would be refused, and a replacement would take that one away.
func (h *Host) AddRoute(a netip.Addr) error {
	r, err := h.localRoute(a)
	if err == nil {
		err = h.handle.RouteAppend(r)
	}
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("adding the local route to %s: %w", a, err)
	}
	return nil
}

// RemoveRoute implements Kernel.
func (h *Host) RemoveRoute(a netip.Addr) error {
	r, err := h.localRoute(a)
	if err == nil {
		err = h.handle.RouteDel(r)
	}
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("removing the local route to %s: %w", a, err)
	}
	return nil
}

func (h *Host) localRoute(a netip.Addr) (*netlink.Route, error) {
	lo, err := h.handle.LinkByName("lo")
	if err != nil {
		return nil, err
	}
	return &netlink.Route{
		LinkIndex: lo.Attrs().Index, Table: unix.RT_TABLE_LOCAL, Type: unix.RTN_LOCAL, Scope: unix.RT_SCOPE_HOST,
		Protocol: Mark, Dst: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())},
	}, nil
}
