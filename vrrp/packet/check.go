package packet

import (
	"crypto/subtle"
	"net/netip"
	"time"
)

// Rules are what one virtual router's configuration asks of the
// advertisements it receives.
type Rules struct {
	Version uint8 // 2 or 3
	VRID    uint8
	// Interval is required of version 2 and expected of version 3.
	Interval time.Duration
	// Source is our own primary address: what comes from it is our own.
	Source netip.Addr
	// Destination is the group or address that advertisements are sent to;
	// the zero Addr accepts any. With Unicast it is our own.
	Destination netip.Addr
	// MinTTL is the lowest TTL accepted; 0 means 255, as multicast requires.
	// With Unicast only the peers' bounds count.
	MinTTL uint8
	// Unicast expects advertisements from peers rather than from a group.
	Unicast bool
	// Peers are the routers that may send when there are any (check_unicast_src).
	Peers []Peer
	// AuthType and AuthData are version 2's; see Password. With AuthAH the
	// data is the key, and Sequence the highest number that was sent or seen.
	AuthType uint8
	AuthData [8]byte
	Sequence uint32
	// HMAC is auth_hmac; nil is off, and then a trailer is refused.
	HMAC *HMAC
	// Addresses are expected, in any order; nil accepts all (skip_check_adv_addr).
	Addresses []netip.Addr
	// Checksum is the form that is sent (IPv4 version 3): the other is accepted and noted.
	Checksum ChecksumForm
}

// Peer is a router that sends unicast advertisements to us.
type Peer struct {
	Address netip.Addr
	// MinTTL and MaxTTL bound what its TTL is here.
	MinTTL, MaxTTL uint8
}

// Verify is the verdict on a datagram that Parse has decoded with the result
// parsed; now is when it was received. Notes are only meaningful with Accepted.
// With auth_hmac a signature is checked before anything that it protects, as
// keepalived does; so a forgery is called one whatever else is wrong with it.
func (a *Advertisement) Verify(parsed DropReason, r *Rules, now time.Time) (DropReason, Notes) {
	switch {
	case r.HMAC == nil && a.Trailed != nil:
		return TrailingData, 0
	case r.HMAC != nil && parsed == TrailingData:
		return HMACMalformed, 0
	case parsed != Accepted && a.Trailed == nil:
		return parsed, 0
	}
	if reason := a.addressed(r); reason != Accepted {
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
	return a.content(r)
}

// Check is Verify of an advertisement that parsed well and where no auth_hmac is
// asked for.
func (a *Advertisement) Check(r *Rules) (DropReason, Notes) {
	return a.Verify(Accepted, r, time.Time{})
}

// addressed checks who speaks to whom: what the IP header and the first two
// bytes of the message say.
func (a *Advertisement) addressed(r *Rules) DropReason {
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
	return a.fromPeer(r)
}

// content checks what is said.
func (a *Advertisement) content(r *Rules) (DropReason, Notes) {
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

// fromPeer checks the sender and the distance of a unicast advertisement.
func (a *Advertisement) fromPeer(r *Rules) DropReason {
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

// authenticate does version 2's authentication (RFC 2338 section 7.1).
// Version 3 has none, and an Authentication Header is never ignored.
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

// sameAddresses says whether both lists hold the same addresses. The search
// for each begins behind the one before: lists in the same order, the usual
// case, are compared in one pass.
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
