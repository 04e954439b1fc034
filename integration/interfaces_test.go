//go:build linux

package integration_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// addVLAN puts a VLAN with an address on an interface.
func addVLAN(name, parent, address string) error {
	under, err := netlink.LinkByName(parent)
	if err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.ParentIndex = name, under.Attrs().Index
	vlan := &netlink.Vlan{LinkAttrs: attrs, VlanId: 10}
	if err := netlink.LinkAdd(vlan); err != nil {
		return fmt.Errorf("add VLAN %s: %w", name, err)
	}
	addr, err := netlink.ParseAddr(address)
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(vlan, addr); err != nil {
		return err
	}
	return netlink.LinkSetUp(vlan)
}

// addBond joins ports to a bond of which one works at a time.
func addBond(name string, ports ...string) error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	bond := netlink.NewLinkBond(attrs)
	bond.Mode, bond.Miimon = netlink.BOND_MODE_ACTIVE_BACKUP, 50
	if err := netlink.LinkAdd(bond); err != nil {
		return fmt.Errorf("add bond %s: %w", name, err)
	}
	for _, port := range ports {
		l, err := netlink.LinkByName(port)
		if err != nil {
			return err
		}
		if err := netlink.LinkSetDown(l); err != nil {
			return err
		}
		if err := netlink.LinkSetBondSlave(l, bond); err != nil {
			return fmt.Errorf("put %s into %s: %w", port, name, err)
		}
	}
	return netlink.LinkSetUp(bond)
}

// rename renames an interface. It sets the interface down first, as older kernels require.
func rename(from, to string) error {
	l, err := netlink.LinkByName(from)
	if err != nil {
		return err
	}
	if err := netlink.LinkSetDown(l); err != nil {
		return err
	}
	if err := netlink.LinkSetName(l, to); err != nil {
		return err
	}
	return netlink.LinkSetUp(l)
}

// TestVLANOnABond: director starts before its interface exists. A VLAN on a bond comes late, loses
// ports, is deleted, made again and renamed. The instance follows each change by itself.
func TestVLANOnABond(t *testing.T) {
	stage.Require(t)
	l := lab.New(t)
	front := l.Network("front")
	h := l.Host("dir1")
	h.Attach(front, "p0")
	h.Attach(front, "p1")
	d := pair.Start(t, stage.Director(), h, lone("interface bond0.10", 200))
	const limit = 10 * time.Second
	// The address is there a moment before the log line. The count from here on must not include
	// that line.
	master := func(since time.Time, what string) {
		t.Helper()
		l.Until(limit, "MASTER "+what, func() bool { return has(t, h, "bond0.10") && d.Printed(since, "to=MASTER") })
	}
	l.Until(limit, "FAULT without the interface", func() bool {
		return d.Printed(time.Time{}, "interface bond0.10 does not exist")
	})

	within(t, h, "make the bond", func() error { return addBond("bond0", "p0", "p1") })
	within(t, h, "make the VLAN", func() error { return addVLAN("bond0.10", "bond0", "192.0.2.2/24") })
	master(time.Time{}, "on an interface that comes late")

	lost := time.Now()
	h.Unplug("p0")
	l.Steady(1500*time.Millisecond, "MASTER with one port of two", func() bool {
		return has(t, h, "bond0.10") && changes(d, lost) == 0
	})
	h.Unplug("p1")
	l.Until(limit, "FAULT without a port", func() bool { return !has(t, h, "bond0.10") && d.Printed(lost, "to=FAULT") })
	h.Plug("p0")
	h.Plug("p1")
	master(lost, "with its ports back")

	deleted := time.Now()
	within(t, h, "delete the VLAN", func() error {
		vlan, err := netlink.LinkByName("bond0.10")
		if err != nil {
			return err
		}
		return netlink.LinkDel(vlan)
	})
	l.Until(limit, "FAULT without the VLAN", func() bool { return d.Printed(deleted, "to=FAULT") })
	within(t, h, "make the VLAN again", func() error { return addVLAN("bond0.10", "bond0", "192.0.2.2/24") })
	master(deleted, "on a VLAN that was made again")

	renamed := time.Now()
	within(t, h, "rename the VLAN", func() error { return rename("bond0.10", "lan0") })
	l.Until(limit, "nothing of ours on the renamed interface", func() bool { return !h.HasAddress("lan0", lifeVIP) })
	within(t, h, "rename it back", func() error { return rename("lan0", "bond0.10") })
	master(renamed, "with its name back")
}

// TestVRF: the routers of a pair inside a VRF hear each other, by multicast and by unicast without
// an interface.
func TestVRF(t *testing.T) {
	stage.Require(t)
	for _, c := range []struct{ name, from string }{
		{"multicast", "interface eth0"},
		{"vmac", "interface eth0\n    use_vmac vrrp.51"},
		{"unicast", "vrf blue\n    unicast_src_ip 192.0.2.%d\n    unicast_peer {\n        192.0.2.%d\n    }"},
		{"IPv6", "interface eth0"},
		{"IPv6 unicast", "vrf blue\n    unicast_src_ip 2001:db8:1::%d\n    unicast_peer {\n        2001:db8:1::%d\n    }"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := lab.New(t)
			front := l.Network("front")
			var hosts [2]*lab.Host
			var daemons [2]*pair.Daemon
			carrier := "eth0"
			if c.name == "vmac" {
				carrier = "vrrp.51"
			}
			for i := range hosts {
				h := l.Host(fmt.Sprintf("dir%d", i+1))
				hosts[i] = h
				h.Attach(front, "eth0", fmt.Sprintf("192.0.2.%d/24", 2+i))
				within(t, h, "make a VRF", func() error {
					attrs := netlink.NewLinkAttrs()
					attrs.Name = "blue"
					vrf := &netlink.Vrf{LinkAttrs: attrs, Table: 10}
					if err := netlink.LinkAdd(vrf); err != nil {
						return err
					}
					eth0, err := netlink.LinkByName("eth0")
					if err != nil {
						return err
					}
					if err := netlink.LinkSetMaster(eth0, vrf); err != nil {
						return err
					}
					return netlink.LinkSetUp(vrf)
				})
				h.Address("eth0", pair.GlobalAddress(i)+"/64") // an interface loses its IPv6 addresses in a VRF
				from := c.from
				if strings.Contains(from, "%d") {
					from = fmt.Sprintf(from, 2+i, 3-i)
				}
				conf := "global_defs {\n    default_interface eth0\n}\n" + lone(from, 200-100*i)
				if strings.HasPrefix(c.name, "IPv6") {
					conf = strings.Replace(conf, "virtual_ipaddress {\n",
						"virtual_ipaddress {\n        "+pair.LinkLocalVIP+"\n    }\n    virtual_ipaddress_excluded {\n", 1)
				}
				daemons[i] = pair.Start(t, stage.Director(), h, conf)
				if i == 0 {
					l.Until(10*time.Second, "dir1 is MASTER", func() bool { return has(t, h, carrier) })
				}
			}
			l.Until(10*time.Second, "dir2 is BACKUP", func() bool { return daemons[1].Printed(time.Time{}, "to=BACKUP") })
			l.Steady(time.Second, "dir2 hears dir1", func() bool {
				return has(t, hosts[0], carrier) && !has(t, hosts[1], carrier)
			})
			if vrf := inVRF(t, hosts[0], carrier); vrf != "blue" {
				t.Errorf("%s is in VRF %q", carrier, vrf)
			}
			hosts[0].Crash()
			l.Until(5*time.Second, "dir2 takes over", func() bool { return has(t, hosts[1], carrier) })
		})
	}
}

// inVRF is the VRF that an interface is in.
func inVRF(t *testing.T, h *lab.Host, iface string) (name string) {
	t.Helper()
	within(t, h, "look at "+iface, func() error {
		l, err := netlink.LinkByName(iface)
		if err != nil {
			return err
		}
		above, err := netlink.LinkByIndex(l.Attrs().MasterIndex)
		if err == nil {
			name = above.Attrs().Name
		}
		return err
	})
	return name
}
