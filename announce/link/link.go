package link

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"github.com/lvs-director/director/conf"
)

// AliasMark is the alias (IFLA_IFALIAS, as "ip link" shows it) of interfaces that director makes for announced
// addresses.
const AliasMark = conf.AnnounceMark

// Mark is the protocol of addresses and routes that director makes (IFA_PROTO, RTA_PROTOCOL).
const Mark = conf.ProtocolKeepalived

// ErrForeign says that an interface is there, and is not one that director has made.
var ErrForeign = errors.New("it exists and was not made by director")

// Present is an address that an interface of ours has.
type Present struct {
	Addr netip.Addr
	// Marked: it carries Mark. The kernel keeps it since 5.18.
	Marked bool
	// Left is for how long it stays without a refresh; 0 is for ever.
	Left time.Duration
}

// Kernel is what announce does on a host. One goroutine uses it.
type Kernel interface {
	// Own has an interface be there, up and ours until the end of this process: it makes it, or adopts one that
	// carries the mark. made says that it was not there, or had to be put right. The error wraps ErrForeign when it
	// is somebody else's, which then stays as it is.
	Own(device string) (made bool, err error)
	// Ours are the interfaces that carry the mark and belong to no other director that runs here.
	Ours() ([]string, error)
	// Discard removes an interface that carries the mark. One that is not there, or is not ours, is no error.
	Discard(device string) error

	// Addresses are those of an interface, but link-local ones. Without the interface there are none.
	Addresses(device string) ([]Present, error)
	// Put adds an address, or refreshes it: lifetime is for how long it stays, in whole seconds; 0 is for ever.
	Put(device string, a netip.Addr, lifetime time.Duration) error
	// Remove takes an address away. One that is not there is no error.
	Remove(device string, a netip.Addr) error

	// Routes are the local routes of ours.
	Routes() ([]netip.Addr, error)
	// AddRoute has packets to an address delivered on this host. One that is there already is no error.
	AddRoute(netip.Addr) error
	// RemoveRoute removes that route alone. One that is not there is no error.
	RemoveRoute(netip.Addr) error

	// Onlink are the interfaces, but those of ours, with a network that an address is in.
	Onlink(netip.Addr) ([]string, error)
	// Setting reads net.ipv4.conf of an interface, and Set changes it. The error is fs.ErrNotExist without it.
	Setting(device, name string) (int, error)
	Set(device, name string, value int) error

	// Links are the interfaces that are there, and whether they are up and running.
	Links() (map[string]bool, error)
	// Watch has an entry whenever interfaces or addresses may have changed, until ctx ends.
	Watch(context.Context) (<-chan struct{}, error)
	Close() error
}
