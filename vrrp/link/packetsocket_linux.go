package link

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

const ethernetHeader = 14

// packetSocket sends Ethernet frames by any interface. It is bound to none and
// to no protocol, so it receives nothing, nothing of it is left when an
// interface goes, and the kernel never leaves the error of an interface that
// was down ("network is down") in it for the next frame to fail with.
type packetSocket struct {
	fd    int
	frame []byte // scratch
}

func openPacketSocket() (*packetSocket, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening a packet socket: %w", withReason(err))
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, priorityControl); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("setting SO_PRIORITY on a packet socket: %w", err)
	}
	return &packetSocket{fd: fd}, nil
}

// send sends one frame from the interface's hardware address, without blocking.
func (s *packetSocket) send(from Interface, to HardwareAddress, etherType uint16, payload []byte) error {
	if len(from.HardwareAddr) != len(to) || len(payload) == 0 {
		return unix.EINVAL
	}
	s.frame = append(s.frame[:0], to[:]...)
	s.frame = append(s.frame, from.HardwareAddr...)
	s.frame = binary.BigEndian.AppendUint16(s.frame, etherType)
	s.frame = append(s.frame, payload...)
	sa := unix.RawSockaddrLinklayer{
		Family: unix.AF_PACKET, Ifindex: int32(from.Index), Halen: uint8(len(to)),
		Protocol: binary.NativeEndian.Uint16(s.frame[ethernetHeader-2:]),
	}
	copy(sa.Addr[:], to[:])
	_, _, errno := unix.Syscall6(unix.SYS_SENDTO, uintptr(s.fd),
		uintptr(unsafe.Pointer(unsafe.SliceData(s.frame))), uintptr(len(s.frame)), unix.MSG_DONTWAIT,
		uintptr(unsafe.Pointer(&sa)), unix.SizeofSockaddrLinklayer)
	if errno != 0 {
		return errno
	}
	return nil
}

func (s *packetSocket) close() error { return unix.Close(s.fd) }

// Frames implements Network. One socket serves all virtual routers: an IP
// socket would have to be one for each, and needs an address on the interface
// to send IPv6 from.
func (*Kernel) Frames() (Frames, error) {
	s, err := openPacketSocket()
	if err != nil {
		return nil, fmt.Errorf("preparing advertisements from virtual MAC addresses: %w", err)
	}
	return frames{s}, nil
}

type frames struct{ socket *packetSocket }

// Send implements Frames.
func (f frames) Send(from Interface, packet []byte, to netip.Addr) error {
	destination, ok := groupAddress(to)
	if !ok {
		return fmt.Errorf("sending a VRRP packet to %s from %s: %w", to, from.Name, unix.EINVAL)
	}
	etherType := uint16(unix.ETH_P_IP)
	if to.Is6() {
		etherType = unix.ETH_P_IPV6
	}
	if err := f.socket.send(from, destination, etherType, packet); err != nil {
		return fmt.Errorf("sending a VRRP packet to %s from %s: %w", to, from.Name, withReason(err))
	}
	return nil
}

// Close implements Frames.
func (f frames) Close() error { return f.socket.close() }

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
