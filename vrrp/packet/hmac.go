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
// behind it: type 1, the key's number, two zero bytes, a sequence number of 64
// bits and HMAC-SHA256 cut to 128 bits. The digest covers family, version, VRID
// and source address, the message with a zero checksum, and the trailer.
//
// Over IPv4 neither the checksum nor its pseudo-header knows of the trailer;
// over IPv6 both do, since there keepalived leaves the checksum to its kernel.
const (
	trailerLen      = 28
	trailerSequence = 4  // offset of the sequence number
	trailerDigest   = 12 // offset of the digest
	trailerType     = 1
)

// Sequence orders the signed advertisements of one sender: seconds of Unix time
// (32 bits), 1/65536 seconds (16 bits) and a counter (16 bits).
type Sequence uint64

// SequenceAt is the first sequence number of a moment.
func SequenceAt(t time.Time) Sequence {
	return Sequence(uint32(t.Unix()))<<32 | Sequence(uint64(t.Nanosecond())<<16/uint64(time.Second))<<16
}

// Time is the moment that the number names.
func (s Sequence) Time() time.Time {
	return time.Unix(int64(s>>32), int64(uint64(s>>16&0xffff)*uint64(time.Second)>>16))
}

// Next is the number to send after last: the clock's, or, when the clock has
// not gone on or has been set back, the one behind last. With a window (0 is
// none) a last number further ahead of the clock than it is forgotten: nobody
// whose clock is right has taken it, and nobody would take the one behind it.
func (s Sequence) Next(now time.Time, window time.Duration) Sequence {
	at := SequenceAt(now)
	if s < at || s == ^Sequence(0) || window > 0 && s.Time().Sub(now) > window {
		return at
	}
	return s + 1
}

// Key signs and checks. It is for one goroutine and does not show its secret.
type Key struct {
	ID  uint8
	mac hash.Hash
	// text and sum are room for what is signed and its digest.
	text, sum []byte
}

// NewKey makes a key of a secret.
func NewKey(id uint8, secret []byte) *Key {
	return &Key{ID: id, mac: hmac.New(sha256.New, secret)}
}

// digest is that of a message from source and the head of its trailer.
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

// AppendTrailer makes room for a signature behind a datagram that Append made
// and that has no Authentication Header. Sign or SignAs completes it.
func AppendTrailer(datagram []byte) []byte {
	datagram = append(datagram, make([]byte, trailerLen)...)
	if isIPv6(datagram) {
		binary.BigEndian.PutUint16(datagram[4:], uint16(len(datagram)-ipv6Len))
		return datagram
	}
	patch(datagram, 2, 10, uint16(len(datagram)))
	return datagram
}

// Sign signs a datagram that AppendTrailer made. Update comes before it.
func (k *Key) Sign(datagram []byte, s Sequence) {
	source, message, trailer := parts(datagram)
	clear(trailer[:trailerDigest])
	trailer[0], trailer[1] = trailerType, k.ID
	binary.BigEndian.PutUint64(trailer[trailerSequence:], uint64(s))
	copy(trailer[trailerDigest:], k.digest(source, message, trailer))
	coverTrailer(datagram)
}

// SignAs gives a datagram the signature of another, which differs in nothing
// but its destination.
func SignAs(datagram, signed []byte) {
	copy(datagram[len(datagram)-trailerLen:], signed[len(signed)-trailerLen:])
	coverTrailer(datagram)
}

// parts takes a datagram of our own with a trailer apart.
func parts(datagram []byte) (source netip.Addr, message, trailer []byte) {
	end := len(datagram) - trailerLen
	if isIPv6(datagram) {
		return netip.AddrFrom16([16]byte(datagram[8:24])), datagram[ipv6Len:end], datagram[end:]
	}
	return netip.AddrFrom4([4]byte(datagram[12:16])), datagram[ipv4Len:end], datagram[end:]
}

// coverTrailer makes the checksum of an IPv6 datagram right again.
func coverTrailer(datagram []byte) {
	if !isIPv6(datagram) {
		return
	}
	message := datagram[ipv6Len:]
	message[6], message[7] = 0, 0
	acc := sumPseudo(netip.AddrFrom16([16]byte(datagram[8:24])), netip.AddrFrom16([16]byte(datagram[24:40])),
		len(message))
	binary.BigEndian.PutUint16(message[6:], ^fold(sum(acc, message)))
}

// HMAC is what auth_hmac asks of the advertisements that are received.
type HMAC struct {
	Keys []*Key
	// Required refuses what is not signed (mode enforce).
	Required bool
	// Window is how far the sender's clock may be from ours (anti_replay time);
	// 0 does not look at it (anti_replay monotonic).
	Window time.Duration
	// Replay remembers the last number of each sender; who accepts an
	// advertisement tells it.
	Replay *Replay
}

// Sequence64 is the number in the trailer; ok is false without one.
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
