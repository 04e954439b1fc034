package packet

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// Parse decodes an IP datagram into a and makes every receive check that needs
// no configuration. If it does not return Accepted, a holds the fields decoded
// so far. Parse ignores bytes behind the IP total length (Ethernet padding) and
// splits off a trailer of auth_hmac; Verify decides whether a trailer is
// allowed and valid. Parse reuses a.Addresses.
func Parse(datagram []byte, a *Advertisement) DropReason {
	*a = Advertisement{Addresses: a.Addresses[:0]}
	if isIPv6(datagram) {
		message, reason := parseIPv6(datagram, a)
		if reason != Accepted {
			return reason
		}
		return parseMessage(message, a)
	}
	payload, protocol, reason := parseIPv4(datagram, a)
	if reason != Accepted {
		return reason
	}
	if protocol == ProtocolAH {
		a.Signed = datagram[:int(binary.BigEndian.Uint16(datagram[2:]))]
		if payload, protocol, reason = parseAH(payload, a); reason != Accepted {
			return reason
		}
	}
	if protocol != Protocol {
		return NotVRRP
	}
	return parseMessage(payload, a)
}

// ParsePDU decodes a VRRP message without its IP header, with the same checks
// as Parse.
func ParsePDU(message []byte, source, destination netip.Addr, ttl uint8, a *Advertisement) DropReason {
	*a = Advertisement{Addresses: a.Addresses[:0], Source: source, Destination: destination, TTL: ttl}
	return parseMessage(message, a)
}

// parseIPv4 copies the header fields to a and returns the payload.
func parseIPv4(datagram []byte, a *Advertisement) (payload []byte, protocol uint8, reason DropReason) {
	if len(datagram) < ipv4Len {
		return nil, 0, Truncated
	}
	header := int(datagram[0]&0x0f) * 4
	total := int(binary.BigEndian.Uint16(datagram[2:]))
	if datagram[0]>>4 != 4 || header < ipv4Len || total < header {
		return nil, 0, NotIP
	}
	if len(datagram) < total {
		return nil, 0, Truncated
	}
	if fold(sum(0, datagram[:header])) != 0xffff {
		return nil, 0, IPChecksum
	}
	a.ID = binary.BigEndian.Uint16(datagram[4:])
	a.TTL = datagram[8]
	a.Source = netip.AddrFrom4([4]byte(datagram[12:16]))
	a.Destination = netip.AddrFrom4([4]byte(datagram[16:20]))
	const offsetAndMoreFragments = 0x3fff
	if binary.BigEndian.Uint16(datagram[6:])&offsetAndMoreFragments != 0 {
		return nil, 0, Fragment
	}
	return datagram[header:total], datagram[9], Accepted
}

// parseMessage decodes a VRRP message; a already holds the addresses of the IP header.
func parseMessage(message []byte, a *Advertisement) DropReason {
	if len(message) < headerLen {
		return Truncated
	}
	a.Version, a.Type = message[0]>>4, message[0]&0x0f
	a.VRID, a.Priority = message[1], message[2]
	count := int(message[3])
	switch a.Version {
	case 2:
		a.AuthType = message[4]
		a.Interval = time.Duration(message[5]) * time.Second
	case 3:
		// The four bits above the interval are reserved and ignored (RFC 9568 section 5.2.6).
		a.Interval = time.Duration(binary.BigEndian.Uint16(message[4:])&0x0fff) * Centisecond
	default:
		return BadVersion
	}
	addrLen := 4
	if a.Source.Is6() {
		addrLen = 16
		if a.Version == 2 {
			return BadVersion
		}
	}
	want := messageLen(a.Version, count, addrLen)
	covered := message
	if len(message) == want+trailerLen {
		a.Trailed, message = message, message[:want]
		if addrLen == 4 {
			covered = message
		}
	}
	switch {
	case a.Type != TypeAdvertisement:
		return BadType
	case count == 0:
		return NoAddresses
	case len(message) < want:
		return Truncated
	case len(message) > want:
		return TrailingData
	}
	for b := message[headerLen:][:count*addrLen]; len(b) > 0; b = b[addrLen:] {
		addr, _ := netip.AddrFromSlice(b[:addrLen])
		a.Addresses = append(a.Addresses, addr)
	}
	if a.Version == 2 {
		copy(a.AuthData[:], message[want-authLen:])
	}
	if !verify(covered, a) {
		return BadChecksum
	}
	if a.Interval == 0 {
		return ZeroInterval
	}
	return Accepted
}

// verify checks the checksum in each form that version and family allow, and
// stores the form that matched in a.Checksum.
func verify(message []byte, a *Advertisement) bool {
	acc := sum(0, message)
	if a.Version == 3 && fold(acc+sumPseudo(a.Source, a.Destination, len(message))) == 0xffff {
		a.Checksum = PseudoHeader
		return true
	}
	a.Checksum = MessageOnly
	return a.Source.Is4() && fold(acc) == 0xffff
}
