package link

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/lvs-director/director/vrrp/track"
)

// Family is an address family, as VRRP tells them apart: virtual routers with
// the same VRID in both families are independent (RFC 9568 section 5.2.3).
type Family uint8

// The families.
const (
	IPv4 Family = 4
	IPv6 Family = 6
)

// Key names a socket: one per interface, family and multicast group is shared
// by all virtual routers there, because a socket can join only 20 groups
// (igmp_max_memberships) and a raw socket that is not bound to an interface
// hears the advertisements of all. Unicast has one per interface and local address.
type Key struct {
	Index  int // of the interface; 0 is any
	Family Family
	Group  netip.Addr // joined; the zero Addr for unicast
	Local  netip.Addr // unicast: what is sent to this address is heard
	AH     bool       // the protocol is the Authentication Header's rather than VRRP's
}

// Interface is a network interface.
type Interface struct {
	Index        int
	Name         string
	HardwareAddr net.HardwareAddr
	// Up is IFF_UP and IFF_RUNNING: it is enabled and has a carrier.
	Up bool
	// MTU is in bytes; 0 is not known.
	MTU int
	// NoARP is IFF_NOARP: nobody learns its addresses from it (a dummy interface).
	NoARP bool
	// Port is what takes all packets that arrive on it.
	Port track.Port
	// Announces: it is director's for announced addresses (conf.AnnounceMark).
	Announces bool
}

// portOf is the Port of an interface with a master of a kind.
func portOf(kind, master string) track.Port {
	switch kind {
	case "bridge", "bond", "team":
		return track.Port{Kind: kind, Master: master}
	}
	return track.Port{}
}

// InterfaceAddress is an address on an interface.
type InterfaceAddress struct {
	Index  int
	Prefix netip.Prefix
	// Secondary is IFA_F_SECONDARY: the kernel does not choose it as a source.
	// Of IPv6 the same flag is IFA_F_TEMPORARY.
	Secondary bool
	// DAD is how far duplicate address detection is, of IPv6.
	DAD DAD
}

// DAD is the state of an IPv6 address in duplicate address detection (RFC 4862
// section 5.4). Only one that has passed can be a source.
type DAD uint8

// The states.
const (
	DADPassed DAD = iota
	DADTentative
	DADFailed
)

// EventKind says what an Event is about.
type EventKind uint8

// What can happen to interfaces and addresses.
const (
	// Snapshot: Event.Interfaces and Event.Addresses are all there are now. It
	// is the first event, and comes again when events were lost.
	Snapshot EventKind = iota
	// InterfaceChanged: Event.Interface is new or has another name, state,
	// hardware address or master.
	InterfaceChanged
	// InterfaceGone: Event.Interface.Index does not exist any more.
	InterfaceGone
	// AddressAdded and AddressRemoved: Event.Address.
	AddressAdded
	AddressRemoved
	// WatchFailed: changes are not heard of at present, because of Event.Err. It
	// is tried again, and a Snapshot tells that it has worked.
	WatchFailed
)

// Event is a change of the interfaces or addresses of the host.
type Event struct {
	Kind       EventKind
	Interface  Interface
	Address    InterfaceAddress
	Interfaces []Interface
	Addresses  []InterfaceAddress
	Err        error
}

// Datagram is a received IP packet.
type Datagram struct {
	// Data is the packet with its IP header. It is valid until the next Receive.
	Data []byte
	// Age is how long ago the kernel received it; 0 when that is not known.
	Age time.Duration
}

// Conn is a socket that sends and receives the VRRP packets of one interface.
// It does not deliver what it sent itself. One goroutine uses it.
type Conn interface {
	// Send sends one whole IP packet, header included, without blocking.
	Send(packet []byte, to netip.Addr) error
	// Receive fills batch with packets that have arrived and says how many.
	// It does not block; 0 means that there are none.
	Receive(batch []Datagram) (int, error)
	// Resume asks for the key again, on the channel given to Open, as soon as
	// packets wait. It is delivered once after Open and once after each Resume.
	Resume()
	Close() error
}

// Announcer tells the neighbours on a link where an address is now. One
// goroutine uses it.
type Announcer interface {
	// Announce tells all on the link that addr is at the interface's own
	// hardware address: by one gratuitous ARP request whose sender and target
	// are addr, or by one unsolicited neighbour advertisement from addr.
	Announce(from Interface, addr netip.Addr) error
	// AnnounceReply is Announce for IPv4 in the form of a gratuitous ARP reply,
	// which some neighbours heed that ignore a request.
	AnnounceReply(from Interface, addr netip.Addr) error
	// Close closes what they have opened; the Announcer stays usable.
	Close() error
}

// Network is what the engine needs of a kernel.
type Network interface {
	// Watch tells all changes until ctx ends, when it closes the channel. The
	// first event is a Snapshot.
	Watch(ctx context.Context) (<-chan Event, error)
	// Open makes the socket key. While packets wait in it, the key is sent to ready.
	Open(key Key, ready chan<- Key) (Conn, error)
	Addresses() (Addresses, error)
	RouteNetwork
	Filter() Filter
	Announcer() Announcer
	VMACs() (VMACs, error)
	Frames() (Frames, error)
}

// Clock tells the time and wakes the engine.
type Clock interface {
	// Now is the time with Go's monotonic reading.
	Now() time.Time
	// NewTimer makes a timer that is not set.
	NewTimer() (Timer, error)
}

// Timer has one deadline.
type Timer interface {
	// Set replaces the deadline. The timer fires once, at it or after it and
	// never before.
	Set(at time.Time) error
	// C receives a value when the deadline has passed. A value of a replaced
	// deadline may still arrive: the receiver looks at the clock.
	C() <-chan struct{}
	Close() error
}
