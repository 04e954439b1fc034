package packet

import (
	"encoding/binary"
	"net/netip"
)

// sum adds b, as 16-bit words in network order, to a running sum (RFC 1071).
// 32 bits do not overflow for the longest IP datagram.
func sum(acc uint32, b []byte) uint32 {
	for ; len(b) >= 2; b = b[2:] {
		acc += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		acc += uint32(b[0]) << 8
	}
	return acc
}

// fold reduces a running sum to the 16-bit one's complement sum.
func fold(acc uint32) uint16 {
	for acc > 0xffff {
		acc = acc>>16 + acc&0xffff
	}
	return uint16(acc)
}

// sumPseudo is the running sum over the pseudo-header of a message of length
// bytes (RFC 8200 section 8.1; for IPv4 the layout of RFC 793).
func sumPseudo(source, destination netip.Addr, length int) uint32 {
	acc := uint32(length) + Protocol
	for _, addr := range [2]netip.Addr{source, destination} {
		if addr.Is4() {
			b := addr.As4()
			acc = sum(acc, b[:])
			continue
		}
		b := addr.As16()
		acc = sum(acc, b[:])
	}
	return acc
}

// adjust is the checksum after one covered 16-bit word has changed from old to
// new (RFC 1624 equation 3). It holds for both checksum forms.
func adjust(checksum, old, new uint16) uint16 {
	return ^fold(uint32(^checksum) + uint32(^old) + uint32(new))
}
