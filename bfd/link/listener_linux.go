package link

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/bfd/packet"
	"github.com/lvs-director/director/datagram"
)

const (
	// receiveBatch is how many packets one system call takes.
	receiveBatch = 32
	// room is more than a Control packet can be.
	room = 256
	// controlSize is room for the control messages of one packet.
	controlSize = 128
	// receiveBuffer holds what hundreds of neighbors send while this process does not run.
	receiveBuffer = 1 << 20
	// priorityControl is TC_PRIO_CONTROL, for SO_PRIORITY.
	priorityControl = 7
)

// Kernel is the Network of the kernel this process runs on, in the network namespace of
// the thread that calls its methods.
type Kernel struct{}

var _ Network = Kernel{}

// listener is a UDP socket that is bound to one of BFD's ports.
type listener struct {
	fd      int
	ipv6    bool
	watch   *datagram.Watch[int]
	once    sync.Once
	packets [receiveBatch * room]byte
	headers [receiveBatch]datagram.Header
	iovecs  [receiveBatch]unix.Iovec
	from    [receiveBatch]unix.RawSockaddrInet6 // is room for one of IPv4 too
	control [receiveBatch][controlSize]byte
	ages    datagram.Ages
	began   time.Time // what the monotonic clock is counted from
}

// Listen implements Network. The port is not shared: another BFD daemon that has it would
// lose its packets to us, or we ours to it.
func (Kernel) Listen(key Key, ready chan<- int) (Listener, error) {
	port, domain := packet.PortSingleHop, unix.AF_INET
	var address unix.Sockaddr
	if key.Multihop {
		port = packet.PortMultihop
	}
	address = &unix.SockaddrInet4{Port: port}
	if key.IPv6 {
		domain, address = unix.AF_INET6, &unix.SockaddrInet6{Port: port}
	}
	fd, err := unix.Socket(domain, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_UDP)
	if err != nil {
		return nil, fmt.Errorf("opening a socket for BFD: %w", withReason(err))
	}
	l := &listener{fd: fd, ipv6: key.IPv6, began: time.Now()}
	if err := l.configure(address); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("listening for BFD on UDP port %d: %w", port, withReason(err))
	}
	if l.watch, err = datagram.NewWatch(fd, key.Number(), ready); err != nil {
		unix.Close(fd)
		return nil, err
	}
	for i := range l.headers {
		h := &l.headers[i].Msghdr
		l.iovecs[i].Base = &l.packets[i*room]
		l.iovecs[i].SetLen(room)
		h.Iov = &l.iovecs[i]
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&l.from[i]))
		h.Control = &l.control[i][0]
	}
	return l, nil
}

func (l *listener) configure(address unix.Sockaddr) error {
	options := []option{
		{"IP_PKTINFO", unix.IPPROTO_IP, unix.IP_PKTINFO, 1},
		{"IP_RECVTTL", unix.IPPROTO_IP, unix.IP_RECVTTL, 1},
	}
	if l.ipv6 {
		options = []option{
			{"IPV6_V6ONLY", unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1},
			{"IPV6_RECVPKTINFO", unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1},
			{"IPV6_RECVHOPLIMIT", unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1},
		}
	}
	options = append(options, option{"SO_TIMESTAMPNS", unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1})
	if err := set(l.fd, options...); err != nil {
		return err
	}
	// A socket that may not exceed net.core.rmem_max takes what it gets.
	if err := unix.SetsockoptInt(l.fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, receiveBuffer); err != nil {
		_ = unix.SetsockoptInt(l.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receiveBuffer)
	}
	return unix.Bind(l.fd, address)
}

// Receive implements Listener.
func (l *listener) Receive(batch []Datagram) (int, error) {
	want := min(len(batch), receiveBatch)
	if want == 0 {
		return 0, nil
	}
	for i := range want {
		h := &l.headers[i].Msghdr
		h.SetControllen(controlSize)
		h.Namelen = unix.SizeofSockaddrInet6
	}
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(l.fd),
			uintptr(unsafe.Pointer(&l.headers[0])), uintptr(want), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			l.deliver(batch[:n])
			if int(n) < want {
				l.ages.Emptied()
			}
			return int(n), nil
		case unix.EINTR:
			continue
		case unix.EAGAIN:
			l.ages.Emptied()
			return 0, nil
		default:
			return 0, fmt.Errorf("receiving BFD packets: %w", errno)
		}
	}
}

func (l *listener) deliver(batch []Datagram) {
	now := time.Now()
	wall := time.Duration(now.UnixNano())
	l.ages.Look(wall, now.Sub(l.began))
	for i := range batch {
		h := &l.headers[i]
		c := datagram.ReadControl(l.control[i][:h.Msghdr.Controllen])
		d := Datagram{Data: l.packets[i*room:][:min(int(h.Len), room)], Index: c.Index}
		// Without a TTL from the kernel it came from far away.
		if c.HasHopLimit {
			d.TTL = c.HopLimit
		}
		if l.ipv6 {
			d.From, d.To = netip.AddrFrom16(l.from[i].Addr), netip.AddrFrom16(c.To)
		} else {
			from := (*unix.RawSockaddrInet4)(unsafe.Pointer(&l.from[i]))
			d.From, d.To = netip.AddrFrom4(from.Addr), netip.AddrFrom4([4]byte(c.To[:4]))
		}
		if c.Stamped {
			d.Age = l.ages.Of(wall, c.Stamp)
		}
		batch[i] = d
	}
}

// Resume implements Listener.
func (l *listener) Resume() { l.watch.Again() }

// Close implements Listener.
func (l *listener) Close() (err error) {
	l.once.Do(func() { err = errors.Join(l.watch.Close(), unix.Close(l.fd)) })
	return err
}
