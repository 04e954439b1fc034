package link

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// kernelAddress is an address in the kernel's own words, so that it can be said
// again with another mark, or put back as it was.
type kernelAddress struct {
	header nl.IfAddrmsg
	attrs  map[uint16][]byte
	prefix netip.Prefix
}

func parseAddress(m []byte) (kernelAddress, bool) {
	if len(m) < unix.SizeofIfAddrmsg {
		return kernelAddress{}, false
	}
	k := kernelAddress{header: *nl.DeserializeIfAddrmsg(m), attrs: make(map[uint16][]byte)}
	attrs, err := nl.ParseRouteAttr(m[unix.SizeofIfAddrmsg:])
	if err != nil {
		return k, false
	}
	for _, attr := range attrs {
		k.attrs[attr.Attr.Type] = attr.Value
	}
	// IFA_LOCAL is the address, and IFA_ADDRESS the other end of one that has
	// a peer; of IPv6 without a peer there is only the latter.
	own := k.attrs[unix.IFA_LOCAL]
	if own == nil {
		own = k.attrs[unix.IFA_ADDRESS]
	}
	ip, ok := netip.AddrFromSlice(own)
	if !ok || int(k.header.Prefixlen) > ip.BitLen() {
		return k, false
	}
	k.prefix = netip.PrefixFrom(ip, int(k.header.Prefixlen))
	return k, true
}

func (k *kernelAddress) index() int { return int(k.header.Index) }

// hasPeer says whether it has another end; then the mask is that one's.
func (k *kernelAddress) hasPeer() bool {
	own := k.attrs[unix.IFA_LOCAL]
	return own != nil && !bytes.Equal(own, k.attrs[unix.IFA_ADDRESS])
}

func (k *kernelAddress) marked() bool {
	p := k.attrs[attributeProtocol]
	return len(p) == 1 && p[0] == Mark
}

func (k *kernelAddress) flags() uint32 {
	if f := k.attrs[unix.IFA_FLAGS]; len(f) == 4 {
		return binary.NativeEndian.Uint32(f)
	}
	return uint32(k.header.Flags)
}

// restate is a request that says the address again as it is, with its remaining
// lifetimes, metric, flags and protocol: whatever a request leaves out, the
// kernel sets to a default.
func (k *kernelAddress) restate(r *rtnl, flags int) *nl.NetlinkRequest {
	// What the kernel finds out by itself is no request's to set.
	const own = unix.IFA_F_SECONDARY | unix.IFA_F_PERMANENT | unix.IFA_F_TENTATIVE |
		unix.IFA_F_DADFAILED | unix.IFA_F_DEPRECATED | unix.IFA_F_STABLE_PRIVACY
	header := k.header
	want := k.flags() &^ own
	if k.prefix.Addr().Is4() {
		header.Flags = 0
	} else {
		header.Flags = uint8(want)
		want |= unix.IFA_F_NODAD // it has passed, or is only changed
	}
	req := r.request(unix.RTM_NEWADDR, flags, &header)
	for _, kind := range []uint16{unix.IFA_LOCAL, unix.IFA_ADDRESS, unix.IFA_BROADCAST, unix.IFA_LABEL,
		unix.IFA_RT_PRIORITY, unix.IFA_CACHEINFO, attributeProtocol} {
		if v := k.attrs[kind]; v != nil {
			req.AddData(nl.NewRtAttr(int(kind), v))
		}
	}
	if want != 0 {
		req.AddData(nl.NewRtAttr(unix.IFA_FLAGS, nl.Uint32Attr(want)))
	}
	return req
}

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
