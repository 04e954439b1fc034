package packet

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"hash"
	"net/netip"
	"time"
)

// keepalived's auth_hmac (2.4.2 and later) signs a message with a trailer
// behind it: type 1, the key ID, two zero bytes, a 64-bit sequence number and
// HMAC-SHA256 cut to 128 bits. The digest covers family, version, VRID and
// source address, the message with a zero checksum, and the trailer up to the
// digest.
//
// Over IPv4 the VRRP checksum and its pseudo-header exclude the trailer. Over
// IPv6 they include it, because there keepalived has the kernel compute the
// checksum.
const (
	trailerLen      = 28
	trailerSequence = 4  // offset of the sequence number
	trailerDigest   = 12 // offset of the digest
	trailerType     = 1
)

// Sequence orders the signed advertisements of one sender: seconds of Unix time
// (32 bits), 1/65536 seconds (16 bits) and a counter (16 bits).
type Sequence uint64

// SequenceAt is the lowest sequence number for time t.
func SequenceAt(t time.Time) Sequence {
	return Sequence(uint32(t.Unix()))<<32 | Sequence(uint64(t.Nanosecond())<<16/uint64(time.Second))<<16
}

// Time is the time that the number encodes.
func (s Sequence) Time() time.Time {
	return time.Unix(int64(s>>32), int64(uint64(s>>16&0xffff)*uint64(time.Second)>>16))
}

// Next is the number to send after s: that of now, or s+1 if the clock has not
// advanced or was set back. If s is further ahead of now than window (0 is no
// window), Next returns to the clock: no receiver with a correct clock accepted
// s, and none would accept s+1.
func (s Sequence) Next(now time.Time, window time.Duration) Sequence {
	at := SequenceAt(now)
	if s < at || s == ^Sequence(0) || window > 0 && s.Time().Sub(now) > window {
		return at
	}
	return s + 1
}

// Key signs and verifies. It belongs to one goroutine, and its secret cannot be
// read back.
type Key struct {
	ID  uint8
	mac hash.Hash
	// text and sum are buffers for the signed text and its digest.
	text, sum []byte
}

// NewKey makes a key from a secret.
func NewKey(id uint8, secret []byte) *Key {
	return &Key{ID: id, mac: hmac.New(sha256.New, secret)}
}

// digest is the digest of a message from source and of head, the trailer up to
// the digest.
func (k *Key) digest(source netip.Addr, message, head []byte) []byte {
	family, addr := byte(6), source.As16()
	if source.Is4() {
		b := source.As4()
		family, addr = 4, [16]byte{}
		copy(addr[:], b[:])
	}
	k.text = append(k.text[:0], family, message[0]>>4, message[1], 0)
	k.text = append(k.text, addr[:]...)
	at := len(k.text)
	k.text = append(k.text, message...)
	k.text[at+6], k.text[at+7] = 0, 0
	k.text = append(k.text, head[:trailerDigest]...)
	k.text = append(k.text, make([]byte, trailerLen-trailerDigest)...)
	k.mac.Reset()
	k.mac.Write(k.text) // a hash never fails
	k.sum = k.mac.Sum(k.sum[:0])
	return k.sum[:trailerLen-trailerDigest]
}

// AppendTrailer appends an empty trailer to a datagram that Append made without
// an Authentication Header. Sign or SignAs completes the trailer.
func AppendTrailer(datagram []byte) []byte {
	datagram = append(datagram, make([]byte, trailerLen)...)
	if isIPv6(datagram) {
		binary.BigEndian.PutUint16(datagram[4:], uint16(len(datagram)-ipv6Len))
		return datagram
	}
	patch(datagram, 2, 10, uint16(len(datagram)))
	return datagram
}

// Sign signs a datagram that AppendTrailer made. Call Update first.
func (k *Key) Sign(datagram []byte, s Sequence) {
	source, message, trailer := splitTrailer(datagram)
	clear(trailer[:trailerDigest])
	trailer[0], trailer[1] = trailerType, k.ID
	binary.BigEndian.PutUint64(trailer[trailerSequence:], uint64(s))
	copy(trailer[trailerDigest:], k.digest(source, message, trailer))
	updateIPv6Checksum(datagram)
}

// SignAs copies the signature of signed to datagram. The two may differ only in
// their destination, which the digest does not cover.
func SignAs(datagram, signed []byte) {
	copy(datagram[len(datagram)-trailerLen:], signed[len(signed)-trailerLen:])
	updateIPv6Checksum(datagram)
}

// splitTrailer splits a datagram that AppendTrailer made.
func splitTrailer(datagram []byte) (source netip.Addr, message, trailer []byte) {
	end := len(datagram) - trailerLen
	if isIPv6(datagram) {
		return netip.AddrFrom16([16]byte(datagram[8:24])), datagram[ipv6Len:end], datagram[end:]
	}
	return netip.AddrFrom4([4]byte(datagram[12:16])), datagram[ipv4Len:end], datagram[end:]
}

// updateIPv6Checksum computes the VRRP checksum over message and trailer. Over
// IPv4 the checksum excludes the trailer and is already right.
func updateIPv6Checksum(datagram []byte) {
	if !isIPv6(datagram) {
		return
	}
	message := datagram[ipv6Len:]
	message[6], message[7] = 0, 0
	acc := sumPseudo(netip.AddrFrom16([16]byte(datagram[8:24])), netip.AddrFrom16([16]byte(datagram[24:40])),
		len(message))
	binary.BigEndian.PutUint16(message[6:], ^fold(sum(acc, message)))
}

// HMAC is what auth_hmac requires of received advertisements.
type HMAC struct {
	Keys []*Key
	// Required refuses unsigned advertisements (mode enforce).
	Required bool
	// Window is how far the sender's clock may differ from ours (anti_replay
	// time); 0 does not check (anti_replay monotonic).
	Window time.Duration
	// Replay holds the last number of each sender. The caller records each
	// accepted advertisement with Replay.Record.
	Replay *Replay
}

// Sequence64 is the sequence number in the trailer; ok is false without a trailer.
func (a *Advertisement) Sequence64() (s Sequence, ok bool) {
	if a.Trailed == nil {
		return 0, false
	}
	return Sequence(binary.BigEndian.Uint64(a.trailer()[trailerSequence:])), true
}

func (a *Advertisement) trailer() []byte { return a.Trailed[len(a.Trailed)-trailerLen:] }

// authenticateHMAC checks the trailer in keepalived's order: presence, form,
// time, key, digest, sequence.
func (a *Advertisement) authenticateHMAC(h *HMAC, now time.Time) DropReason {
	s, ok := a.Sequence64()
	if !ok {
		if h.Required {
			return HMACMissing
		}
		return Accepted
	}
	t := a.trailer()
	if t[0] != trailerType || t[2] != 0 || t[3] != 0 {
		return HMACMalformed
	}
	if h.Window > 0 && s.Time().Sub(now).Abs() > h.Window {
		return HMACStale
	}
	key := h.key(t[1])
	if key == nil {
		return HMACUnknownKey
	}
	want := key.digest(a.Source, a.Trailed[:len(a.Trailed)-trailerLen], t)
	if subtle.ConstantTimeCompare(t[trailerDigest:], want) != 1 {
		return HMACBadDigest
	}
	return h.Replay.check(a.Source, s, now, h.Window)
}

func (h *HMAC) key(id uint8) *Key {
	for _, k := range h.Keys {
		if k.ID == id {
			return k
		}
	}
	return nil
}
