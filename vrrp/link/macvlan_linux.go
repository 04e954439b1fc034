package link

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

type vmacs struct {
	handle   *netlink.Handle
	settings settings
}

// VMACs implements Network.
func (*Kernel) VMACs() (VMACs, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("opening rtnetlink for virtual MAC interfaces: %w", err)
	}
	s, err := openSettings()
	if err != nil {
		h.Close()
		return nil, err
	}
	return &vmacs{h, s}, nil
}

// Close implements VMACs.
func (m *vmacs) Close() error {
	m.handle.Close()
	m.settings.close()
	return nil
}

// Find implements VMACs.
func (m *vmacs) Find(want VMAC) (VMAC, error) {
	l, err := m.handle.LinkByName(want.Name)
	switch {
	case errors.As(err, &netlink.LinkNotFoundError{}):
		return VMAC{}, fmt.Errorf("interface %s: %w", want.Name, fs.ErrNotExist)
	case err != nil:
		return VMAC{}, fmt.Errorf("looking for interface %s: %w", want.Name, withReason(err))
	}
	v, above := vmacOf(l)
	if !above {
		return v, nil
	}
	parent, err := m.handle.LinkByName(want.Parent)
	switch {
	case errors.As(err, &netlink.LinkNotFoundError{}):
	case err != nil:
		return VMAC{}, fmt.Errorf("looking for interface %s: %w", want.Parent, withReason(err))
	case l.Type() == "macvlan" && v.Private != (modeOn(parent) == netlink.MACVLAN_MODE_PRIVATE):
	case lowerOf(parent, l.Type()) == beneath(l.Attrs()):
		v.Parent = want.Parent
	}
	return v, nil
}

// vmacOf is a link as a VMAC without its parent; above says whether it is of a
// kind that Make makes.
func vmacOf(l netlink.Link) (v VMAC, above bool) {
	a := l.Attrs()
	v = VMAC{Name: a.Name, Group: a.Group, Marked: a.Alias == AliasMark}
	switch is := l.(type) {
	case *netlink.Macvlan:
		copy(v.MAC[:], a.HardwareAddr)
		v.Private = is.Mode == netlink.MACVLAN_MODE_PRIVATE
		return v, v.Private || is.Mode == netlink.MACVLAN_MODE_BRIDGE
	case *netlink.IPVlan:
		for name, flag := range ipvlanFlags {
			if flag == is.Flag {
				v.IPVLAN = name
			}
		}
		return v, true // its mode is that of all on its parent, and can be put back
	}
	copy(v.MAC[:], a.HardwareAddr)
	return v, false
}

// ipvlanFlags are the kernel's numbers of the modes of use_ipvlan.
var ipvlanFlags = map[string]netlink.IPVlanFlag{
	"bridge": netlink.IPVLAN_FLAG_BRIDGE, "private": netlink.IPVLAN_FLAG_PRIVATE, "vepa": netlink.IPVLAN_FLAG_VEPA,
}

// Marked implements VMACs.
func (m *vmacs) Marked() ([]VMAC, error) {
	links, err := dump(m.handle.LinkList)
	if err != nil {
		return nil, fmt.Errorf("listing interfaces: %w", err)
	}
	var list []VMAC
	for _, l := range links {
		if v, above := vmacOf(l); above && v.Marked {
			list = append(list, v)
		}
	}
	return list, nil
}

// lower is the device beneath a macvlan: its index, and the number that this
// network namespace has for the one it is in, -1 for this one.
type lower struct{ index, netns int }

func beneath(a *netlink.LinkAttrs) lower { return lower{a.ParentIndex, a.NetNsID} }

// lowerOf is what a device of a kind on an interface is attached to: the
// interface, or, of one that is of this kind itself, the device beneath that
// (macvlan_common_newlink in drivers/net/macvlan.c, ipvlan_link_new in
// drivers/net/ipvlan/ipvlan_main.c).
func lowerOf(parent netlink.Link, kind string) lower {
	if parent.Type() == kind {
		return beneath(parent.Attrs())
	}
	return lower{parent.Attrs().Index, -1}
}

// Beneath implements VMACs.
func (m *vmacs) Beneath(name string) (string, error) {
	l, err := m.handle.LinkByName(name)
	if err != nil {
		return "", fmt.Errorf("looking for interface %s: %w", name, withReason(err))
	}
	if _, ok := l.(*netlink.Macvlan); !ok || l.Attrs().NetNsID != -1 {
		return "", nil
	}
	lower, err := m.handle.LinkByIndex(l.Attrs().ParentIndex)
	if err != nil {
		return "", fmt.Errorf("looking for the interface beneath %s: %w", name, withReason(err))
	}
	return lower.Attrs().Name, nil
}

// modeOn is the mode of a macvlan on an interface; see VMAC.
func modeOn(parent netlink.Link) netlink.MacvlanMode {
	if _, ok := parent.(*netlink.Macvlan); ok {
		return netlink.MACVLAN_MODE_PRIVATE
	}
	return netlink.MACVLAN_MODE_BRIDGE
}

// Make implements VMACs.
func (m *vmacs) Make(v VMAC) error {
	parent, err := m.handle.LinkByName(v.Parent)
	if err != nil {
		return fmt.Errorf("making virtual interface %s: its parent %s: %w", v.Name, v.Parent, err)
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.ParentIndex, attrs.Group = v.Name, parent.Attrs().Index, v.Group
	// In a VRF the clients are its clients: the interface has to be in it too.
	if above := parent.Attrs().MasterIndex; above != 0 {
		master, err := m.handle.LinkByIndex(above)
		if err != nil {
			return fmt.Errorf("making virtual interface %s: the master of %s: %w", v.Name, v.Parent, withReason(err))
		}
		if master.Type() == "vrf" {
			attrs.MasterIndex = above
		}
	}
	var made netlink.Link
	if v.IPVLAN != "" {
		made = &netlink.IPVlan{LinkAttrs: attrs, Mode: netlink.IPVLAN_MODE_L2, Flag: ipvlanFlags[v.IPVLAN]}
	} else {
		attrs.HardwareAddr = net.HardwareAddr(v.MAC[:])
		made = &netlink.Macvlan{LinkAttrs: attrs, Mode: modeOn(parent)}
	}
	err = m.handle.LinkAdd(made)
	switch {
	case errors.Is(err, unix.EEXIST):
		return fmt.Errorf("making virtual interface %s: %w", v.Name, fs.ErrExist)
	case errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("making virtual interface %s: %w (does this kernel have %s?)", v.Name, err, made.Type())
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("making virtual interface %s: %w (is %s a port of a bridge or a bond? "+
			"then the bridge or bond is the interface to name; and an interface has macvlan or ipvlan "+
			"devices on it, not both)", v.Name, err, v.Parent)
	case err != nil:
		return fmt.Errorf("making virtual interface %s on %s: %w", v.Name, v.Parent, withReason(err))
	}
	// Until it has the mark only the journal knows whose it is.
	if err = m.handle.LinkSetAlias(made, AliasMark); err != nil {
		err = fmt.Errorf("marking virtual interface %s: %w", v.Name, withReason(err))
	} else {
		err = m.Prepare(v)
	}
	if err != nil && !errors.As(err, new(*Degraded)) {
		return errors.Join(err, m.Remove(v.Name))
	}
	return err
}

// Prepare implements VMACs. All is set before the interface is enabled.
func (m *vmacs) Prepare(v VMAC) error {
	l, err := m.handle.LinkByName(v.Name)
	if err != nil {
		return fmt.Errorf("preparing virtual interface %s: %w", v.Name, err)
	}
	if all, err := m.Setting("all", "arp_filter"); err == nil && all != 0 {
		return fmt.Errorf("net.ipv4.conf.all.arp_filter is %d: ARP for virtual addresses on %s would never be answered, "+
			"since replies are routed out of %s; set it for single interfaces instead "+
			"(of a container: docker run --sysctl net.ipv4.conf.all.arp_filter=0)", all, v.Name, v.Parent)
	}
	for name, value := range m.wanted() {
		if err := m.Set(v.Name, name, value); err != nil {
			return fmt.Errorf("preparing virtual interface %s: %w", v.Name, err)
		}
	}
	if mac := net.HardwareAddr(v.MAC[:]); v.IPVLAN == "" && !bytes.Equal(l.Attrs().HardwareAddr, mac) {
		if err := m.handle.LinkSetHardwareAddr(l, mac); err != nil {
			return fmt.Errorf("giving virtual interface %s the address %s: %w", v.Name, v.MAC, withReason(err))
		}
	}
	if l.Attrs().RawFlags&unix.IFF_NOARP != 0 {
		if err := m.handle.LinkSetARPOn(l); err != nil {
			return fmt.Errorf("enabling ARP on virtual interface %s: %w", v.Name, withReason(err))
		}
	}
	degraded, err := m.likeItsParent(v, l)
	if err != nil {
		return err
	}
	// No address is made of the virtual MAC (RFC 9568 section 7.4): a backup has
	// to be silent.
	if err := m.settings.generateNoAddress(l.Attrs().Index); err != nil {
		return fmt.Errorf("preparing virtual interface %s: keeping it from generating an IPv6 address: %w", v.Name, err)
	}
	// And no router advertisement gives it any. Without a link-local address
	// there is hardly ever one to hear.
	for name := range quiet6 {
		if err := turnOff(file6(v.Name, name)); err != nil && degraded == nil {
			degraded = fmt.Errorf("setting net.ipv6.conf.%s.%s to 0: %w "+
				"(in a container /proc/sys has to be writable for that)", v.Name, name, err)
		}
	}
	if err := m.handle.LinkSetUp(l); err != nil {
		text := ""
		if errors.Is(err, unix.EADDRINUSE) || errors.Is(err, unix.EBUSY) {
			text = " (another interface on " + v.Parent + " has the address " + v.MAC.String() + ")"
		}
		return fmt.Errorf("enabling virtual interface %s: %w%s", v.Name, withReason(err), text)
	}
	if degraded != nil {
		return &Degraded{degraded}
	}
	return nil
}

// Remove implements VMACs.
func (m *vmacs) Remove(name string) error {
	l, err := m.handle.LinkByName(name)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil
	}
	if err == nil {
		err = m.handle.LinkDel(l)
	}
	if err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("removing virtual interface %s: %w", name, withReason(err))
	}
	return nil
}

// Setting implements VMACs.
func (m *vmacs) Setting(device, name string) (int, error) { return m.settings.get(device, name) }

// Set implements VMACs.
func (m *vmacs) Set(device, name string, value int) error { return m.settings.set(device, name, value) }
