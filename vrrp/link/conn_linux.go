package link

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
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
	key    Key
	fd     int
	epoll  *os.File // watches fd: once, until it is armed again
	ready  chan<- Key
	closed chan struct{}
	once   sync.Once
	done   chan struct{} // the watching goroutine has ended
	in     inbox
	out    outbox6 // of IPv6
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
	epoll, err := watchOnce(fd)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	c := &conn{
		key:    key,
		fd:     fd,
		epoll:  epoll,
		ready:  ready,
		closed: make(chan struct{}),
		done:   make(chan struct{}),
	}
	raw, err := epoll.SyscallConn()
	if err != nil {
		epoll.Close()
		unix.Close(fd)
		return nil, fmt.Errorf("watching a raw socket: %w", err)
	}
	c.in.init(key.Family)
	go c.watch(raw)
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
func (c *conn) Resume() { watchAgain(c.epoll, c.fd) }

// Close implements Conn. Leaving a multicast group waits for the kernel's
// routing lock, which work on addresses may hold.
func (c *conn) Close() error {
	var err error
	c.once.Do(func() {
		close(c.closed)
		err = c.epoll.Close()
		<-c.done
		err = errors.Join(err, unix.Close(c.fd))
	})
	return err
}

// watch reports that packets wait. It does not read: what it had in hand when
// a timer expires would be missed.
func (c *conn) watch(raw syscall.RawConn) {
	defer close(c.done)
	var events [1]unix.EpollEvent
	waits := func(epoll uintptr) bool {
		n, err := unix.EpollWait(int(epoll), events[:], 0)
		return n > 0 || (err != nil && err != unix.EINTR)
	}
	for {
		if err := raw.Read(waits); err != nil {
			return
		}
		select {
		case c.ready <- c.key:
		case <-c.closed:
			return
		}
	}
}

// watchOnce makes an epoll instance of the socket's own that reports one
// packet and then nothing until it is armed. Go's poller, in which the socket
// itself could be, would be woken by each packet whether or not somebody waits.
func watchOnce(fd int) (*os.File, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("watching a raw socket: %w", err)
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT}
	err = unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, fd, &event)
	if err == nil {
		err = unix.SetNonblock(epoll, true) // Go's poller takes no other
	}
	if err != nil {
		unix.Close(epoll)
		return nil, fmt.Errorf("watching a raw socket: %w", err)
	}
	return os.NewFile(uintptr(epoll), "vrrp"), nil
}

// watchAgain arms it.
func watchAgain(epoll *os.File, fd int) {
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLONESHOT}
	conn, err := epoll.SyscallConn()
	if err == nil {
		_ = conn.Control(func(epoll uintptr) {
			_ = unix.EpollCtl(int(epoll), unix.EPOLL_CTL_MOD, fd, &event)
		})
	}
}
