package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/datagram"
)

// configure6 makes an IPv6 socket hear and reach what its key says only. The
// checksum is the sender's own: the kernel would do no other.
func configure6(fd int, key Key) error {
	var local unix.Sockaddr
	if key.Local.IsValid() {
		sa := &unix.SockaddrInet6{Addr: key.Local.As16()}
		if key.Local.IsLinkLocalUnicast() {
			sa.ZoneId = uint32(key.Index)
		}
		local = sa
	}
	if err := confine(fd, key.Index, local); err != nil {
		return err
	}
	err := set(fd,
		option{"IPV6_MULTICAST_LOOP", unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_LOOP, 0},
		// Only the groups joined here, not what others on this host have joined.
		option{"IPV6_MULTICAST_ALL", unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_ALL, 0},
		// The kernel takes the header off; these say what was in it.
		option{"IPV6_RECVPKTINFO", unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1},
		option{"IPV6_RECVHOPLIMIT", unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1},
		option{"IPV6_AUTOFLOWLABEL", unix.IPPROTO_IPV6, unix.IPV6_AUTOFLOWLABEL, 0},
	)
	if err != nil || !key.Group.IsValid() {
		return err
	}
	if err := set(fd, option{"IPV6_MULTICAST_IF", unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, key.Index}); err != nil {
		return err
	}
	mreq := unix.IPv6Mreq{Multiaddr: key.Group.As16(), Interface: uint32(key.Index)}
	if err := unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_JOIN_GROUP, &mreq); err != nil {
		return fmt.Errorf("joining multicast group %s: %w", key.Group, withReason(err))
	}
	return nil
}

// headerSize6 is the length of an IPv6 header, which a raw socket neither
// takes nor gives: it is put into words for the kernel on sending and put back
// on receiving, so that both families look the same above.
const headerSize6 = 40

// outbox6 is the memory that an IPv6 packet is sent from.
type outbox6 struct {
	message unix.Msghdr
	vector  unix.Iovec
	to      unix.RawSockaddrInet6
	control [controlSize]byte
}

// send has the kernel send what is behind a packet's IPv6 header, under a
// header that says the same. It fragments what is longer than the link's MTU.
func (o *outbox6) send(fd, index int, packet []byte, to netip.Addr) error {
	if len(packet) <= headerSize6 || !to.Is6() {
		return fmt.Errorf("sending a VRRP packet of %d bytes to %s: %w", len(packet), to, unix.EINVAL)
	}
	var info [unix.SizeofInet6Pktinfo]byte
	copy(info[:], packet[8:24])
	binary.NativeEndian.PutUint32(info[16:], uint32(index))
	var hopLimit, class [4]byte
	binary.NativeEndian.PutUint32(hopLimit[:], uint32(packet[7]))
	binary.NativeEndian.PutUint32(class[:], uint32(binary.BigEndian.Uint16(packet)>>4&0xff))
	rest := putControl(o.control[:], unix.IPV6_PKTINFO, info[:])
	rest = putControl(rest, unix.IPV6_HOPLIMIT, hopLimit[:])
	rest = putControl(rest, unix.IPV6_TCLASS, class[:])

	o.to = unix.RawSockaddrInet6{Family: unix.AF_INET6, Addr: to.As16()}
	if to.IsLinkLocalUnicast() || to.IsLinkLocalMulticast() {
		o.to.Scope_id = uint32(index)
	}
	o.vector.Base = &packet[headerSize6]
	o.vector.SetLen(len(packet) - headerSize6)
	o.message = unix.Msghdr{
		Name: (*byte)(unsafe.Pointer(&o.to)), Namelen: unix.SizeofSockaddrInet6,
		Iov: &o.vector, Control: &o.control[0],
	}
	o.message.SetIovlen(1)
	o.message.SetControllen(len(o.control) - len(rest))
	_, _, errno := unix.RawSyscall(unix.SYS_SENDMSG,
		uintptr(fd), uintptr(unsafe.Pointer(&o.message)), unix.MSG_DONTWAIT)
	o.vector.Base = nil
	switch {
	case errno == 0:
		return nil
	case errors.Is(errno, unix.EINVAL):
		return fmt.Errorf("sending a VRRP packet from %s to %s: %w (is the source on the interface, and not tentative?)",
			netip.AddrFrom16([16]byte(packet[8:24])), to, errno)
	}
	return fmt.Errorf("sending a VRRP packet to %s: %w", to, withReason(errno))
}

// putControl writes a control message and returns the room behind it; see cmsg(3).
func putControl(room []byte, kind int32, data []byte) []byte {
	h := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(room)))
	h.Level, h.Type = unix.IPPROTO_IPV6, kind
	h.SetLen(unix.CmsgLen(len(data)))
	copy(room[unix.CmsgLen(0):], data)
	return room[unix.CmsgSpace(len(data)):]
}

// putHeader6 writes the header of a received packet before its payload.
func putHeader6(packet []byte, from [16]byte, c *datagram.Control) {
	h := packet[:headerSize6]
	clear(h)
	h[0] = 6 << 4
	binary.BigEndian.PutUint16(h[4:], uint16(len(packet)-headerSize6))
	h[6], h[7] = protocolVRRP, c.HopLimit
	copy(h[8:], from[:])
	copy(h[24:], c.To[:])
}
