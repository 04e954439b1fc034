package packet

// Reason is why a packet was dropped; Accepted if it was not.
type Reason uint8

// The reasons, with the section of RFC 5880 that requires the check unless another is named.
const (
	Accepted Reason = iota
	// Truncated: shorter than a Control packet (6.8.6).
	Truncated
	// BadVersion: not version 1 (6.8.6).
	BadVersion
	// BadLength: the length field is too small, or larger than the datagram (6.8.6).
	BadLength
	// ZeroMultiplier: a detection time of nothing (6.8.6).
	ZeroMultiplier
	// Multipoint: the M bit is set (6.8.6).
	Multipoint
	// ZeroDiscriminator: the sender has no discriminator (6.8.6).
	ZeroDiscriminator
	// NoYourDiscriminator: ours is missing, in a state in which the neighbor knows it (6.8.6).
	NoYourDiscriminator
	// PollAndFinal: both bits are set (6.5).
	PollAndFinal
	// UnknownDiscriminator: no session has it (6.8.6).
	UnknownDiscriminator
	// UnknownNeighbor: no session is with this sender (6.8.6).
	UnknownNeighbor
	// WrongNeighbor: the sender is not the neighbor of the session that it names, or has sent
	// to an address that is not the session's.
	WrongNeighbor
	// BadTTL: it has come from further away than the session allows (RFC 5881 section 5).
	BadTTL
	// AuthMissing: the session is authenticated and the packet is not (6.8.6).
	AuthMissing
	// AuthUnexpected: the packet is authenticated and the session is not (6.8.6).
	AuthUnexpected
	// AuthType: another type of authentication than meticulous keyed SHA1 (6.7.4).
	AuthType
	// AuthLength: not the length of its type (6.7.4).
	AuthLength
	// AuthKey: a key ID that the session does not have (6.7.4).
	AuthKey
	// AuthReplayed: a sequence number that is not the next of its sender's (6.7.4).
	AuthReplayed
	// AuthFailed: a wrong digest (6.7.4).
	AuthFailed
	// Disabled: the session is administratively down here (6.8.6).
	Disabled
	// Reasons is the number of reasons.
	Reasons
)

var reasonNames = [Reasons]string{
	"accepted", "truncated", "version", "length", "zero-multiplier", "multipoint", "zero-discriminator",
	"no-your-discriminator", "poll-and-final", "unknown-discriminator", "unknown-neighbor", "wrong-neighbor", "ttl",
	"auth-missing", "auth-unexpected", "auth-type", "auth-length", "auth-key", "auth-replay", "auth-failed",
	"disabled",
}

// String is the reason's name in metrics and logs.
func (r Reason) String() string {
	if r < Reasons {
		return reasonNames[r]
	}
	return "unknown"
}
