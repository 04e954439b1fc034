package link

import (
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"syscall"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// WatchRoutes implements RouteNetwork.
func (*Kernel) WatchRoutes(ctx context.Context, ours func(RouteEvent) bool) (<-chan RouteEvent, error) {
	socket, err := subscribeRoutes()
	if err != nil {
		return nil, err
	}
	events := make(chan RouteEvent, 64)
	go watchRoutes(ctx, socket, ours, events)
	return events, nil
}

func subscribeRoutes() (*nl.NetlinkSocket, error) {
	s, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE,
		unix.RTNLGRP_IPV4_RULE, unix.RTNLGRP_IPV6_RULE)
	if err != nil {
		return nil, fmt.Errorf("subscribing to changes of routes: %w", err)
	}
	if err := s.SetReceiveBufferSize(watchBuffer, true); err != nil {
		s.Close()
		return nil, fmt.Errorf("subscribing to changes of routes: %w", err)
	}
	ignoreNewRoutes(s.GetFd())
	return s, nil
}

// ignoreNewRoutes has the kernel drop the notifications that routeEvent has no use
// for: of routes and rules that are new. It makes a route for each address, and to
// wake a reader for each costs a fifth of a takeover of thousands. Where it is
// refused everything is read.
func ignoreNewRoutes(fd int) {
	const typeAt, flagsAt = 4, 6      // in struct nlmsghdr (linux/netlink.h)
	number := func(n uint16) uint32 { // as the filter reads what is in the host's order
		return uint32(binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, n)))
	}
	const load, equal = unix.BPF_LD | unix.BPF_H | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	const anySet, ret = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	filter := []unix.SockFilter{
		{Code: load, K: typeAt},
		{Code: equal, K: number(unix.RTM_NEWRULE), Jt: 4},
		{Code: equal, K: number(unix.RTM_NEWROUTE), Jf: 2},
		{Code: load, K: flagsAt},
		{Code: anySet, K: number(unix.NLM_F_REPLACE), Jf: 1},
		{Code: ret, K: math.MaxUint32},
		{Code: ret, K: 0},
	}
	_ = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
}

// watchRoutes hands on what matters. A flood of other routes costs the time of
// parsing them here; what is lost of it is told, at most once in a watchPause.
func watchRoutes(ctx context.Context, s *nl.NetlinkSocket, ours func(RouteEvent) bool, events chan<- RouteEvent) {
	defer close(events)
	stop := context.AfterFunc(ctx, s.Close)
	defer stop()
	tell := func(e RouteEvent) bool {
		select {
		case events <- e:
			return true
		case <-ctx.Done():
			return false
		}
	}
	for {
		msgs, from, err := s.Receive()
		if ctx.Err() != nil {
			s.Close()
			return
		}
		if err != nil {
			// The kernel had to drop some, mostly; any other error passes too.
			select {
			case <-ctx.Done():
			case <-time.After(watchPause):
			}
			if !tell(RouteEvent{Kind: RoutesLost}) {
				s.Close()
				return
			}
			continue
		}
		if from.Pid != nl.PidKernel {
			continue
		}
		for _, m := range msgs {
			if e, ok := routeEvent(m); ok && ours(e) && !tell(e) {
				s.Close()
				return
			}
		}
	}
}

// routeEvent tells what a notification means; most mean nothing.
func routeEvent(m syscall.NetlinkMessage) (RouteEvent, bool) {
	switch {
	case m.Header.Type == unix.RTM_DELRULE:
		rule, ok := parseRule(m.Data)
		return RouteEvent{Kind: RuleRemoved, Rule: rule}, ok
	case m.Header.Type == unix.RTM_DELROUTE,
		m.Header.Type == unix.RTM_NEWROUTE && m.Header.Flags&unix.NLM_F_REPLACE != 0:
		k, ok := parseRouteKey(m.Data)
		return RouteEvent{Kind: RouteChanged, Route: k}, ok
	}
	return RouteEvent{}, false
}

// parseRouteKey reads no more of a route than its key.
func parseRouteKey(m []byte) (RouteKey, bool) {
	if len(m) < unix.SizeofRtMsg {
		return RouteKey{}, false
	}
	msg := nl.DeserializeRtMsg(m)
	k := RouteKey{Table: uint32(msg.Table), TOS: msg.Tos}
	var to netip.Addr
	switch {
	case msg.Flags&unix.RTM_F_CLONED != 0:
		return k, false
	case msg.Family == unix.AF_INET:
		to = netip.IPv4Unspecified()
	case msg.Family == unix.AF_INET6:
		to, k.TOS = netip.IPv6Unspecified(), 0
	default:
		return k, false
	}
	for b := m[unix.SizeofRtMsg:]; len(b) >= unix.SizeofRtAttr; {
		n := int(binary.NativeEndian.Uint16(b))
		if n < unix.SizeofRtAttr || n > len(b) {
			return k, false
		}
		v := b[unix.SizeofRtAttr:n]
		switch kind := binary.NativeEndian.Uint16(b[2:]); {
		case kind == unix.RTA_DST:
			a, ok := netip.AddrFromSlice(v)
			if !ok || a.Is4() != (msg.Family == unix.AF_INET) {
				return k, false
			}
			to = a
		case kind == unix.RTA_TABLE && len(v) == 4:
			k.Table = binary.NativeEndian.Uint32(v)
		case kind == unix.RTA_PRIORITY && len(v) == 4:
			k.Metric = binary.NativeEndian.Uint32(v)
		}
		b = b[min((n+3)&^3, len(b)):]
	}
	if int(msg.Dst_len) > to.BitLen() {
		return k, false
	}
	k.Destination = netip.PrefixFrom(to, int(msg.Dst_len))
	return k, true
}
