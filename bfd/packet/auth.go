package packet

import (
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
)

// MeticulousSHA1 is the one type of authentication that is known here (section 4.4).
const MeticulousSHA1 = 5

const sha1Size = 28 // of the authentication section

// KeySize is the size of a SHA1 key in bytes; a shorter one is padded with zeros.
const KeySize = sha1.Size

// Auth is the authentication section of a packet. Of types other than
// MeticulousSHA1 only Type and KeyID are read.
type Auth struct {
	Type     uint8 // 0 is none
	KeyID    uint8
	Sequence uint32
	Digest   [sha1.Size]byte
}

func (a *Auth) parse(section []byte) Reason {
	a.Type = section[0]
	if a.Type != MeticulousSHA1 {
		return AuthType
	}
	if len(section) != sha1Size || section[1] != sha1Size {
		return AuthLength
	}
	a.KeyID = section[2]
	a.Sequence = binary.BigEndian.Uint32(section[4:])
	copy(a.Digest[:], section[8:])
	return Accepted
}

func (a *Auth) append(b []byte) []byte {
	b = append(b, a.Type, sha1Size, a.KeyID, 0)
	b = binary.BigEndian.AppendUint32(b, a.Sequence)
	return append(b, a.Digest[:]...)
}

// Key is a secret of authentication.
type Key struct {
	ID     uint8
	Secret [KeySize]byte
}

// NewKey pads a secret, of which at most KeySize bytes count.
func NewKey(id uint8, secret string) Key {
	k := Key{ID: id}
	copy(k.Secret[:], secret)
	return k
}

// Seal puts the digest into a packet that Append has written.
func (k *Key) Seal(data []byte) {
	if len(data) != MaxSize {
		return
	}
	digest := k.digest(data)
	copy(data[MaxSize-sha1.Size:], digest[:])
}

// Verify says whether a packet that Parse has accepted was sealed with the key.
func (k *Key) Verify(data []byte, p *Packet) bool {
	if p.Auth.Type != MeticulousSHA1 || len(data) < MaxSize {
		return false
	}
	digest := k.digest(data[:MaxSize])
	return subtle.ConstantTimeCompare(digest[:], p.Auth.Digest[:]) == 1
}

// digest is of the packet with the key in the place of the digest (section 6.7.4).
func (k *Key) digest(data []byte) [sha1.Size]byte {
	var b [MaxSize]byte
	copy(b[:], data)
	copy(b[MaxSize-sha1.Size:], k.Secret[:])
	return sha1.Sum(b[:])
}
