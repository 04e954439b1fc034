package link

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/conf"
)

const (
	// forever is the lifetime of an address that does not expire (INFINITY_LIFE_TIME in linux/if_addr.h).
	forever = 0xffffffff
	// attributeProtocol is IFA_PROTO (linux/if_addr.h, since 5.18), a byte.
	attributeProtocol = 11
)

type addresses struct {
	rtnl   *rtnl
	handle *netlink.Handle
	names  names
}

// Addresses implements Network.
func (*Kernel) Addresses() (Addresses, error) {
	r, err := openRTNL()
	if err != nil {
		return nil, err
	}
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		r.close()
		return nil, fmt.Errorf("opening rtnetlink for addresses: %w", err)
	}
	n, err := openNames()
	if err != nil {
		r.close()
		h.Close()
		return nil, err
	}
	return &addresses{rtnl: r, handle: h, names: n}, nil
}

// Close implements Addresses.
func (a *addresses) Close() error {
	a.rtnl.close()
	a.handle.Close()
	return a.names.close()
}

// names is any socket, to ask for the indexes of interfaces without a netlink
// request: that would double the cost of adding an address.
type names int

func openNames() (names, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("opening a socket for interface indexes: %w", err)
	}
	return names(fd), nil
}

func (n names) close() error {
	if n < 0 {
		return nil
	}
	return unix.Close(int(n))
}

// index finds an interface; the error is ENODEV when there is none.
func (n names) index(device string) (int, error) {
	req, err := unix.NewIfreq(device)
	if err != nil {
		return 0, fmt.Errorf("interface %q: %w", device, err)
	}
	if err := unix.IoctlIfreq(int(n), unix.SIOCGIFINDEX, req); err != nil {
		return 0, fmt.Errorf("interface %s: %w", device, err)
	}
	return int(req.Uint32()), nil
}

// List implements Addresses.
func (a *addresses) List() ([]HostAddress, error) {
	links, _, err := listLinks(a.handle)
	if err != nil {
		return nil, err
	}
	devices, announcing := make(map[int]string, len(links)), make(map[int]bool)
	for _, l := range links {
		devices[l.Index], announcing[l.Index] = l.Name, l.Announces
	}
	known, err := a.all()
	if err != nil {
		return nil, err
	}
	list := make([]HostAddress, 0, len(known))
	for _, k := range known {
		if name, ok := devices[k.index()]; ok {
			list = append(list, HostAddress{
				Device: name, Prefix: k.prefix, Marked: k.marked() && !announcing[k.index()],
				Secondary: k.prefix.Addr().Is4() && k.flags()&unix.IFA_F_SECONDARY != 0,
			})
		}
	}
	return list, nil
}

// all are the addresses of the host.
func (a *addresses) all() ([]kernelAddress, error) {
	msgs, err := a.rtnl.list(unix.RTM_GETADDR, unix.RTM_NEWADDR, nl.NewIfAddrmsg(unix.AF_UNSPEC))
	if err != nil {
		return nil, fmt.Errorf("listing addresses: %w", err)
	}
	list := make([]kernelAddress, 0, len(msgs))
	for _, m := range msgs {
		if k, ok := parseAddress(m); ok {
			list = append(list, k)
		}
	}
	return list, nil
}

// find is the address of an interface in the kernel's words; the error is
// fs.ErrNotExist when there is none.
func (a *addresses) find(index int, prefix netip.Prefix) (kernelAddress, error) {
	all, err := a.all()
	if err != nil {
		return kernelAddress{}, err
	}
	for _, k := range all {
		same := k.prefix == prefix || k.hasPeer() && k.prefix.Addr() == prefix.Addr()
		if k.index() == index && same {
			return k, nil
		}
	}
	return kernelAddress{}, fs.ErrNotExist
}

// Add implements Addresses.
func (a *addresses) Add(want conf.Address) error {
	index, err := a.names.index(want.Device)
	if err != nil {
		return fmt.Errorf("adding address %s: %w", want.Prefix, err)
	}
	scope, err := scopeNumber(want.Scope)
	if err != nil {
		return fmt.Errorf("adding address %s to %s: %w", want.Prefix, want.Device, err)
	}
	if err := a.rtnl.do(a.newAddress(index, uint8(scope), want)); err != nil {
		if want.Prefix.Addr().Is6() {
			err = withReason6(err, want.Device)
		} else {
			err = withReason(err)
		}
		return fmt.Errorf("adding address %s to %s: %w", want.Prefix, want.Device, err)
	}
	return nil
}

// newAddress is the request for an address. It never replaces one that is
// there: that would put the mark on an address of the operator's own.
func (a *addresses) newAddress(index int, scope uint8, want conf.Address) *nl.NetlinkRequest {
	header := nl.NewIfAddrmsg(netlinkFamily(want.Prefix.Addr()))
	header.Index, header.Scope, header.Prefixlen = uint32(index), scope, uint8(want.Prefix.Bits())
	own := want.Prefix.Addr().AsSlice()
	far := own
	if want.Peer.IsValid() {
		far = want.Peer.Addr().AsSlice()
		header.Prefixlen = uint8(want.Peer.Bits())
	}
	req := a.rtnl.request(unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL, header)
	add := func(kind int, v []byte) { req.AddData(nl.NewRtAttr(kind, v)) }
	add(unix.IFA_LOCAL, own)
	add(unix.IFA_ADDRESS, far)
	add(attributeProtocol, []byte{Mark})
	if b := broadcast(want); b != nil {
		add(unix.IFA_BROADCAST, b)
	}
	if want.Label != "" && want.Prefix.Addr().Is4() {
		add(unix.IFA_LABEL, nl.ZeroTerminated(want.Label))
	}
	var flags uint32
	for flag, on := range map[uint32]bool{
		unix.IFA_F_NOPREFIXROUTE:  want.NoPrefixRoute,
		unix.IFA_F_HOMEADDRESS:    want.Home,
		unix.IFA_F_MANAGETEMPADDR: want.MngTmpAddr,
		unix.IFA_F_MCAUTOJOIN:     want.AutoJoin,
		// The address has to work at once: its former owner is gone.
		unix.IFA_F_NODAD: want.Prefix.Addr().Is6() && !want.DAD,
	} {
		if on {
			flags |= flag
		}
	}
	if flags != 0 {
		add(unix.IFA_FLAGS, nl.Uint32Attr(flags))
	}
	if want.PreferredLifetime >= 0 {
		life := nl.IfaCacheInfo{IfaCacheinfo: unix.IfaCacheinfo{
			Valid: forever, Prefered: uint32(want.PreferredLifetime / time.Second)}}
		add(unix.IFA_CACHEINFO, life.Serialize())
	}
	return req
}

// Mark implements Addresses.
func (a *addresses) Mark(device string, prefix netip.Prefix) error {
	index, err := a.names.index(device)
	if errors.Is(err, unix.ENODEV) {
		err = fs.ErrNotExist
	}
	var k kernelAddress
	if err == nil {
		k, err = a.find(index, prefix)
	}
	if err != nil {
		return fmt.Errorf("marking address %s on %s: %w", prefix, device, err)
	}
	if k.marked() {
		return nil
	}
	k.attrs[attributeProtocol] = []byte{Mark}
	err = a.rtnl.do(k.restate(a.rtnl, unix.NLM_F_REPLACE))
	if err == nil {
		k, err = a.find(index, prefix)
	}
	switch {
	case err != nil:
		return fmt.Errorf("marking address %s on %s: %w", prefix, device, withReason(err))
	case !k.marked():
		return fmt.Errorf("marking address %s on %s: %w by this kernel for an address that is there already",
			prefix, device, errors.ErrUnsupported)
	}
	return nil
}

// Remove implements Addresses.
func (a *addresses) Remove(device string, prefix netip.Prefix) error {
	if err := a.remove(device, prefix); err != nil {
		return fmt.Errorf("removing address %s from %s: %w", prefix, device, withReason(err))
	}
	return nil
}

func (a *addresses) remove(device string, prefix netip.Prefix) error {
	index, err := a.names.index(device)
	if errors.Is(err, unix.ENODEV) {
		return nil // and its addresses are gone with it
	}
	if err != nil {
		return err
	}
	err = a.rtnl.do(a.deleteAddress(index, prefix, prefix.Addr().AsSlice()))
	if isNoAddress(err) {
		// The kernel does not know one that has a peer without it.
		k, findErr := a.find(index, prefix)
		switch {
		case errors.Is(findErr, fs.ErrNotExist):
			return nil
		case findErr != nil:
			return findErr // it may be there
		default:
			err = a.rtnl.do(a.deleteAddress(index, k.prefix, k.attrs[unix.IFA_ADDRESS]))
		}
	}
	if isNoAddress(err) {
		return nil
	}
	return err
}

func (a *addresses) deleteAddress(index int, prefix netip.Prefix, far []byte) *nl.NetlinkRequest {
	header := nl.NewIfAddrmsg(netlinkFamily(prefix.Addr()))
	header.Index, header.Prefixlen = uint32(index), uint8(prefix.Bits())
	req := a.rtnl.request(unix.RTM_DELADDR, 0, header)
	req.AddData(nl.NewRtAttr(unix.IFA_LOCAL, prefix.Addr().AsSlice()))
	req.AddData(nl.NewRtAttr(unix.IFA_ADDRESS, far))
	return req
}

// isNoAddress says whether the kernel's answer to a removal means that the
// address is not there: it is not on the interface, the interface is gone, or
// (ENXIO) has no IPv6. Whatever else it answers, the address may be there.
func isNoAddress(err error) bool {
	return errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO)
}

// broadcast is the address's broadcast address; nil is none.
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
	return nil
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
