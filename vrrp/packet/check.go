package packet

import (
	"crypto/subtle"
	"net/netip"
	"time"
)

// Rules are the receive checks of one virtual router, from its configuration.
type Rules struct {
	Version uint8 // 2 or 3
	VRID    uint8
	// Interval must match in version 2. In version 3 a different one is noted.
	Interval time.Duration
	// Source is our own primary address: an advertisement from it is dropped.
	Source netip.Addr
	// Destination is the required destination: the group, or with Unicast our
	// own address. The zero Addr accepts any.
	Destination netip.Addr
	// MinTTL is the lowest accepted TTL; 0 means 255, as multicast requires.
	// With Unicast only the bounds of the peers apply.
	MinTTL uint8
	// Unicast expects advertisements from peers instead of from a group.
	Unicast bool
	// Peers are the only accepted unicast senders (check_unicast_src); nil accepts any.
	Peers []Peer
	// AuthType and AuthData apply to version 2; see Password. With AuthAH the
	// data is the key, and Sequence is the highest number sent or received.
	AuthType uint8
	AuthData [8]byte
	Sequence uint32
	// HMAC is auth_hmac; nil is off, and then a trailer is refused.
	HMAC *HMAC
	// Addresses are expected, in any order; nil accepts all (skip_check_adv_addr).
	Addresses []netip.Addr
	// Checksum is the form that we send (IPv4 version 3). The other form is accepted and noted.
	Checksum ChecksumForm
}

// Peer is a router that sends unicast advertisements to us.
type Peer struct {
	Address netip.Addr
	// MinTTL and MaxTTL are the lowest and the highest TTL accepted from it.
	MinTTL, MaxTTL uint8
}

// Verify checks a datagram that Parse has decoded with the result parsed and
// that was received at now. Notes are meaningful only with Accepted. As in
// keepalived, the signature of auth_hmac is checked before the fields that it
// protects, so a forged advertisement is reported as forged whatever its
// fields contain.
func (a *Advertisement) Verify(parsed DropReason, r *Rules, now time.Time) (DropReason, Notes) {
	switch {
	case r.HMAC == nil && a.Trailed != nil:
		return TrailingData, 0
	case r.HMAC != nil && parsed == TrailingData:
		return HMACMalformed, 0
	case parsed != Accepted && a.Trailed == nil:
		return parsed, 0
	}
	if reason := a.checkHeader(r); reason != Accepted {
		return reason, 0
	}
	if r.HMAC != nil {
		if reason := a.authenticateHMAC(r.HMAC, now); reason != Accepted {
			return reason, 0
		}
	}
	if parsed != Accepted {
		return parsed, 0
	}
	return a.checkContent(r)
}

// Check is Verify for an advertisement that Parse accepted, without auth_hmac.
func (a *Advertisement) Check(r *Rules) (DropReason, Notes) {
	return a.Verify(Accepted, r, time.Time{})
}

// checkHeader checks TTL, version, VRID, source and destination.
func (a *Advertisement) checkHeader(r *Rules) DropReason {
	switch {
	case !r.Unicast && a.TTL < r.minTTL():
		return BadTTL
	case a.Version != r.Version:
		return BadVersion
	case a.VRID != r.VRID:
		return UnknownVRID
	case a.Source == r.Source:
		return OwnSource
	case r.Destination.IsValid() && a.Destination != r.Destination:
		return WrongDestination
	}
	return a.checkPeer(r)
}

// checkContent checks authentication, interval, addresses and checksum form.
func (a *Advertisement) checkContent(r *Rules) (DropReason, Notes) {
	if reason := a.authenticate(r); reason != Accepted {
		return reason, 0
	}
	var notes Notes
	if a.Interval != r.Interval {
		if a.Version == 2 {
			return WrongInterval, 0
		}
		notes |= IntervalMismatch
	}
	if r.Addresses != nil && !sameAddresses(a.Addresses, r.Addresses) {
		notes |= AddressMismatch
	}
	if a.Source.Is4() {
		if a.Version == 3 && a.Checksum != r.Checksum {
			notes |= OtherChecksumForm
		}
	} else if len(a.Addresses) > 0 && !a.Addresses[0].IsLinkLocalUnicast() {
		notes |= FirstAddressNotLinkLocal
	}
	return Accepted, notes
}

// checkPeer checks the source and the TTL of a unicast advertisement.
func (a *Advertisement) checkPeer(r *Rules) DropReason {
	if !r.Unicast || r.Peers == nil {
		return Accepted
	}
	for _, p := range r.Peers {
		switch {
		case p.Address != a.Source:
		case a.TTL < p.MinTTL || a.TTL > p.MaxTTL:
			return BadTTL
		default:
			return Accepted
		}
	}
	return UnknownPeer
}

func (r *Rules) minTTL() uint8 {
	if r.MinTTL == 0 {
		return TTL
	}
	return r.MinTTL
}

// authenticate checks the authentication of version 2 (RFC 2338 section 7.1).
// An Authentication Header that is not configured is refused, not ignored.
func (a *Advertisement) authenticate(r *Rules) DropReason {
	if a.Version == 2 && a.AuthType != r.AuthType {
		return AuthTypeMismatch
	}
	if a.AH != nil && (a.Version != 2 || a.AuthType != AuthAH) {
		return AuthTypeMismatch
	}
	if a.Version != 2 {
		return Accepted
	}
	switch a.AuthType {
	case AuthNone:
		return Accepted
	case AuthPass:
		if subtle.ConstantTimeCompare(a.AuthData[:], r.AuthData[:]) != 1 {
			return AuthFailed
		}
		return Accepted
	case AuthAH:
		return a.authenticateAH(r)
	}
	return AuthTypeMismatch
}

// sameAddresses reports whether both lists hold the same addresses in any
// order. The search for an address begins behind the match before it, so lists
// in the same order, the usual case, need one pass.
func sameAddresses(got, want []netip.Addr) bool {
	if len(got) != len(want) || len(want) > MaxAddresses {
		return false
	}
	var used [MaxAddresses + 1]bool
	next := 0
	for _, addr := range got {
		found := false
		for range want {
			i := next
			if next++; next == len(want) {
				next = 0
			}
			if !used[i] && want[i] == addr {
				used[i], found = true, true
				break
			}
		}
		if !found {
			return false
		}
	}
	return true
}
