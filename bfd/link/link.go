package link

import (
	"net/netip"
	"time"
)

// Key names a socket that hears neighbors.
type Key struct {
	IPv6     bool
	Multihop bool
}

// Keys is the number of keys.
const Keys = 4

// Number numbers keys from 0.
func (k Key) Number() int {
	n := 0
	if k.IPv6 {
		n++
	}
	if k.Multihop {
		n += 2
	}
	return n
}

// KeyOf is the inverse of Number.
func KeyOf(n int) Key { return Key{IPv6: n&1 != 0, Multihop: n&2 != 0} }

// Datagram is a packet that has arrived.
type Datagram struct {
	Data     []byte     // valid until the next Receive
	From, To netip.Addr // without zones
	Index    int        // of the interface that it came in on
	TTL      uint8
	Age      time.Duration // how long ago the kernel received it; 0 when that is not known
}

// Listener hears neighbors. One goroutine uses it.
type Listener interface {
	// Receive fills batch with what has arrived and says how many. It does not block.
	Receive(batch []Datagram) (int, error)
	// Resume asks for the number of the key again, on the channel given to Listen, as soon as
	// packets wait. It is delivered once after Listen and once after each Resume.
	Resume()
	Close() error
}

// Path is where a session sends to.
type Path struct {
	Neighbor netip.Addr // with a zone if it is link-local
	Source   netip.Addr // the zero Addr is the kernel's choice
	Multihop bool
	TTL      int // 1 to 255
}

// Sender sends the packets of one session. One goroutine uses it.
type Sender interface {
	// Send sends one packet without blocking.
	Send(packet []byte) error
	Close() error
}

// Network is what sessions need of a kernel.
type Network interface {
	Listen(key Key, ready chan<- int) (Listener, error)
	Dial(path Path) (Sender, error)
	// Index is the number of an interface.
	Index(name string) (int, error)
}
