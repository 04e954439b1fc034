package packet

import (
	"fmt"
	"strings"
)

// DropReason is why a datagram was refused; Accepted when it was not.
type DropReason uint8

// The reasons, with the section of RFC 9568 that asks for them.
const (
	Accepted DropReason = iota
	// Truncated: shorter than its own lengths and counts say (7.1).
	Truncated
	// NotIP: not an IP header, or one that contradicts itself.
	NotIP
	// IPChecksum: the IPv4 header's own checksum is wrong.
	IPChecksum
	// Fragment: one part of a fragmented datagram; no advertisement is that long.
	Fragment
	// NotVRRP: neither protocol 112 nor an Authentication Header before it.
	NotVRRP
	// BadAH: an Authentication Header of impossible length or content.
	BadAH
	// BadVersion: neither 2 nor 3, or not the configured one (7.1).
	BadVersion
	// BadType: not an ADVERTISEMENT (5.2.2).
	BadType
	// NoAddresses: address count 0 (5.2.5, erratum 8299).
	NoAddresses
	// TrailingData: the datagram goes on behind the message.
	TrailingData
	// BadChecksum (7.1).
	BadChecksum
	// ZeroInterval: an interval of 0 (erratum 8301); whoever adopts it flaps.
	ZeroInterval
	// BadTTL: not sent by a neighbour (7.1).
	BadTTL
	// OwnSource: our own advertisement came back.
	OwnSource
	// WrongDestination: another multicast group, or a unicast address where
	// multicast is configured.
	WrongDestination
	// UnknownVRID: no virtual router of ours (7.1).
	UnknownVRID
	// AuthTypeMismatch: not the configured authentication type (RFC 3768 section 7.1).
	AuthTypeMismatch
	// AuthFailed: the password or the digest differs (RFC 2338 section 7.1).
	AuthFailed
	// Replayed: its sequence number was seen before (RFC 2402 section 3.4.3).
	Replayed
	// HMACMissing: not signed where auth_hmac is enforced.
	HMACMissing
	// HMACMalformed: what is behind the message is no signature.
	HMACMalformed
	// HMACUnknownKey: signed with a key that is not configured here.
	HMACUnknownKey
	// HMACBadDigest: changed on its way, or the keys of that number differ.
	HMACBadDigest
	// HMACStale: the sender's clock is further from ours than time_window.
	HMACStale
	// HMACReplay: its sequence number is not above those before.
	HMACReplay
	// UnknownPeer: unicast from a router that is not a peer.
	UnknownPeer
	// WrongInterval: version 2 requires the configured one (RFC 3768 section 7.1).
	WrongInterval
	// DropReasons is their number.
	DropReasons
)

var dropReasonNames = [DropReasons]string{
	"accepted", "truncated", "not-ip", "ip-checksum", "fragment", "not-vrrp", "bad-ah",
	"version", "type", "no-addresses", "trailing-data", "checksum", "zero-interval",
	"ttl", "own-source", "destination", "unknown-vrid", "auth-type", "auth-failed",
	"auth-replay", "hmac-missing", "hmac-malformed", "hmac-unknown-key", "hmac-digest",
	"hmac-stale", "hmac-replay", "unknown-peer", "interval",
}

// String is the reason's stable label, for logs and counters alike.
func (r DropReason) String() string {
	if r < DropReasons {
		return dropReasonNames[r]
	}
	return fmt.Sprintf("DropReason(%d)", uint8(r))
}

// Notes are what is worth a (rate-limited) line about an accepted advertisement.
type Notes uint8

const (
	// AddressMismatch: its addresses are not ours (RFC 9568 section 7.1).
	AddressMismatch Notes = 1 << iota
	// IntervalMismatch: version 3 and its interval is not ours; it is adopted.
	IntervalMismatch
	// FirstAddressNotLinkLocal: an IPv6 list must begin with the link-local
	// one. Erratum 8300 wants it discarded; keepalived sends such lists.
	FirstAddressNotLinkLocal
	// OtherChecksumForm: the checksum is right, but not in the form we send.
	OtherChecksumForm
)

var noteNames = [...]string{"address-mismatch", "interval-mismatch", "first-address-not-link-local",
	"other-checksum-form"}

// String joins the labels of the notes with commas; none is "".
func (n Notes) String() string {
	var names []string
	for i, name := range noteNames {
		if n&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ",")
}
