package link

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/datagram"
)

const (
	protocolVRRP = 112
	protocolAH   = 51
	// receiveBuffer holds what thousands of masters on one link send at once.
	receiveBuffer = 2 << 20
	// priorityControl is TC_PRIO_CONTROL, for SO_PRIORITY.
	priorityControl = 7
)

// conn is a raw socket bound to one interface. The engine reads and writes its
// descriptor directly; a goroutine only watches for readability.
type conn struct {
	key   Key
	fd    int
	watch *datagram.Watch[Key]
	once  sync.Once
	in    inbox
	out   outbox6 // of IPv6
}

// Open implements Network.
func (*Kernel) Open(key Key, ready chan<- Key) (Conn, error) {
	domain, protocol, configure := unix.AF_INET, protocolVRRP, configure4
	switch {
	case key.is(netip.Addr.Is4) && key.Family == IPv4:
		if key.AH {
			protocol = protocolAH
		}
	case key.is(netip.Addr.Is6) && key.Family == IPv6 && !key.AH:
		domain, configure = unix.AF_INET6, configure6
	default:
		return nil, fmt.Errorf("opening a VRRP socket over IPv%d for group %s, address %s: %w",
			key.Family, key.Group, key.Local, errors.ErrUnsupported)
	}
	fd, err := unix.Socket(domain, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, fmt.Errorf("opening a raw socket for IPv%d protocol %d: %w", key.Family, protocol, withReason(err))
	}
	if err := configure(fd, key); err != nil {
		unix.Close(fd)
		return nil, err
	}
	watch, err := datagram.NewWatch(fd, key, ready)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	c := &conn{key: key, fd: fd, watch: watch}
	c.in.init(key.Family)
	return c, nil
}

// is says whether a key's group or address is of a family.
func (k Key) is(family func(netip.Addr) bool) bool { return family(k.Group) || family(k.Local) }

// option is one socket option.
type option struct {
	name                 string
	level, option, value int
}

func set(fd int, options ...option) error {
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, o.level, o.option, o.value); err != nil {
			return fmt.Errorf("setting %s on a raw socket: %w", o.name, withReason(err))
		}
	}
	return nil
}

// confine makes the socket hear its interface and address only; an index of 0
// and a nil address are any.
func confine(fd, index int, local unix.Sockaddr) error {
	if index != 0 {
		if err := set(fd, option{"SO_BINDTOIFINDEX", unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, index}); err != nil {
			return err
		}
	}
	if local != nil {
		if err := unix.Bind(fd, local); err != nil {
			return fmt.Errorf("binding a raw socket to the source of unicast: %w", withReason(err))
		}
	}
	// Between its creation and now the socket has heard everything.
	var rest [1]byte
	for {
		if _, _, err := unix.Recvfrom(fd, rest[:], unix.MSG_DONTWAIT); err != nil && !errors.Is(err, unix.EINTR) {
			break
		}
	}
	// A socket that may not exceed net.core.rmem_max takes what it gets.
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer); err != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
	}
	return set(fd,
		option{"SO_TIMESTAMPNS", unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1},
		option{"SO_PRIORITY", unix.SOL_SOCKET, unix.SO_PRIORITY, priorityControl},
	)
}

// Send implements Conn.
func (c *conn) Send(packet []byte, to netip.Addr) error {
	if c.key.Family == IPv6 {
		return c.out.send(c.fd, c.key.Index, packet, to)
	}
	return send4(c.fd, packet, to)
}

// Receive implements Conn.
func (c *conn) Receive(batch []Datagram) (int, error) {
	return c.in.receive(c.fd, batch)
}

// Resume implements Conn. What waits already is an event of its own.
func (c *conn) Resume() { c.watch.Again() }

// Close implements Conn. Leaving a multicast group waits for the kernel's
// routing lock, which work on addresses may hold.
func (c *conn) Close() error {
	var err error
	c.once.Do(func() {
		err = errors.Join(c.watch.Close(), unix.Close(c.fd))
	})
	return err
}

// configure4 makes an IPv4 socket hear and reach what its key says only.
func configure4(fd int, key Key) error {
	var local unix.Sockaddr
	if key.Local.IsValid() {
		local = &unix.SockaddrInet4{Addr: key.Local.As4()}
	}
	if err := confine(fd, key.Index, local); err != nil {
		return err
	}
	err := set(fd,
		option{"IP_HDRINCL", unix.IPPROTO_IP, unix.IP_HDRINCL, 1},
		option{"IP_MULTICAST_LOOP", unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 0},
		// Only the groups joined here, not what others on this host have joined.
		option{"IP_MULTICAST_ALL", unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0},
	)
	if err != nil || !key.Group.IsValid() {
		return err
	}
	mreq := unix.IPMreqn{Ifindex: int32(key.Index), Multiaddr: key.Group.As4()}
	if err := unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, &mreq); err != nil {
		return fmt.Errorf("choosing the interface for multicast: %w", withReason(err))
	}
	if err := unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, &mreq); err != nil {
		return fmt.Errorf("joining multicast group %s: %w", key.Group, withReason(err))
	}
	return nil
}

// send4 sends a packet with its header as it is.
func send4(fd int, packet []byte, to netip.Addr) error {
	if len(packet) == 0 || !to.Is4() {
		return fmt.Errorf("sending a VRRP packet of %d bytes to %s: %w", len(packet), to, unix.EINVAL)
	}
	sa := unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: to.As4()}
	// It does not block: to prepare the scheduler for that, for each of ten
	// thousand packets a second, costs more than the packet.
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(packet))), uintptr(len(packet)), unix.MSG_DONTWAIT,
		uintptr(unsafe.Pointer(&sa)), unix.SizeofSockaddrInet4)
	if errno != 0 {
		return fmt.Errorf("sending a VRRP packet to %s: %w", to, withReason(errno))
	}
	return nil
}
