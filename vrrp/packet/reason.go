package packet

import (
	"fmt"
	"strings"
)

// DropReason is why a datagram was dropped; Accepted if it was not.
type DropReason uint8

// The reasons, with the section of RFC 9568 that requires the check.
const (
	Accepted DropReason = iota
	// Truncated: shorter than its length and count fields say (7.1).
	Truncated
	// NotIP: not an IP header, or one with inconsistent lengths.
	NotIP
	// IPChecksum: the checksum of the IPv4 header is wrong.
	IPChecksum
	// Fragment: part of a fragmented datagram; an advertisement never needs fragments.
	Fragment
	// NotVRRP: neither protocol 112 nor an Authentication Header before it.
	NotVRRP
	// BadAH: an Authentication Header with an invalid length or SPI.
	BadAH
	// BadVersion: neither 2 nor 3, or not the configured one (7.1).
	BadVersion
	// BadType: not an ADVERTISEMENT (5.2.2).
	BadType
	// NoAddresses: address count 0 (5.2.5, erratum 8299).
	NoAddresses
	// TrailingData: the datagram continues behind the message.
	TrailingData
	// BadChecksum: the VRRP checksum is wrong (7.1).
	BadChecksum
	// ZeroInterval: an interval of 0 (erratum 8301). A BACKUP that adopted it
	// would time out at once.
	ZeroInterval
	// BadTTL: the TTL shows that the sender is not on the link, or is outside
	// the bounds configured for the peer (7.1).
	BadTTL
	// OwnSource: the source is our own address: our advertisement came back.
	OwnSource
	// WrongDestination: another multicast group, or a unicast address where
	// multicast is configured.
	WrongDestination
	// UnknownVRID: no virtual router with this VRID is configured (7.1).
	UnknownVRID
	// AuthTypeMismatch: not the configured authentication type (RFC 3768 section 7.1).
	AuthTypeMismatch
	// AuthFailed: wrong password or digest (RFC 2338 section 7.1).
	AuthFailed
	// Replayed: the sequence number was seen before (RFC 2402 section 3.4.3).
	Replayed
	// HMACMissing: unsigned although auth_hmac is enforced.
	HMACMissing
	// HMACMalformed: the data behind the message is not a valid trailer.
	HMACMalformed
	// HMACUnknownKey: signed with a key ID that is not configured.
	HMACUnknownKey
	// HMACBadDigest: modified in transit, or the keys with this ID differ.
	HMACBadDigest
	// HMACStale: the sender's clock differs from ours by more than time_window.
	HMACStale
	// HMACReplay: the sequence number is not higher than the last one.
	HMACReplay
	// UnknownPeer: unicast from a router that is not a configured peer.
	UnknownPeer
	// WrongInterval: version 2 requires the configured interval (RFC 3768 section 7.1).
	WrongInterval
	// DropReasons is the number of reasons.
	DropReasons
)

var dropReasonNames = [DropReasons]string{
	"accepted", "truncated", "not-ip", "ip-checksum", "fragment", "not-vrrp", "bad-ah",
	"version", "type", "no-addresses", "trailing-data", "checksum", "zero-interval",
	"ttl", "own-source", "destination", "unknown-vrid", "auth-type", "auth-failed",
	"auth-replay", "hmac-missing", "hmac-malformed", "hmac-unknown-key", "hmac-digest",
	"hmac-stale", "hmac-replay", "unknown-peer", "interval",
}

// String is a stable label for logs and counters.
func (r DropReason) String() string {
	if r < DropReasons {
		return dropReasonNames[r]
	}
	return fmt.Sprintf("DropReason(%d)", uint8(r))
}

// Notes are the oddities of an accepted advertisement that deserve a
// (rate-limited) log line.
type Notes uint8

const (
	// AddressMismatch: its addresses differ from the configured ones (RFC 9568 section 7.1).
	AddressMismatch Notes = 1 << iota
	// IntervalMismatch: version 3, and its interval differs from the configured
	// one. A BACKUP adopts it.
	IntervalMismatch
	// FirstAddressNotLinkLocal: an IPv6 list must begin with the link-local
	// address. Erratum 8300 requires a drop, but keepalived sends such lists.
	FirstAddressNotLinkLocal
	// OtherChecksumForm: the checksum is valid in the form that we do not send.
	OtherChecksumForm
)

var noteNames = [...]string{"address-mismatch", "interval-mismatch", "first-address-not-link-local",
	"other-checksum-form"}

// String joins the labels of the notes with commas; "" without notes.
func (n Notes) String() string {
	var names []string
	for i, name := range noteNames {
		if n&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}
