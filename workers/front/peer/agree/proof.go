package agree

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
)

// KeySize is the length of a shared key in bytes.
const KeySize = 32

// ExporterLabel is what both ask the TLS session for (RFC 8446 section 7.5), and ExporterSize how much.
const (
	ExporterLabel = "EXPORTER-director-peer"
	ExporterSize  = 32
)

// Role is the part of one side in a session: a proof of one role proves nothing for the other, so that
// it cannot be sent back to where it came from.
type Role byte

// The roles.
const (
	Dialer   Role = 'd'
	Listener Role = 'l'
)

// Other is the role of the other side.
func (r Role) Other() Role {
	if r == Dialer {
		return Listener
	}
	return Dialer
}

// Claim is what a side proves.
type Claim struct {
	Role    Role
	Version int    // that was agreed on
	Name    string // of its host
	// Hello and Heard are the greetings that it has sent and received, as they were on the wire: nobody
	// between the two has changed them.
	Hello, Heard []byte
	// Exporter is a value of the TLS session: a proof is worth nothing in another session.
	Exporter []byte
}

// Proof proves a claim to those who have the key.
func Proof(key []byte, c Claim) []byte {
	mac := hmac.New(sha256.New, key)
	for _, part := range [][]byte{
		[]byte("director peer"), {byte(c.Role)}, binary.BigEndian.AppendUint32(nil, uint32(c.Version)), []byte(c.Name),
		c.Hello, c.Heard, c.Exporter,
	} {
		mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part)))) // no two lists of parts are the same bytes
		mac.Write(part)
	}
	return mac.Sum(nil)
}

// Proves says whether proof proves a claim, in a time that tells nothing of it.
func Proves(key []byte, c Claim, proof []byte) bool { return hmac.Equal(Proof(key, c), proof) }
