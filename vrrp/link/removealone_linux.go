package link

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// attributeNextHop is RTA_NH_ID (linux/rtnetlink.h): the route leads to a next
// hop object.
const attributeNextHop = 30

// RemoveAlone implements Addresses.
func (a *addresses) RemoveAlone(device string, prefix netip.Prefix) (restored []netip.Prefix, err error) {
	index, err := a.names.index(device)
	if errors.Is(err, unix.ENODEV) {
		return nil, nil
	}
	var all []kernelAddress
	if err == nil {
		all, err = a.all()
	}
	if err != nil {
		return nil, fmt.Errorf("removing address %s from %s: %w", prefix, device, withReason(err))
	}
	at := slices.IndexFunc(all, func(k kernelAddress) bool { return k.index() == index && k.prefix == prefix })
	if at < 0 || !prefix.Addr().Is4() || all[at].flags()&unix.IFA_F_SECONDARY != 0 {
		return nil, a.Remove(device, prefix)
	}
	far := all[at].attrs[unix.IFA_ADDRESS]
	others := slices.DeleteFunc(all, func(k kernelAddress) bool {
		return k.index() != index || !k.prefix.Addr().Is4() || k.flags()&unix.IFA_F_SECONDARY == 0 ||
			k.prefix.Masked() != prefix.Masked()
	})
	routes, err := a.routesOf(index, others)
	if err != nil {
		return nil, fmt.Errorf("removing address %s from %s: %w", prefix, device, withReason(err))
	}
	reqs := []*nl.NetlinkRequest{a.deleteAddress(index, prefix, far)}
	for i := range others {
		reqs = append(reqs, others[i].restate(a.rtnl, unix.NLM_F_CREATE|unix.NLM_F_EXCL))
		restored = append(restored, others[i].prefix)
	}
	reqs = append(reqs, routes...)
	verdicts, err := a.rtnl.batch(reqs)
	if err != nil {
		return nil, fmt.Errorf("removing address %s from %s: %w", prefix, device, withReason(err))
	}
	var failed []error
	for i, err := range verdicts {
		switch {
		case err == nil, errors.Is(err, unix.EEXIST), i == 0 && isNoAddress(err):
		case i == 0:
			failed = append(failed, fmt.Errorf("removing address %s from %s: %w", prefix, device, withReason(err)))
		case i <= len(others):
			failed = append(failed, fmt.Errorf("putting address %s back on %s: %w", others[i-1].prefix, device, err))
		default:
			failed = append(failed, fmt.Errorf("putting a route of %s back: %w", device, err))
		}
	}
	return restored, errors.Join(failed...)
}

// routesOf are requests that put back the IPv4 routes which may go with an
// interface's addresses: those by the interface, and those whose source is one
// of the addresses. The kernel's own come back with the addresses by themselves.
func (a *addresses) routesOf(index int, sources []kernelAddress) ([]*nl.NetlinkRequest, error) {
	header := &nl.RtMsg{RtMsg: unix.RtMsg{Family: unix.AF_INET}}
	msgs, err := a.rtnl.list(unix.RTM_GETROUTE, unix.RTM_NEWROUTE, header)
	if err != nil {
		return nil, fmt.Errorf("listing routes: %w", err)
	}
	var direct, gated []*nl.NetlinkRequest // a gateway needs the route to itself
	for _, m := range msgs {
		if len(m) < unix.SizeofRtMsg {
			continue
		}
		route := nl.DeserializeRtMsg(m)
		attrs, err := nl.ParseRouteAttr(m[unix.SizeofRtMsg:])
		if err != nil || route.Protocol == unix.RTPROT_KERNEL || route.Flags&unix.RTM_F_CLONED != 0 {
			continue
		}
		concerned, gateway, object := false, false, false
		for _, attr := range attrs {
			switch attr.Attr.Type {
			case unix.RTA_OIF:
				concerned = concerned || int(nl.NativeEndian().Uint32(attr.Value)) == index
			case unix.RTA_MULTIPATH:
				concerned, gateway = true, true // EEXIST does no harm
			case unix.RTA_GATEWAY, unix.RTA_VIA:
				gateway = true
			case attributeNextHop:
				object, gateway = true, true
			case unix.RTA_PREFSRC:
				ip, _ := netip.AddrFromSlice(attr.Value)
				concerned = concerned || slices.ContainsFunc(sources,
					func(k kernelAddress) bool { return k.prefix.Addr() == ip })
			}
		}
		if !concerned {
			continue
		}
		again := *route
		again.Flags &= unix.RTNH_F_ONLINK // the others are the state of the interface
		req := a.rtnl.request(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_EXCL, &again)
		for _, attr := range attrs {
			switch attr.Attr.Type {
			case unix.RTA_CACHEINFO:
				continue
			case unix.RTA_OIF, unix.RTA_GATEWAY, unix.RTA_VIA, unix.RTA_MULTIPATH:
				if object { // the nexthop object says it
					continue
				}
			}
			req.AddData(nl.NewRtAttr(int(attr.Attr.Type), attr.Value))
		}
		if gateway {
			gated = append(gated, req)
		} else {
			direct = append(direct, req)
		}
	}
	return append(direct, gated...), nil
}
