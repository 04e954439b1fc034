package probe

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// openSocket makes a non-blocking socket that leaves from where the endpoint
// says. Its errors are localErrors.
func openSocket(e endpoint, typ, proto int) (fd int, err error) {
	family := unix.AF_INET
	if e.to.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err = unix.Socket(family, typ|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, proto)
	if err != nil {
		return -1, &localError{"open a socket", err}
	}
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
