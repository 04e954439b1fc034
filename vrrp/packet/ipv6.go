package packet

import (
	"encoding/binary"
	"net/netip"
)

// ipv6Len is the length of an IPv6 header without extensions.
const ipv6Len = 40

// putIPv6 fills in the header at the start of a complete datagram (RFC 8200
// section 3): traffic class TOS, no flow label, no extension headers.
func putIPv6(datagram []byte, a *Advertisement) {
	h := datagram[:ipv6Len]
	binary.BigEndian.PutUint32(h, 6<<28|TOS<<20)
	binary.BigEndian.PutUint16(h[4:], uint16(len(datagram)-ipv6Len))
	h[6], h[7] = Protocol, a.TTL
	if a.TTL == 0 {
		h[7] = TTL
	}
	source, destination := a.Source.As16(), a.Destination.As16()
	copy(h[8:], source[:])
	copy(h[24:], destination[:])
}

// isIPv6 reads the version field of the IP header.
func isIPv6(datagram []byte) bool { return len(datagram) > 0 && datagram[0]>>4 == 6 }

// parseIPv6 copies the header fields to a and returns the payload. It accepts
// no extension headers: VRRP must follow the IPv6 header.
func parseIPv6(datagram []byte, a *Advertisement) (payload []byte, reason DropReason) {
	if len(datagram) < ipv6Len {
		return nil, Truncated
	}
	total := ipv6Len + int(binary.BigEndian.Uint16(datagram[4:]))
	if len(datagram) < total {
		return nil, Truncated
	}
	a.TTL = datagram[7]
	a.Source = netip.AddrFrom16([16]byte(datagram[8:24]))
	a.Destination = netip.AddrFrom16([16]byte(datagram[24:40]))
	if datagram[6] != Protocol {
		return nil, NotVRRP
	}
	if a.Source.Is4In6() || a.Destination.Is4In6() {
		return nil, NotIP
	}
	return datagram[ipv6Len:total], Accepted
}
