package link

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/conf"
)

// forever is the lifetime of an address that does not expire (INFINITY_LIFE_TIME in linux/if_addr.h).
const forever = 0xffffffff

type addresses struct {
	handle *netlink.Handle
	fd     int // any socket, to ask for interface indexes
}

// Addresses implements Network.
func (*Kernel) Addresses() (Addresses, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("opening rtnetlink for addresses: %w", err)
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		h.Close()
		return nil, fmt.Errorf("opening a socket for interface indexes: %w", err)
	}
	return &addresses{handle: h, fd: fd}, nil
}

// index finds an interface without a netlink request: that would double the
// cost of adding an address.
func (a *addresses) index(device string) (int, error) {
	req, err := unix.NewIfreq(device)
	if err != nil {
		return 0, fmt.Errorf("interface %q: %w", device, err)
	}
	if err := unix.IoctlIfreq(a.fd, unix.SIOCGIFINDEX, req); err != nil {
		return 0, fmt.Errorf("interface %s: %w", device, err)
	}
	return int(req.Uint32()), nil
}

// List implements Addresses.
func (a *addresses) List() ([]HostAddress, error) {
	links, err := listLinks(a.handle)
	if err != nil {
		return nil, err
	}
	names := make(map[int]string, len(links))
	for _, l := range links {
		names[l.Index] = l.Name
	}
	addrs, err := listAddresses(a.handle)
	if err != nil {
		return nil, err
	}
	list := make([]HostAddress, 0, len(addrs))
	for _, ad := range addrs {
		if name, ok := names[ad.Index]; ok {
			list = append(list, HostAddress{Device: name, Prefix: ad.Prefix})
		}
	}
	return list, nil
}

// Add implements Addresses.
func (a *addresses) Add(want conf.Address) error {
	index, err := a.index(want.Device)
	if err != nil {
		return fmt.Errorf("adding address %s: %w", want.Prefix, err)
	}
	scope, err := scopeNumber(want.Scope)
	if err != nil {
		return fmt.Errorf("adding address %s to %s: %w", want.Prefix, want.Device, err)
	}
	ad := &netlink.Addr{
		IPNet:     ipNet(want.Prefix),
		LinkIndex: index,
		Label:     want.Label,
		Scope:     scope,
		Broadcast: broadcast(want),
	}
	if want.Peer.IsValid() {
		ad.Peer = ipNet(want.Peer)
	}
	if want.PreferredLifetime >= 0 {
		ad.ValidLft, ad.PreferedLft = forever, int(want.PreferredLifetime/time.Second)
	}
	for flag, on := range map[int]bool{
		unix.IFA_F_NOPREFIXROUTE:  want.NoPrefixRoute,
		unix.IFA_F_HOMEADDRESS:    want.Home,
		unix.IFA_F_MANAGETEMPADDR: want.MngTmpAddr,
		unix.IFA_F_MCAUTOJOIN:     want.AutoJoin,
		// The address has to work at once: its former owner is gone.
		unix.IFA_F_NODAD: want.Prefix.Addr().Is6() && !want.DAD,
	} {
		if on {
			ad.Flags |= flag
		}
	}
	if err := a.handle.AddrAdd(nil, ad); err != nil {
		if want.Prefix.Addr().Is6() {
			err = withReason6(err, want.Device)
		} else {
			err = withReason(err)
		}
		return fmt.Errorf("adding address %s to %s: %w", want.Prefix, want.Device, err)
	}
	return nil
}

// Remove implements Addresses.
func (a *addresses) Remove(device string, prefix netip.Prefix) error {
	index, err := a.index(device)
	if errors.Is(err, unix.ENODEV) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("removing address %s: %w", prefix, err)
	}
	addr := &netlink.Addr{IPNet: ipNet(prefix), LinkIndex: index}
	err = a.handle.AddrDel(nil, addr)
	if errors.Is(err, unix.EADDRNOTAVAIL) {
		if addr.Peer = a.peer(index, prefix); addr.Peer != nil {
			err = a.handle.AddrDel(nil, addr)
		}
	}
	if err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("removing address %s from %s: %w", prefix, device, withReason(err))
	}
	return nil
}

// peer is the other end of an address that has one; the kernel does not know
// such an address without it.
func (a *addresses) peer(index int, prefix netip.Prefix) *net.IPNet {
	list, err := dump(func() ([]netlink.Addr, error) { return a.handle.AddrList(nil, netlink.FAMILY_ALL) })
	if err != nil {
		return nil
	}
	for _, l := range list {
		if ip, ok := netip.AddrFromSlice(l.IP); ok && l.LinkIndex == index && ip.Unmap() == prefix.Addr() && l.Peer != nil {
			return l.Peer
		}
	}
	return nil
}

// Close implements Addresses.
func (a *addresses) Close() error {
	a.handle.Close()
	return unix.Close(a.fd)
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{
		IP:   p.Addr().AsSlice(),
		Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen()),
	}
}

// broadcast is the address's broadcast address; 0.0.0.0 is none (the netlink
// package would choose one itself if given nil).
func broadcast(a conf.Address) net.IP {
	switch {
	case !a.Prefix.Addr().Is4():
		return nil
	case a.Broadcast.Is4():
		return a.Broadcast.AsSlice()
	case a.BroadcastAuto && a.Prefix.Bits() < 31:
		ip := a.Prefix.Addr().As4()
		for i := a.Prefix.Bits(); i < 32; i++ {
			ip[i/8] |= 0x80 >> (i % 8)
		}
		return ip[:]
	}
	return net.IPv4zero
}

// scopeNumber knows the names of /etc/iproute2/rt_scopes.
func scopeNumber(name string) (int, error) {
	switch name {
	case "", "global", "universe":
		return unix.RT_SCOPE_UNIVERSE, nil
	case "site":
		return unix.RT_SCOPE_SITE, nil
	case "link":
		return unix.RT_SCOPE_LINK, nil
	case "host":
		return unix.RT_SCOPE_HOST, nil
	case "nowhere":
		return unix.RT_SCOPE_NOWHERE, nil
	}
	n, err := strconv.ParseUint(name, 0, 8)
	if err != nil {
		return 0, fmt.Errorf("unknown scope %q: it is global, site, link, host, nowhere, or 0 to 255", name)
	}
	return int(n), nil
}
