package packet

import (
	"fmt"
	"net/netip"
	"time"
)

// Protocol numbers and limits.
const (
	// Protocol is VRRP's IP protocol number (RFC 9568 section 5.1.1.4).
	Protocol = 112
	// ProtocolAH is the IP protocol number of the Authentication Header (RFC 4302).
	ProtocolAH = 51
	// TTL is sent with every multicast advertisement and required on receipt (RFC 9568 section 5.1.1.3).
	TTL = 255
	// TOS is Internetwork Control, the value that keepalived sends.
	TOS = 0xc0
	// TypeAdvertisement is the only message type (RFC 9568 section 5.2.2).
	TypeAdvertisement = 1
	// MaxAddresses is the highest value of the address count field.
	MaxAddresses = 255
	// MaxInterval2 is the longest interval of version 2, in whole seconds.
	MaxInterval2 = 255 * time.Second
	// MaxInterval3 is the longest interval of version 3, in centiseconds (RFC 9568 section 5.2.7).
	MaxInterval3 = 4095 * Centisecond
	// Centisecond is the unit of version 3's interval field.
	Centisecond = 10 * time.Millisecond
)

// The authentication types of version 2 (RFC 2338 section 5.3.6).
const (
	AuthNone = 0
	AuthPass = 1 // eight bytes of plain text at the end of the message
	AuthAH   = 2 // IP Authentication Header; the eight bytes are zero
)

var (
	// Multicast4 is the group of IPv4 advertisements (RFC 9568 section 5.1.1.2).
	Multicast4 = netip.AddrFrom4([4]byte{224, 0, 0, 18})
	// Multicast6 is the group of IPv6 advertisements (RFC 9568 section 5.1.2.2).
	Multicast6 = netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 15: 0x12})
)

// ChecksumForm is what a checksum covers.
type ChecksumForm uint8

const (
	// MessageOnly covers the VRRP message: version 2 (RFC 3768 section 5.3.8)
	// and version 3 over IPv4 (RFC 9568 section 5.2.8).
	MessageOnly ChecksumForm = iota
	// PseudoHeader covers the IP pseudo-header too: version 3 over IPv6, and
	// over IPv4 as keepalived and most other implementations read RFC 5798
	// section 5.2.8.
	PseudoHeader
)

// String is a stable label for logs and counters.
func (f ChecksumForm) String() string {
	switch f {
	case MessageOnly:
		return "message-only"
	case PseudoHeader:
		return "pseudo-header"
	}
	return fmt.Sprintf("ChecksumForm(%d)", uint8(f))
}

// Advertisement is a VRRP message with the fields of its IP header that VRRP uses.
type Advertisement struct {
	Version  uint8
	Type     uint8
	VRID     uint8
	Priority uint8
	// Interval is version 2's Adver Int (whole seconds) or version 3's Max
	// Advertise Interval (whole centiseconds).
	Interval time.Duration
	// AuthType and AuthData exist in version 2 only.
	AuthType uint8
	AuthData [8]byte
	// Addresses of the virtual router. Parse reuses the capacity of the slice.
	Addresses []netip.Addr
	// Checksum is the form that Parse verified. On sending it selects the form
	// of version 3 over IPv4; otherwise version and family determine the form.
	Checksum ChecksumForm

	Source, Destination netip.Addr
	// TTL or hop limit; 0 is sent as 255.
	TTL uint8
	// ID is the IPv4 identification. Linux replaces 0 with a number of its own.
	ID uint16
	// AH is the received Authentication Header and Signed the datagram that it
	// authenticates. Both are slices of the parsed datagram, nil without AH.
	AH, Signed []byte
	// Trailed is the received message together with the auth_hmac trailer that
	// follows it, a slice of the parsed datagram; nil without a trailer.
	Trailed []byte
}

// Password is the authentication data for a plain-text password: padded with
// zeros, or cut, to eight bytes (RFC 2338 section 5.3.10).
func Password(text string) (data [8]byte) {
	copy(data[:], text)
	return data
}

// messageLen is the length in bytes of a message with count addresses.
func messageLen(version uint8, count, addrLen int) int {
	n := headerLen + count*addrLen
	if version == 2 {
		n += authLen
	}
	return n
}

const (
	headerLen = 8 // VRRP message up to its first address
	authLen   = 8 // Authentication Data of version 2
	ipv4Len   = 20
)
