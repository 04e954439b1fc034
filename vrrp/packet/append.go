package packet

import (
	"encoding/binary"
	"fmt"
	"time"
)

// Append appends a as an IP datagram to buf: TOS 0xc0, no fragmentation bits,
// no options. With AuthAH it includes an Authentication Header that Sign
// completes. The error names the field that cannot be encoded, and buf is
// returned unchanged.
func Append(buf []byte, a *Advertisement) ([]byte, error) {
	if !a.Source.IsValid() || !a.Destination.IsValid() || a.Source.Is4() != a.Destination.Is4() {
		return buf, fmt.Errorf("encode advertisement from %v to %v: both must be addresses of one family", a.Source,
			a.Destination)
	}
	start := len(buf)
	header, protocol := ipv4Len, uint8(Protocol)
	switch {
	case a.Source.Is6():
		header = ipv6Len
	case a.Version == 2 && a.AuthType == AuthAH:
		header, protocol = ipv4Len+ahLen, ProtocolAH
	}
	buf = append(buf, make([]byte, header)...)
	buf, err := AppendPDU(buf, a)
	if err != nil {
		return buf[:start], err
	}
	if a.Source.Is6() {
		putIPv6(buf[start:], a)
		return buf, nil
	}
	if protocol == ProtocolAH {
		putAH(buf[start+ipv4Len:], a.Source.As4())
	}
	putIPv4(buf[start:], a, protocol)
	return buf, nil
}

// putIPv4 fills in the header at the start of a complete datagram.
func putIPv4(datagram []byte, a *Advertisement, protocol uint8) {
	h := datagram[:ipv4Len]
	h[0] = 4<<4 | ipv4Len/4
	h[1] = TOS
	binary.BigEndian.PutUint16(h[2:], uint16(len(datagram)))
	binary.BigEndian.PutUint16(h[4:], a.ID)
	h[8] = a.TTL
	if a.TTL == 0 {
		h[8] = TTL
	}
	h[9] = protocol
	source, destination := a.Source.As4(), a.Destination.As4()
	copy(h[12:], source[:])
	copy(h[16:], destination[:])
	binary.BigEndian.PutUint16(h[10:], ^fold(sum(0, h)))
}

// AppendPDU appends only the VRRP message of a, with its checksum. a.Source
// determines the address family; a.Source and a.Destination enter the checksum
// if its form includes the pseudo-header.
func AppendPDU(buf []byte, a *Advertisement) ([]byte, error) {
	family, err := a.sendable()
	if err != nil {
		return buf, err
	}
	start := len(buf)
	buf = append(buf, a.Version<<4|TypeAdvertisement, a.VRID, a.Priority, uint8(len(a.Addresses)))
	if a.Version == 2 {
		buf = append(buf, a.AuthType, uint8(a.Interval/time.Second))
	} else {
		buf = binary.BigEndian.AppendUint16(buf, uint16(a.Interval/Centisecond))
	}
	buf = append(buf, 0, 0)
	for _, addr := range a.Addresses {
		if family == 4 {
			b := addr.As4()
			buf = append(buf, b[:]...)
		} else {
			b := addr.As16()
			buf = append(buf, b[:]...)
		}
	}
	if a.Version == 2 {
		buf = append(buf, a.AuthData[:]...)
	}
	message := buf[start:]
	var acc uint32
	if a.Version == 3 && (family == 6 || a.Checksum == PseudoHeader) {
		acc = sumPseudo(a.Source, a.Destination, len(message))
	}
	binary.BigEndian.PutUint16(message[6:], ^fold(sum(acc, message)))
	return buf, nil
}

// sendable returns the address family, 4 or 6, of an advertisement that can be
// encoded, or an error that names the field that cannot.
func (a *Advertisement) sendable() (family int, err error) {
	family = 4
	if a.Source.Is6() {
		family = 6
	}
	unit, longest := Centisecond, MaxInterval3
	switch {
	case a.Version == 2 && family == 4:
		unit, longest = time.Second, MaxInterval2
	case a.Version != 3:
		return 0, fmt.Errorf("encode advertisement: VRRP has no version %d over IPv%d, want 3 (or 2 over IPv4)",
			a.Version, family)
	}
	if !a.Source.IsValid() || !a.Destination.IsValid() || a.Source.Is4() != a.Destination.Is4() {
		return 0, fmt.Errorf("encode advertisement: source %v and destination %v must be addresses of one family",
			a.Source, a.Destination)
	}
	if a.Interval < unit || a.Interval > longest || a.Interval%unit != 0 {
		return 0, fmt.Errorf("encode advertisement: interval %v is not a multiple of %v from %v to %v", a.Interval,
			unit, unit, longest)
	}
	if n := len(a.Addresses); n > MaxAddresses {
		return 0, fmt.Errorf("encode advertisement: %d addresses, at most %d fit", n, MaxAddresses)
	}
	for _, addr := range a.Addresses {
		if !addr.IsValid() || addr.Is4() != (family == 4) {
			return 0, fmt.Errorf("encode advertisement: address %v is not IPv%d like its source", addr, family)
		}
	}
	return family, nil
}

// Update patches the priority, the IPv4 identification and the checksums of a
// datagram that Append made. It does not allocate. A datagram with an
// Authentication Header or an auth_hmac trailer must be signed again.
func Update(datagram []byte, priority uint8, id uint16) {
	if isIPv6(datagram) {
		UpdatePDU(datagram[ipv6Len:], priority)
		return
	}
	patch(datagram, 4, 10, id)
	header := ipv4Len
	if datagram[9] == ProtocolAH {
		header += ahLen
	}
	UpdatePDU(datagram[header:], priority)
}

// UpdatePDU patches the priority of a message that AppendPDU made.
func UpdatePDU(message []byte, priority uint8) {
	patch(message, 2, 6, uint16(priority)<<8|uint16(message[3]))
}

// patch replaces the word at offset at and updates the checksum at offset check.
func patch(b []byte, at, check int, word uint16) {
	old := binary.BigEndian.Uint16(b[at:])
	binary.BigEndian.PutUint16(b[at:], word)
	binary.BigEndian.PutUint16(b[check:], adjust(binary.BigEndian.Uint16(b[check:]), old, word))
}
