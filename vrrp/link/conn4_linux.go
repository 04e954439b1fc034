package link

import (
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

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
