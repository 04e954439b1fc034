package link

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	protocolVRRP = 112
	protocolAH   = 51
	// packetSize is more than an IPv4 advertisement can be: two headers of 60
	// and 24 bytes, 255 addresses, authentication.
	packetSize = 2048
	// receiveBatch is how many packets one system call takes.
	receiveBatch = 32
	// receiveBuffer holds what thousands of masters on one link send at once.
	receiveBuffer = 2 << 20
	// controlSize is room for one timestamp.
	controlSize = 64
)

// conn is a raw socket bound to one interface. The engine reads and writes its
// descriptor directly; a goroutine only watches for readability.
type conn struct {
	key    Key
	fd     int
	file   *os.File // owns fd
	ready  chan<- Key
	resume chan struct{} // Receive was called
	closed chan struct{}
	once   sync.Once
	done   chan struct{} // the watching goroutine has ended
	in     inbox
}

// Open implements Network.
func (*Kernel) Open(key Key, ready chan<- Key) (Conn, error) {
	if key.Family != IPv4 || !key.Group.Is4() && !key.Local.Is4() {
		return nil, fmt.Errorf("opening a VRRP socket: group %s: %w", key.Group, errors.ErrUnsupported)
	}
	protocol := protocolVRRP
	if key.AH {
		protocol = protocolAH
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, fmt.Errorf("opening a raw socket for IP protocol %d: %w", protocol, withReason(err))
	}
	if err := configure(fd, key); err != nil {
		unix.Close(fd)
		return nil, err
	}
	c := &conn{
		key:    key,
		fd:     fd,
		file:   os.NewFile(uintptr(fd), "vrrp"),
		ready:  ready,
		resume: make(chan struct{}, 1),
		closed: make(chan struct{}),
		done:   make(chan struct{}),
	}
	raw, err := c.file.SyscallConn()
	if err != nil {
		c.file.Close()
		return nil, fmt.Errorf("watching a raw socket: %w", err)
	}
	c.in.init()
	go c.watch(raw)
	return c, nil
}

// configure makes the socket hear and reach what its key says only.
func configure(fd int, key Key) error {
	set := func(name string, level, option, value int) error {
		if err := unix.SetsockoptInt(fd, level, option, value); err != nil {
			return fmt.Errorf("setting %s on a raw socket: %w", name, withReason(err))
		}
		return nil
	}
	if key.Index != 0 {
		if err := set("SO_BINDTOIFINDEX", unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, key.Index); err != nil {
			return err
		}
	}
	if key.Local.IsValid() {
		if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: key.Local.As4()}); err != nil {
			return fmt.Errorf("binding a raw socket to %s, the source of unicast: %w", key.Local, withReason(err))
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
	for _, o := range []struct {
		name                 string
		level, option, value int
	}{
		{"IP_HDRINCL", unix.IPPROTO_IP, unix.IP_HDRINCL, 1},
		{"IP_MULTICAST_LOOP", unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 0},
		// Only the groups joined here, not what others on this host have joined.
		{"IP_MULTICAST_ALL", unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0},
		{"SO_TIMESTAMPNS", unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1},
		{"SO_PRIORITY", unix.SOL_SOCKET, unix.SO_PRIORITY, 7}, // TC_PRIO_CONTROL
	} {
		if err := set(o.name, o.level, o.option, o.value); err != nil {
			return err
		}
	}
	if !key.Group.IsValid() {
		return nil
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

// Send implements Conn.
func (c *conn) Send(packet []byte, to netip.Addr) error {
	if len(packet) == 0 {
		return fmt.Errorf("sending a VRRP packet: empty: %w", unix.EINVAL)
	}
	sa := unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: to.As4()}
	_, _, errno := unix.Syscall6(unix.SYS_SENDTO, uintptr(c.fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(packet))), uintptr(len(packet)), unix.MSG_DONTWAIT,
		uintptr(unsafe.Pointer(&sa)), unix.SizeofSockaddrInet4)
	if errno != 0 {
		return fmt.Errorf("sending a VRRP packet to %s: %w", to, withReason(errno))
	}
	return nil
}

// Receive implements Conn.
func (c *conn) Receive(batch []Datagram) (int, error) {
	n, err := c.in.receive(c.fd, batch)
	select {
	case c.resume <- struct{}{}:
	default:
	}
	return n, err
}

// Close implements Conn. Leaving a multicast group waits for the kernel's
// routing lock, which work on addresses may hold.
func (c *conn) Close() error {
	c.once.Do(func() { close(c.closed) })
	err := c.file.Close()
	<-c.done
	return err
}

// watch reports that packets wait, and waits itself until they were looked at.
// It does not read: what it had in hand when a timer expires would be missed.
func (c *conn) watch(raw syscall.RawConn) {
	defer close(c.done)
	poll := []unix.PollFd{{Fd: int32(c.fd), Events: unix.POLLIN}}
	readable := func(uintptr) bool {
		// The poller reports an edge; packets left behind make none.
		n, err := unix.Poll(poll, 0)
		return n > 0 || (err != nil && err != unix.EINTR)
	}
	for {
		if err := raw.Read(readable); err != nil {
			return
		}
		select {
		case c.ready <- c.key:
		case <-c.closed:
			return
		}
		select {
		case <-c.resume:
		case <-c.closed:
			return
		}
	}
}

// inbox is the memory that packets are received into.
type inbox struct {
	headers [receiveBatch]mmsghdr
	iovecs  [receiveBatch]unix.Iovec
	packets [receiveBatch][packetSize]byte
	control [receiveBatch][controlSize]byte
	ages    ages
	began   time.Time // what the monotonic clock is counted from
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

func (in *inbox) init() {
	in.began = time.Now()
	for i := range in.headers {
		in.iovecs[i].Base = &in.packets[i][0]
		in.iovecs[i].SetLen(packetSize)
		in.headers[i].hdr.Iov = &in.iovecs[i]
		in.headers[i].hdr.SetIovlen(1)
		in.headers[i].hdr.Control = &in.control[i][0]
	}
}

func (in *inbox) receive(fd int, batch []Datagram) (int, error) {
	want := min(len(batch), receiveBatch)
	if want == 0 {
		return 0, nil
	}
	for i := range want {
		in.headers[i].hdr.SetControllen(controlSize)
	}
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd),
			uintptr(unsafe.Pointer(&in.headers[0])), uintptr(want), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			in.deliver(batch[:n])
			if int(n) < want {
				in.ages.emptied()
			}
			return int(n), nil
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			in.ages.emptied()
			return 0, nil
		default:
			return 0, fmt.Errorf("receiving VRRP packets: %w", errno)
		}
	}
}

func (in *inbox) deliver(batch []Datagram) {
	now := time.Now()
	wall := time.Duration(now.UnixNano())
	in.ages.look(wall, now.Sub(in.began))
	for i := range batch {
		h := &in.headers[i]
		// A packet that was cut off is shorter than its header says: the
		// parser refuses it as any other.
		batch[i] = Datagram{Data: in.packets[i][:min(h.len, packetSize)]}
		if at, ok := timestamp(in.control[i][:h.hdr.Controllen]); ok {
			batch[i].Age = in.ages.of(wall, time.Duration(at.Nano()))
		}
	}
}

// timestamp finds the kernel's time of reception among control messages.
func timestamp(control []byte) (unix.Timespec, bool) {
	var at unix.Timespec
	size := unix.CmsgLen(int(unsafe.Sizeof(at)))
	if len(control) < size {
		return at, false
	}
	h := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(control)))
	if h.Level != unix.SOL_SOCKET || h.Type != unix.SCM_TIMESTAMPNS || int(h.Len) < size {
		return at, false
	}
	return *(*unix.Timespec)(unsafe.Pointer(&control[unix.CmsgLen(0)])), true
}
