package link

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/bfd/packet"
)

const (
	// firstPort is the lowest source port of Control packets (RFC 5881 section 4).
	firstPort = 49152
	// portTries is how many ports are tried, of which other programs may have some.
	portTries = 64
	// trafficClass is CS6, network control.
	trafficClass = 0xc0
)

// sender is a UDP socket with a source port of its own.
type sender struct {
	fd int
	// One of the two is the neighbor; size is of that one.
	to   unix.RawSockaddrInet6
	to4  unix.RawSockaddrInet4
	size uintptr
	path Path
}

// option is one socket option.
type option struct {
	name                 string
	level, option, value int
}

func set(fd int, options ...option) error {
	for _, o := range options {
		if err := unix.SetsockoptInt(fd, o.level, o.option, o.value); err != nil {
			return fmt.Errorf("setting %s on a socket: %w", o.name, err)
		}
	}
	return nil
}

// Dial implements Network. An address that is not on this host yet is no error.
func (k Kernel) Dial(path Path) (Sender, error) {
	s, err := k.dial(path)
	if err != nil {
		return nil, fmt.Errorf("opening a socket for BFD to %s: %w", path.Neighbor, withReason(err))
	}
	return s, nil
}

func (k Kernel) dial(path Path) (*sender, error) {
	domain, ipv6 := unix.AF_INET, path.Neighbor.Is6()
	options := []option{
		{"IP_TTL", unix.IPPROTO_IP, unix.IP_TTL, path.TTL},
		{"IP_TOS", unix.IPPROTO_IP, unix.IP_TOS, trafficClass},
		{"IP_FREEBIND", unix.IPPROTO_IP, unix.IP_FREEBIND, 1},
	}
	if ipv6 {
		domain = unix.AF_INET6
		options = []option{
			{"IPV6_V6ONLY", unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 1},
			{"IPV6_UNICAST_HOPS", unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, path.TTL},
			{"IPV6_TCLASS", unix.IPPROTO_IPV6, unix.IPV6_TCLASS, trafficClass},
			{"IPV6_FREEBIND", unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, 1},
		}
	}
	index := 0
	if zone := path.Neighbor.Zone(); zone != "" {
		var err error
		if index, err = k.Index(zone); err != nil {
			return nil, err
		}
	}
	fd, err := unix.Socket(domain, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, unix.IPPROTO_UDP)
	if err != nil {
		return nil, err
	}
	options = append(options,
		option{"SO_PRIORITY", unix.SOL_SOCKET, unix.SO_PRIORITY, priorityControl},
		// What comes in here is for nobody.
		option{"SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUF, 1})
	s := &sender{fd: fd, path: path}
	err = set(fd, options...)
	if err == nil {
		err = bindSource(fd, ipv6, index, path)
	}
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	if ipv6 {
		s.to = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: path.Neighbor.As16(), Scope_id: uint32(index),
			Port: networkOrder(path.port())}
		s.size = unix.SizeofSockaddrInet6
	} else {
		s.to4 = unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: path.Neighbor.As4(), Port: networkOrder(path.port())}
		s.size = unix.SizeofSockaddrInet4
	}
	return s, nil
}

// bindSource gives the socket its address and a port that no other socket has.
func bindSource(fd int, ipv6 bool, index int, path Path) (err error) {
	for range portTries {
		port := firstPort + rand.IntN(1<<16-firstPort)
		var sa unix.Sockaddr
		if ipv6 {
			sa6 := &unix.SockaddrInet6{Port: port}
			if path.Source.IsValid() {
				sa6.Addr = path.Source.As16()
				if path.Source.IsLinkLocalUnicast() {
					sa6.ZoneId = uint32(index)
				}
			}
			sa = sa6
		} else {
			sa4 := &unix.SockaddrInet4{Port: port}
			if path.Source.IsValid() {
				sa4.Addr = path.Source.As4()
			}
			sa = sa4
		}
		if err = unix.Bind(fd, sa); !errors.Is(err, unix.EADDRINUSE) {
			return err
		}
	}
	return err
}

// port is the one that packets are sent to.
func (p Path) port() uint16 {
	if p.Multihop {
		return packet.PortMultihop
	}
	return packet.PortSingleHop
}

func networkOrder(port uint16) uint16 {
	var b [2]byte
	b[0], b[1] = byte(port>>8), byte(port)
	return *(*uint16)(unsafe.Pointer(&b[0]))
}

// Send implements Sender.
func (s *sender) Send(data []byte) error {
	to := unsafe.Pointer(&s.to)
	if s.size == unix.SizeofSockaddrInet4 {
		to = unsafe.Pointer(&s.to4)
	}
	// It does not block: to prepare the scheduler for that costs more than the packet.
	_, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(s.fd), uintptr(unsafe.Pointer(unsafe.SliceData(data))),
		uintptr(len(data)), unix.MSG_DONTWAIT, uintptr(to), s.size)
	if errno != 0 {
		return fmt.Errorf("sending BFD to %s: %w", s.path.Neighbor, withReason(errno))
	}
	return nil
}

// Close implements Sender.
func (s *sender) Close() error { return unix.Close(s.fd) }

// Index implements Network.
func (Kernel) Index(name string) (int, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return 0, fmt.Errorf("looking for interface %s: %w", name, err)
	}
	return i.Index, nil
}

// withReason adds to a kernel's error what an operator can do about it.
func withReason(err error) error {
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return fmt.Errorf("%w (does another BFD daemon run here, such as FRR's bfdd or BIRD?)", err)
	case errors.Is(err, unix.EADDRNOTAVAIL), errors.Is(err, unix.EINVAL):
		return fmt.Errorf("%w (is source_ip on this host?)", err)
	case errors.Is(err, unix.EAFNOSUPPORT):
		return fmt.Errorf("%w (this kernel runs without IPv6: see the boot option ipv6.disable)", err)
	case errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EHOSTUNREACH):
		return fmt.Errorf("%w (is there a route to the neighbor?)", err)
	}
	return err
}
