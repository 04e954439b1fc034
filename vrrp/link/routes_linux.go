package link

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/conf"
)

// routeTypes are the kernel's numbers of the types of routes.
var routeTypes = map[string]int{
	"": unix.RTN_UNICAST, "unicast": unix.RTN_UNICAST, "local": unix.RTN_LOCAL, "broadcast": unix.RTN_BROADCAST,
	"anycast": unix.RTN_ANYCAST, "multicast": unix.RTN_MULTICAST, "throw": unix.RTN_THROW,
	"unreachable": unix.RTN_UNREACHABLE, "prohibit": unix.RTN_PROHIBIT, "blackhole": unix.RTN_BLACKHOLE,
	"nat": unix.RTN_NAT, "xresolve": unix.RTN_XRESOLVE,
}

var routeTypeNames = func() map[int]string {
	names := make(map[int]string, len(routeTypes))
	for name, n := range routeTypes {
		names[n] = cmp.Or(name, names[n])
	}
	return names
}()

type routes struct {
	handle   *netlink.Handle
	lists    *netlink.Handle // with strict checking, so that the kernel filters
	settings settings        // and their socket, for rules
}

// Routes implements RouteNetwork.
func (k *Kernel) Routes() (Routes, error) {
	handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("opening rtnetlink for routes: %w", err)
	}
	lists, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		handle.Close()
		return nil, fmt.Errorf("opening rtnetlink to list routes: %w", err)
	}
	r := &routes{handle: handle, lists: lists}
	// A kernel before 4.20 has no such option and tells all routes.
	if err = lists.SetStrictCheck(true); errors.Is(err, unix.ENOPROTOOPT) {
		err = nil
	}
	if err == nil {
		r.settings, err = openSettings()
	}
	if err != nil {
		handle.Close()
		lists.Close()
		return nil, fmt.Errorf("opening rtnetlink for routes: %w", err)
	}
	return r, nil
}

// Close implements Routes.
func (r *routes) Close() error {
	r.handle.Close()
	r.lists.Close()
	r.settings.close()
	return nil
}

// FindRoutes implements Routes.
func (r *routes) FindRoutes(keys []RouteKey) (map[RouteKey]conf.Route, error) {
	type scope struct {
		family int
		table  uint32
	}
	wanted := make(map[RouteKey]bool, len(keys))
	scopes := make(map[scope]bool)
	for _, k := range keys {
		wanted[k] = true
		scopes[scope{netlinkFamily(k.Destination.Addr()), k.Table}] = true
	}
	found := make(map[RouteKey]conf.Route)
	var devices map[int]string
	for s := range scopes {
		list, err := dump(func() ([]netlink.Route, error) {
			return r.lists.RouteListFiltered(s.family, &netlink.Route{Table: int(s.table)}, netlink.RT_FILTER_TABLE)
		})
		if errors.Is(err, unix.ENOENT) {
			continue // there is no such table
		}
		if err != nil {
			return nil, fmt.Errorf("listing the routes of table %d: %w", s.table, err)
		}
		for _, l := range list {
			k, ok := keyOfKernel(l, s.family)
			if !ok || !wanted[k] {
				continue
			}
			if devices == nil {
				if devices, err = r.devices(); err != nil {
					return nil, err
				}
			}
			found[k] = routeOfKernel(l, k, devices)
		}
	}
	return found, nil
}

// RoutesOf implements Routes.
func (r *routes) RoutesOf(protocol uint8) (map[RouteKey]conf.Route, error) {
	devices, err := r.devices()
	if err != nil {
		return nil, err
	}
	found := make(map[RouteKey]conf.Route)
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		list, err := dump(func() ([]netlink.Route, error) {
			filter := &netlink.Route{Protocol: netlink.RouteProtocol(protocol), Table: unix.RT_TABLE_UNSPEC}
			return r.lists.RouteListFiltered(family, filter, netlink.RT_FILTER_PROTOCOL|netlink.RT_FILTER_TABLE)
		})
		if err != nil {
			return nil, fmt.Errorf("listing the routes of protocol %d: %w", protocol, err)
		}
		for _, l := range list {
			if k, ok := keyOfKernel(l, family); ok {
				found[k] = routeOfKernel(l, k, devices)
			}
		}
	}
	return found, nil
}

func (r *routes) devices() (map[int]string, error) {
	links, _, err := listLinks(r.handle)
	if err != nil {
		return nil, err
	}
	names := make(map[int]string, len(links))
	for _, l := range links {
		names[l.Index] = l.Name
	}
	return names, nil
}

func netlinkFamily(a netip.Addr) int {
	if a.Is6() {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

func keyOfKernel(l netlink.Route, family int) (RouteKey, bool) {
	k := RouteKey{Table: uint32(l.Table), Metric: uint32(l.Priority), TOS: uint8(l.Tos)}
	if family == unix.AF_INET6 {
		k.Destination = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		k.TOS = 0
	} else {
		k.Destination = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	if l.Dst != nil {
		a, ok := netip.AddrFromSlice(l.Dst.IP)
		if !ok {
			return k, false
		}
		if family == unix.AF_INET {
			a = a.Unmap()
		}
		bits, _ := l.Dst.Mask.Size()
		k.Destination = netip.PrefixFrom(a, bits)
	}
	return k, true
}

func routeOfKernel(l netlink.Route, k RouteKey, devices map[int]string) conf.Route {
	have := conf.Route{
		Type: routeTypeNames[l.Type], Destination: k.Destination, Table: k.Table, Metric: k.Metric, TOS: k.TOS,
		Source: addrOf(l.Src), Via: addrOf(l.Gw), Device: devices[l.LinkIndex],
		Scope: uint8(l.Scope), Protocol: uint8(l.Protocol), OnLink: l.Flags&unix.RTNH_F_ONLINK != 0,
		MTU: uint32(l.MTU), MTULock: l.MTULock, AdvMSS: uint32(l.AdvMSS),
		InitCwnd: uint32(l.InitCwnd), InitRwnd: uint32(l.InitRwnd), HopLimit: uint32(l.Hoplimit),
	}
	for _, h := range l.MultiPath {
		have.NextHops = append(have.NextHops, conf.NextHop{
			Via: addrOf(h.Gw), Device: devices[h.LinkIndex],
			Weight: h.Hops + 1, OnLink: h.Flags&unix.RTNH_F_ONLINK != 0,
		})
	}
	return have
}

// ipNet is a prefix as the netlink package has it.
func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func addrOf(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}

// AddRoute implements Routes.
func (r *routes) AddRoute(want conf.Route) error { return r.put(want, r.handle.RouteAdd, "adding") }

// ReplaceRoute implements Routes.
func (r *routes) ReplaceRoute(want conf.Route) error {
	return r.put(want, r.handle.RouteReplace, "replacing")
}

func (r *routes) put(want conf.Route, put func(*netlink.Route) error, what string) error {
	route, err := r.kernelRoute(want)
	if err == nil {
		err = withRouteReason(put(route))
	}
	if err != nil {
		return fmt.Errorf("%s route %s: %w", what, want.Text, err)
	}
	return nil
}

// withRouteReason adds to a kernel's error what an operator can do about it.
func withRouteReason(err error) error {
	switch {
	case errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EHOSTUNREACH):
		return fmt.Errorf("%w (no interface that is up leads to the gateway)", err)
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("%w (is the source address on this host, and the gateway on a network of it?)", err)
	}
	return withReason(err)
}

func (r *routes) kernelRoute(want conf.Route) (*netlink.Route, error) {
	k := KeyOf(want)
	kind, known := routeTypes[want.Type]
	if !known {
		return nil, fmt.Errorf("type %q is not known", want.Type)
	}
	route := &netlink.Route{
		Dst: ipNet(k.Destination), Table: int(k.Table), Priority: int(want.Metric), Tos: int(k.TOS),
		Type: kind, Scope: netlink.Scope(want.Scope), Protocol: netlink.RouteProtocol(want.Protocol),
		MTU: int(want.MTU), MTULock: want.MTULock, AdvMSS: int(want.AdvMSS),
		InitCwnd: int(want.InitCwnd), InitRwnd: int(want.InitRwnd), Hoplimit: int(want.HopLimit),
	}
	if want.Source.IsValid() {
		route.Src = want.Source.AsSlice()
	}
	if want.OnLink && len(want.NextHops) == 0 {
		route.Flags |= unix.RTNH_F_ONLINK
	}
	if want.Via.IsValid() {
		route.Gw = want.Via.AsSlice()
	}
	var err error
	if want.Device != "" && len(want.NextHops) == 0 {
		if route.LinkIndex, err = r.settings.names.index(want.Device); err != nil {
			return nil, err
		}
	}
	for _, h := range hops(want) {
		if len(want.NextHops) == 0 {
			break
		}
		info := &netlink.NexthopInfo{Hops: max(h.Weight, 1) - 1}
		if h.Via.IsValid() {
			info.Gw = h.Via.AsSlice()
		}
		if h.OnLink {
			info.Flags |= unix.RTNH_F_ONLINK
		}
		if h.Device != "" {
			if info.LinkIndex, err = r.settings.names.index(h.Device); err != nil {
				return nil, err
			}
		}
		route.MultiPath = append(route.MultiPath, info)
	}
	return route, nil
}

// RemoveRoute implements Routes.
func (r *routes) RemoveRoute(k RouteKey, protocol uint8) error {
	err := r.handle.RouteDel(&netlink.Route{
		Dst: ipNet(k.Destination), Table: int(k.Table), Priority: int(k.Metric), Tos: int(k.TOS),
		Scope: unix.RT_SCOPE_NOWHERE, Protocol: netlink.RouteProtocol(protocol),
	})
	if err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("removing the route to %s from table %d: %w", k.Destination, k.Table, withReason(err))
	}
	return nil
}

// PromoteSecondaries implements Routes.
func (r *routes) PromoteSecondaries(device string, on bool) (was bool, err error) {
	const name = "promote_secondaries"
	value, err := r.settings.get(device, name)
	if err != nil {
		return false, err
	}
	if was = value != 0; was == on {
		return was, nil
	}
	value = 0
	if on {
		value = 1
	}
	return was, r.settings.set(device, name, value)
}
