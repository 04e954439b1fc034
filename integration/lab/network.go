//go:build linux

package lab

import (
	"fmt"
	"net"
	"os/exec"

	"github.com/vishvananda/netlink"
)

// Network is one Ethernet segment: a bridge that knows every port's addresses
// from the traffic it sees, as a switch does.
type Network struct {
	lab    *Lab
	name   string
	bridge netlink.Link
}

// Network makes a new segment.
func (l *Lab) Network(name string) *Network {
	l.t.Helper()
	// Multicast snooping is off, as on a switch without a querier: VRRP's
	// group reaches every port.
	snooping := false
	attrs := netlink.NewLinkAttrs()
	attrs.Name = fmt.Sprintf("br%d", len(l.networks))
	attrs.Alias = name
	bridge := &netlink.Bridge{LinkAttrs: attrs, MulticastSnooping: &snooping}
	l.must(l.fabric.net.LinkAdd(bridge), "make network %s", name)
	l.must(l.fabric.net.LinkSetUp(bridge), "start network %s", name)
	n := &Network{lab: l, name: name, bridge: bridge}
	l.networks = append(l.networks, n)
	return n
}

// Snoop makes the switch of a network one that snoops multicast, without a querier, and has forgotten who
// listens: no port gets multicast any more. Broadcasts and unicast go on.
func (n *Network) Snoop() {
	n.lab.t.Helper()
	run := func(argv ...string) error {
		return n.lab.fabric.do(func() error {
			out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput()
			if err != nil {
				return fmt.Errorf("%q: %w: %s", argv, err, out)
			}
			return nil
		})
	}
	name := n.bridge.Attrs().Name
	n.lab.must(run("ip", "link", "set", name, "type", "bridge", "mcast_snooping", "1", "mcast_querier", "0"),
		"snoop on network %s", n.name)
	links, err := n.lab.fabric.net.LinkList()
	n.lab.must(err, "list the ports of network %s", n.name)
	for _, l := range links {
		if l.Attrs().MasterIndex == n.bridge.Attrs().Index {
			// The kernel forwards 224.0.0.0/24 to all ports, whoever listens (RFC 4541 section 2.1.2); many
			// switches do not.
			port := l.Attrs().Name
			n.lab.must(run("bridge", "link", "set", "dev", port, "mcast_flood", "off"), "stop multicast on %s", port)
		}
	}
}

// PortMTU sets the MTU of the far end of the cable to a host's interface, as of a switch's port: larger
// packets do not pass.
func (h *Host) PortMTU(iface string, size int) {
	h.lab.t.Helper()
	for _, c := range h.cables {
		if c.iface == iface {
			port, err := h.lab.fabric.net.LinkByName(c.port)
			h.lab.must(err, "find the port of %s", iface)
			h.lab.must(h.lab.fabric.net.LinkSetMTU(port, size), "set the MTU of the port of %s", iface)
		}
	}
}

// MTU sets that of all ports of a network that are in use, and of its bridge.
func (n *Network) MTU(size int) {
	n.lab.t.Helper()
	links, err := n.lab.fabric.net.LinkList()
	n.lab.must(err, "list the ports of network %s", n.name)
	for _, l := range links {
		if l.Attrs().MasterIndex == n.bridge.Attrs().Index {
			n.lab.must(n.lab.fabric.net.LinkSetMTU(l, size), "set the MTU of %s", l.Attrs().Name)
		}
	}
	n.lab.must(n.lab.fabric.net.LinkSetMTU(n.bridge, size), "set the MTU of network %s", n.name)
}

// cable is a veth pair from a host's interface to a port of a network.
type cable struct {
	network *Network
	port    string // the far end's name in the fabric
	iface   string // the near end's name on the host
	mac     net.HardwareAddr
}

// newCable reserves a name and a hardware address; a host keeps both when it
// is booted again.
func (l *Lab) newCable(network *Network, iface string) cable {
	l.cables++
	return cable{
		network: network,
		port:    fmt.Sprintf("port%d", l.cables),
		iface:   iface,
		mac:     net.HardwareAddr{0x02, 0, 0, 0, byte(l.cables >> 8), byte(l.cables)},
	}
}

// plugIn lays the cable between its network and a host that has just been
// switched on.
func (c cable) plugIn(n *namespace) error {
	fabric := c.network.lab.fabric
	attrs := netlink.NewLinkAttrs()
	attrs.Name = c.port
	attrs.MasterIndex = c.network.bridge.Attrs().Index
	pair := &netlink.Veth{
		LinkAttrs:        attrs,
		PeerName:         c.iface,
		PeerHardwareAddr: c.mac,
		PeerNamespace:    netlink.NsFd(n.handle),
	}
	if err := fabric.net.LinkAdd(pair); err != nil {
		return fmt.Errorf("lay cable %s: %w", c.iface, err)
	}
	if err := fabric.net.LinkSetUp(pair); err != nil {
		return fmt.Errorf("plug cable %s in: %w", c.iface, err)
	}
	near, err := n.net.LinkByName(c.iface)
	if err != nil {
		return fmt.Errorf("find interface %s: %w", c.iface, err)
	}
	return n.net.LinkSetUp(near)
}

// setPort sets the far end up or down, which sets or clears the carrier of the
// host's interface.
func (c cable) setPort(up bool) error {
	fabric := c.network.lab.fabric
	port, err := fabric.net.LinkByName(c.port)
	if err != nil {
		return err
	}
	if up {
		return fabric.net.LinkSetUp(port)
	}
	return fabric.net.LinkSetDown(port)
}

// remove removes the cable and with it the host's interface, which the kernel
// would otherwise remove some time after the host's namespace.
func (c cable) remove() {
	fabric := c.network.lab.fabric
	if port, err := fabric.net.LinkByName(c.port); err == nil {
		fabric.net.LinkDel(port)
	}
}
