package packet

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/subtle"
	"encoding/binary"
	"hash"
)

// The Authentication Header as VRRP version 2 uses it (RFC 2338 section
// 5.3.6.3, RFC 2402, RFC 2403): next header, length, the sender's address as
// SPI, a sequence number and 96 bits of HMAC-MD5. As in keepalived, the digest
// covers the IP header except TOS, fragmentation and checksum. It covers the
// TTL, which RFC 2402 excludes as mutable but which never changes on a link.
const (
	ahLen      = 24
	ahSequence = 8  // offset of the sequence number
	ahDigest   = 12 // both the offset and the length of the digest
)

// putAH fills in a header except the sequence number and the digest, which Sign adds.
func putAH(header []byte, source [4]byte) {
	// The length field counts 32-bit words less two.
	header[0], header[1] = Protocol, ahLen/4-2
	copy(header[4:], source[:])
}

// parseAH removes the Authentication Header. It does not check the digest: that
// needs the key, which belongs to the virtual router (authenticateAH).
func parseAH(payload []byte, a *Advertisement) (rest []byte, protocol uint8, reason DropReason) {
	if len(payload) < ahLen {
		return nil, 0, Truncated
	}
	if (int(payload[1])+2)*4 != ahLen {
		return nil, 0, BadAH
	}
	a.AH = payload[:ahLen:ahLen]
	return payload[ahLen:], payload[0], Accepted
}

// Sign adds sequence number and digest to a datagram that Append made for
// AuthAH. Call Update first. The digest covers the identification, which must
// not be 0: Linux would replace it and break the digest.
func Sign(datagram []byte, key [8]byte, sequence uint32) {
	header := datagram[ipv4Len:][:ahLen]
	binary.BigEndian.PutUint32(header[ahSequence:], sequence)
	d := digest(datagram, ipv4Len, key)
	copy(header[ahDigest:], d[:])
}

// digest is the HMAC-MD5-96 of a datagram whose IP header is header bytes long.
func digest(datagram []byte, header int, key [8]byte) (d [12]byte) {
	ip := [ipv4Len]byte(datagram)
	ip[1], ip[6], ip[7], ip[10], ip[11] = 0, 0, 0, 0, 0
	var zero [12]byte
	h := hmac.New(md5.New, key[:])
	write(h, ip[:], datagram[ipv4Len:header], datagram[header:][:ahDigest], zero[:], datagram[header+ahLen:])
	var sum [md5.Size]byte
	copy(d[:], h.Sum(sum[:0]))
	return d
}

func write(h hash.Hash, parts ...[]byte) {
	for _, p := range parts {
		h.Write(p) // a hash never fails
	}
}

// Sequence is the sequence number of the Authentication Header, 0 without AH.
func (a *Advertisement) Sequence() uint32 {
	if a.AH == nil {
		return 0
	}
	return binary.BigEndian.Uint32(a.AH[ahSequence:])
}

// authenticateAH checks SPI, digest and, last, the sequence number: only a
// datagram with a valid digest can be a replay.
func (a *Advertisement) authenticateAH(r *Rules) DropReason {
	if a.AH == nil || a.Signed == nil {
		return AuthFailed
	}
	if source := a.Source.As4(); [4]byte(a.AH[4:]) != source {
		return BadAH
	}
	want := digest(a.Signed, int(a.Signed[0]&0x0f)*4, r.AuthData)
	if subtle.ConstantTimeCompare(a.AH[ahDigest:], want[:]) != 1 {
		return AuthFailed
	}
	if a.Sequence() <= r.Sequence {
		return Replayed
	}
	return Accepted
}
