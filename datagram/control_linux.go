package datagram

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Header is struct mmsghdr of recvmmsg(2).
type Header struct {
	Msghdr unix.Msghdr
	Len    uint32
}

// Control is what the kernel says beside a packet, as far as the socket's options ask for it.
type Control struct {
	// Stamped says that Stamp is the time of arrival, by the wall clock.
	Stamped bool
	Stamp   time.Duration
	// To is the packet's destination: 4 bytes of IPv4 count, 16 of IPv6. It came in on
	// the interface Index.
	To    [16]byte
	Index int
	// HopLimit is the packet's hop limit or TTL; HasHopLimit says that it is known.
	HopLimit    uint8
	HasHopLimit bool
}

// ReadControl reads the control messages of a packet; see cmsg(3).
func ReadControl(control []byte) (c Control) {
	for len(control) >= unix.SizeofCmsghdr {
		h := (*unix.Cmsghdr)(unsafe.Pointer(unsafe.SliceData(control)))
		end := int(h.Len)
		if end < unix.CmsgLen(0) || end > len(control) {
			return c
		}
		data := control[unix.CmsgLen(0):end]
		first := unsafe.Pointer(unsafe.SliceData(data))
		switch {
		case h.Level == unix.SOL_SOCKET && h.Type == unix.SCM_TIMESTAMPNS && len(data) >= int(unsafe.Sizeof(unix.Timespec{})):
			c.Stamp, c.Stamped = time.Duration((*unix.Timespec)(first).Nano()), true
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_PKTINFO && len(data) >= unix.SizeofInet6Pktinfo:
			info := (*unix.Inet6Pktinfo)(first)
			c.To, c.Index = info.Addr, int(info.Ifindex)
		case h.Level == unix.IPPROTO_IP && h.Type == unix.IP_PKTINFO && len(data) >= unix.SizeofInet4Pktinfo:
			info := (*unix.Inet4Pktinfo)(first)
			c.Index = int(info.Ifindex)
			copy(c.To[:], info.Addr[:])
		case h.Level == unix.IPPROTO_IPV6 && h.Type == unix.IPV6_HOPLIMIT && len(data) >= 4,
			h.Level == unix.IPPROTO_IP && h.Type == unix.IP_TTL && len(data) >= 4:
			c.HopLimit, c.HasHopLimit = uint8(*(*int32)(first)), true
		}
		control = control[min(unix.CmsgSpace(len(data)), len(control)):]
	}
	return c
}
