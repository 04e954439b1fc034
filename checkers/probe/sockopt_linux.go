package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// otherDescriptors is how many descriptors a process that checks needs beside those of its runs.
const otherDescriptors = 1024

// RoomFor makes room for as many runs at the same time: each has a descriptor of its own. It
// must not be called from two goroutines at once.
func RoomFor(runs int) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("read the limit of open files: %w", err)
	}
	needed := uint64(runs + otherDescriptors)
	if limit.Cur >= needed {
		return nil
	}
	limit.Cur, limit.Max = needed, max(limit.Max, needed)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("raise the limit of open files to %d, for %d checks at the same time: %w", needed, runs, err)
	}
	return nil
}

// openSocket makes a non-blocking socket that leaves from where the endpoint
// says. Its errors are localErrors.
func openSocket(e endpoint, typ, proto int) (fd int, err error) {
	family := unix.AF_INET
	if e.to.Addr().Is6() {
		family = unix.AF_INET6
	}
	made, _, errno := unix.RawSyscall(unix.SYS_SOCKET, uintptr(family),
		uintptr(typ|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC), uintptr(proto))
	if errno != 0 {
		return -1, &localError{"open a socket", errno}
	}
	fd = int(made)
	if err := leaveFrom(fd, e); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// leaveFrom applies bind_if, fwmark, bindto and bind_port.
func leaveFrom(fd int, e endpoint) error {
	if e.device != "" {
		if err := unix.BindToDevice(fd, e.device); err != nil {
			return &localError{"bind to interface " + e.device, err}
		}
	}
	if e.mark != 0 {
		if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, int(e.mark)); err != nil {
			return &localError{fmt.Sprintf("set fwmark %d", e.mark), err}
		}
	}
	if !e.bind.IsValid() && e.port == 0 {
		return nil
	}
	from := netip.AddrPortFrom(e.bind, e.port)
	if !e.bind.IsValid() {
		from = netip.AddrPortFrom(anyOf(e.to.Addr()), e.port)
	}
	if e.port != 0 {
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1)
	} else {
		// Without it every address bound takes a port for itself, and 28,000 checks are the end.
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
	}
	sa, err := sockaddr(from)
	if err == nil {
		err = unix.Bind(fd, sa)
	}
	if err != nil {
		return &localError{"bind to " + from.String(), err}
	}
	return nil
}

// The calls that every check makes go to the kernel without the Go scheduler: none of them
// waits, and handing the processor to another thread costs more than the call.

// connect begins to connect a non-blocking socket. err is of the address.
func connect(fd int, to netip.AddrPort) (errno unix.Errno, err error) {
	if !to.Addr().Is4() {
		sa, err := sockaddr(to)
		if err != nil {
			return 0, err
		}
		errno, _ = unix.Connect(fd, sa).(unix.Errno)
		return errno, nil
	}
	sa := unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: to.Addr().As4()}
	binary.BigEndian.PutUint16((*[2]byte)(unsafe.Pointer(&sa.Port))[:], to.Port())
	_, _, errno = unix.RawSyscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&sa)), unsafe.Sizeof(sa))
	return errno, nil
}

// closeSocket closes a descriptor of a socket that is not in use elsewhere.
func closeSocket(fd int) { unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0) }

func read(fd int, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	return int(n), errno
}

// send writes to a socket; a closed one is an error and no signal.
func send(fd int, b []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)),
		unix.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}

// nameOf is the address of a socket's own end, without zone.
func nameOf(fd int) (netip.AddrPort, error) {
	var sa unix.RawSockaddrInet6 // an IPv4 one is shorter and begins the same
	size := uint32(unsafe.Sizeof(sa))
	_, _, errno := unix.RawSyscall(unix.SYS_GETSOCKNAME, uintptr(fd), uintptr(unsafe.Pointer(&sa)),
		uintptr(unsafe.Pointer(&size)))
	if errno != 0 {
		return netip.AddrPort{}, errno
	}
	port := binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(&sa.Port))[:])
	if sa.Family == unix.AF_INET {
		four := (*unix.RawSockaddrInet4)(unsafe.Pointer(&sa))
		return netip.AddrPortFrom(netip.AddrFrom4(four.Addr), port), nil
	}
	return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), port), nil
}

func anyOf(a netip.Addr) netip.Addr {
	if a.Is6() {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

// sockaddr is the kernel's form of an address; a zone is an interface's name or number.
func sockaddr(a netip.AddrPort) (unix.Sockaddr, error) {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}, nil
	}
	if !a.Addr().IsValid() {
		return nil, errors.New("no address")
	}
	sa := &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	if zone := a.Addr().Zone(); zone != "" {
		if n, err := strconv.ParseUint(zone, 10, 32); err == nil {
			sa.ZoneId = uint32(n)
		} else if ifi, err := net.InterfaceByName(zone); err == nil {
			sa.ZoneId = uint32(ifi.Index)
		} else {
			return nil, fmt.Errorf("interface %s: %w", zone, os.ErrNotExist)
		}
	}
	return sa, nil
}

// addrOf is the address in a sockaddr, without zone.
func addrOf(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
	}
	return netip.AddrPort{}
}
