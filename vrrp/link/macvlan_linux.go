package link

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"

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
	a := l.Attrs()
	v := VMAC{Name: want.Name, Group: a.Group}
	copy(v.MAC[:], a.HardwareAddr)
	is, ok := l.(*netlink.Macvlan)
	if !ok || is.Mode != netlink.MACVLAN_MODE_BRIDGE {
		return v, nil
	}
	if parent, err := m.handle.LinkByName(want.Parent); err == nil && lowerOf(parent) == beneath(a) {
		v.Parent = want.Parent
	}
	return v, nil
}

// lower is the device beneath a macvlan: its index, and the number that this
// network namespace has for the one it is in, -1 for this one.
type lower struct{ index, netns int }

func beneath(a *netlink.LinkAttrs) lower { return lower{a.ParentIndex, a.NetNsID} }

// lowerOf is what a macvlan on an interface is attached to: the interface, or,
// of one that is a macvlan itself, the device beneath that
// (macvlan_common_newlink in drivers/net/macvlan.c).
func lowerOf(parent netlink.Link) lower {
	if _, ok := parent.(*netlink.Macvlan); ok {
		return beneath(parent.Attrs())
	}
	return lower{parent.Attrs().Index, -1}
}

// Make implements VMACs.
func (m *vmacs) Make(v VMAC) error {
	parent, err := m.handle.LinkByName(v.Parent)
	if err != nil {
		return fmt.Errorf("making virtual MAC interface %s: its parent %s: %w", v.Name, v.Parent, err)
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.ParentIndex, attrs.Group = v.Name, parent.Attrs().Index, v.Group
	attrs.HardwareAddr = net.HardwareAddr(v.MAC[:])
	// In a VRF the clients are its clients: the interface has to be in it too.
	if above := parent.Attrs().MasterIndex; above != 0 {
		if vrf, err := m.handle.LinkByIndex(above); err == nil && vrf.Type() == "vrf" {
			attrs.MasterIndex = above
		}
	}
	err = m.handle.LinkAdd(&netlink.Macvlan{LinkAttrs: attrs, Mode: netlink.MACVLAN_MODE_BRIDGE})
	switch {
	case errors.Is(err, unix.EEXIST):
		return fmt.Errorf("making virtual MAC interface %s: %w", v.Name, fs.ErrExist)
	case errors.Is(err, unix.EOPNOTSUPP):
		return fmt.Errorf("making virtual MAC interface %s: %w (does this kernel have macvlan?)", v.Name, err)
	case errors.Is(err, unix.EBUSY):
		return fmt.Errorf("making virtual MAC interface %s: %w (is %s a port of a bridge or a bond? "+
			"then the bridge or bond is the interface to name)", v.Name, err, v.Parent)
	case err != nil:
		return fmt.Errorf("making virtual MAC interface %s on %s: %w", v.Name, v.Parent, withReason(err))
	}
	if err := m.Prepare(v); err != nil {
		return errors.Join(err, m.Remove(v.Name))
	}
	return nil
}

// Prepare implements VMACs. All is set before the interface is enabled.
func (m *vmacs) Prepare(v VMAC) error {
	l, err := m.handle.LinkByName(v.Name)
	if err != nil {
		return fmt.Errorf("preparing virtual MAC interface %s: %w", v.Name, err)
	}
	if all, err := m.Setting("all", "arp_filter"); err == nil && all != 0 {
		return fmt.Errorf("net.ipv4.conf.all.arp_filter is %d: ARP for virtual addresses on %s would never be answered, "+
			"since replies are routed out of %s; set it for single interfaces instead", all, v.Name, v.Parent)
	}
	// The route to a client is by the parent, so a strict filter would drop
	// its packets. The stricter of "all" and the interface's own is in force.
	filter := 0
	if all, err := m.Setting("all", "rp_filter"); err == nil && all != 0 {
		filter = 2 // loose wins over strict
	}
	for _, s := range []struct {
		name  string
		value int
	}{
		{"arp_ignore", 1}, // not for the addresses of the parent
		{"arp_filter", 0},
		{"rp_filter", filter},
		{"promote_secondaries", 1},
	} {
		if err := m.Set(v.Name, s.name, s.value); err != nil {
			return fmt.Errorf("preparing virtual MAC interface %s: %w", v.Name, err)
		}
	}
	// No address is made of the virtual MAC (RFC 9568 section 7.4), and no
	// router advertisement gives the interface any: a backup has to be silent.
	for _, s := range []struct{ name, value string }{
		{"addr_gen_mode", "1"}, {"accept_ra", "0"}, {"autoconf", "0"}, {"router_solicitations", "0"},
	} {
		err := os.WriteFile("/proc/sys/net/ipv6/conf/"+v.Name+"/"+s.name, []byte(s.value), 0)
		if err != nil && !errors.Is(err, fs.ErrNotExist) { // a kernel without IPv6
			return fmt.Errorf("preparing virtual MAC interface %s: setting net.ipv6.conf.%s.%s: %w", v.Name, v.Name, s.name, err)
		}
	}
	if err := m.handle.LinkSetUp(l); err != nil {
		text := ""
		if errors.Is(err, unix.EADDRINUSE) || errors.Is(err, unix.EBUSY) {
			text = " (another interface on " + v.Parent + " has the address " + v.MAC.String() + ")"
		}
		return fmt.Errorf("enabling virtual MAC interface %s: %w%s", v.Name, withReason(err), text)
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
		return fmt.Errorf("removing virtual MAC interface %s: %w", name, withReason(err))
	}
	return nil
}

// Setting implements VMACs.
func (m *vmacs) Setting(device, name string) (int, error) { return m.settings.get(device, name) }

// Set implements VMACs.
func (m *vmacs) Set(device, name string, value int) error { return m.settings.set(device, name, value) }
