package link

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

const ethernetHeader = 14

// frames is a packet socket that is bound to nothing and receives nothing. It
// serves all virtual routers: an IP socket would have to be one for each, and
// needs an address on the interface to send IPv6 from.
type frames struct {
	fd    int
	frame []byte // scratch
}

// Frames implements Network.
func (*Kernel) Frames() (Frames, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening a packet socket for advertisements from virtual MAC addresses: %w", withReason(err))
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, 7); err != nil { // TC_PRIO_CONTROL
		unix.Close(fd)
		return nil, fmt.Errorf("setting SO_PRIORITY on a packet socket: %w", err)
	}
	return &frames{fd: fd}, nil
}

// Send implements Frames.
func (f *frames) Send(from Interface, packet []byte, to netip.Addr) error {
	destination, ok := groupAddress(to)
	if !ok || len(from.HardwareAddr) != 6 || len(packet) == 0 {
		return fmt.Errorf("sending a VRRP packet to %s from %s: %w", to, from.Name, unix.EINVAL)
	}
	etherType := uint16(unix.ETH_P_IP)
	if to.Is6() {
		etherType = unix.ETH_P_IPV6
	}
	f.frame = append(f.frame[:0], destination[:]...)
	f.frame = append(f.frame, from.HardwareAddr...)
	f.frame = append(f.frame, byte(etherType>>8), byte(etherType))
	f.frame = append(f.frame, packet...)
	sa := unix.RawSockaddrLinklayer{
		Family: unix.AF_PACKET, Ifindex: int32(from.Index), Halen: 6,
		Protocol: binary.NativeEndian.Uint16(f.frame[ethernetHeader-2:]),
	}
	copy(sa.Addr[:], destination[:])
	_, _, errno := unix.Syscall6(unix.SYS_SENDTO, uintptr(f.fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(f.frame))), uintptr(len(f.frame)), unix.MSG_DONTWAIT,
		uintptr(unsafe.Pointer(&sa)), unix.SizeofSockaddrLinklayer)
	if errno != 0 {
		return fmt.Errorf("sending a VRRP packet to %s from %s: %w", to, from.Name, withReason(errno))
	}
	return nil
}

// Close implements Frames.
func (f *frames) Close() error { return unix.Close(f.fd) }

// groupAddress is the Ethernet address of a multicast group (RFC 1112 section
// 6.4, RFC 2464 section 7).
func groupAddress(group netip.Addr) (HardwareAddress, bool) {
	switch {
	case !group.IsMulticast():
		return HardwareAddress{}, false
	case group.Is4():
		a := group.As4()
		return HardwareAddress{0x01, 0x00, 0x5e, a[1] & 0x7f, a[2], a[3]}, true
	}
	a := group.As16()
	return HardwareAddress{0x33, 0x33, a[12], a[13], a[14], a[15]}, true
}
