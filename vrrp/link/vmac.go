package link

import (
	"net"
	"net/netip"
)

// VMAC is an interface with the hardware address of a virtual router (RFC 9568
// section 7.3): a macvlan on another interface, its parent.
//
// It is in bridge mode, and nothing is received on it but what is for the
// virtual addresses. In private mode, which keepalived uses, the kernel gives
// a frame whose source is the same virtual MAC, which is every advertisement
// of a peer, to the macvlan alone: its parent is deaf, so each virtual router
// needs a socket and a group membership on its macvlan, and a BACKUP reports
// the memberships from the virtual MAC, whereupon switches send the master's
// traffic to it. In bridge mode the parent hears everything, and the macvlan
// of a BACKUP is silent.
type VMAC struct {
	Name   string
	Parent string
	MAC    HardwareAddress
	Group  uint32 // of interfaces, as in "ip link set group"
	// IPVLAN makes it an ipvlan device in mode L2 instead (use_ipvlan), which is
	// "bridge", "private" or "vepa" and has the hardware address of its parent;
	// MAC is zero then. Empty is a macvlan.
	IPVLAN string
	// Private: it is a macvlan in private mode, since its parent is a macvlan
	// itself. The kernel gives no macvlan beside it a frame with its hardware
	// address as the source, so advertisements of a peer with the same virtual MAC
	// are received on it, not on its parent. Find tells it.
	Private bool
	// Marked: it carries AliasMark. Find and Marked tell it, Make sees to it.
	Marked bool
}

// AliasMark is the alias (IFLA_IFALIAS, as "ip link" shows it) of interfaces
// that director makes.
const AliasMark = "made by director: virtual router"

// Degraded is an error of Make and Prepare that says what could not be set
// although the interface serves.
type Degraded struct{ Err error }

// Error implements error.
func (d *Degraded) Error() string { return d.Err.Error() }

// Unwrap returns the cause.
func (d *Degraded) Unwrap() error { return d.Err }

// HardwareAddress is an Ethernet address that can be compared.
type HardwareAddress [6]byte

// String is the usual form, such as 00:00:5e:00:01:33.
func (h HardwareAddress) String() string { return net.HardwareAddr(h[:]).String() }

// VMACs makes and removes the interfaces of virtual routers. One goroutine
// uses it.
type VMACs interface {
	// Find tells what has v's name. The error is fs.ErrNotExist when nothing has.
	// It has v's Parent when it is a macvlan as Make would make it, else none or
	// another.
	Find(v VMAC) (VMAC, error)
	// Marked lists the interfaces that carry AliasMark, without their parents:
	// those may be in another network namespace.
	Marked() ([]VMAC, error)
	// Make makes an interface that is not there, prepares and enables it. The
	// error is fs.ErrExist when something has its name, and a Degraded when it
	// serves all the same.
	Make(v VMAC) error
	// Prepare makes one that is there answer for its own addresses only, keep
	// from making any up, gives it its mode, mark, hardware address and the MTU of its
	// parent, and enables ARP and it.
	Prepare(v VMAC) error
	// Drifted names what of one is not as Prepare sets it, but for what Find and the
	// kernel's notifications tell, and for what cannot be set here. It is called once
	// a second.
	Drifted(v VMAC) ([]string, error)
	// Remove removes it. It is not an error when it is not there.
	Remove(name string) error
	// Beneath is the interface beneath one that is a macvlan itself: empty when it
	// is not one, or when what is beneath is in another network namespace.
	Beneath(name string) (string, error)
	// Setting reads net.ipv4.conf.DEVICE.NAME, and Set writes it.
	Setting(device, name string) (int, error)
	Set(device, name string, value int) error
	Close() error
}

// Frames sends IP packets from an interface, whatever addresses it has: those
// of a virtual router leave with its hardware address and the address of its
// parent. One goroutine
// uses it.
type Frames interface {
	// Send sends one whole IP packet to a multicast group, without blocking.
	Send(from Interface, packet []byte, to netip.Addr) error
	Close() error
}
