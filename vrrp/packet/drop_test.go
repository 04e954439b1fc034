package packet_test

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/lvs-director/director/vrrp/packet"
)

var (
	peer = netip.MustParseAddr("192.0.2.251")
	self = netip.MustParseAddr("192.0.2.252")
	vips = []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")}
)

func version3() packet.Advertisement {
	return packet.Advertisement{
		Version: 3, VRID: 10, Priority: 200, Interval: time.Second, Addresses: vips,
		Checksum: packet.PseudoHeader, Source: peer, Destination: packet.Multicast4, ID: 7,
	}
}

func version2() packet.Advertisement {
	a := version3()
	a.Version, a.AuthType, a.AuthData = 2, packet.AuthPass, packet.Password("s3cret")
	return a
}

// signed has an Authentication Header with sequence number 7 and the key of signedRules.
func signed() packet.Advertisement {
	a := version2()
	a.AuthType, a.AuthData = packet.AuthAH, [8]byte{}
	return a
}

func signedRules(r *packet.Rules) { r.AuthData, r.Sequence = ahKey, 6 }

// peersAt accepts unicast from one peer whose TTL is from min to max.
func peersAt(addr netip.Addr, min, max uint8) func(*packet.Rules) {
	return func(r *packet.Rules) {
		r.Unicast, r.Peers = true, []packet.Peer{{Address: addr, MinTTL: min, MaxTTL: max}}
	}
}

func rulesFor(a packet.Advertisement) packet.Rules {
	return packet.Rules{
		Version: a.Version, VRID: a.VRID, Interval: a.Interval, Source: self, Destination: packet.Multicast4,
		AuthType: a.AuthType, AuthData: a.AuthData, Addresses: vips, Checksum: packet.PseudoHeader,
	}
}

// repair recomputes both checksums after bytes were changed.
func repair(d []byte) {
	header := int(d[0]&15) * 4
	put := func(at []byte, covered []byte) {
		at[0], at[1] = 0, 0
		var sum uint32
		for i := 0; i+1 < len(covered); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(covered[i:]))
		}
		for sum > 0xffff {
			sum = sum>>16 + sum&0xffff
		}
		binary.BigEndian.PutUint16(at, ^uint16(sum))
	}
	put(d[10:], d[:header])
	if d[9] == packet.ProtocolAH && len(d) >= header+24 {
		header += 24
	}
	if len(d) >= header+8 {
		put(d[header+6:], d[header:])
	}
}

// TestDropReasons provokes every drop reason, one fault at a time.
func TestDropReasons(t *testing.T) {
	cases := []struct {
		name   string
		want   packet.DropReason
		adv    func() packet.Advertisement
		mangle func(d []byte) []byte // of the datagram; its checksums are repaired afterwards
		rules  func(r *packet.Rules)
	}{
		{name: "version 3", want: packet.Accepted},
		{name: "version 2 with a password", want: packet.Accepted, adv: version2},
		{name: "padding of the frame", want: packet.Accepted, adv: version2,
			mangle: func(d []byte) []byte { return append(d, 1, 2, 3, 4, 5, 6) }},
		{name: "IP options", want: packet.Accepted, mangle: func(d []byte) []byte {
			d = append(d[:20:20], append([]byte{0x94, 4, 0, 0}, d[20:]...)...) // router alert
			d[0] = 4<<4 | 6
			binary.BigEndian.PutUint16(d[2:], uint16(len(d)))
			return d
		}},
		{name: "reserved bits", want: packet.Accepted, mangle: func(d []byte) []byte { d[24] |= 0xf0; return d }},
		{name: "do not fragment", want: packet.Accepted, mangle: func(d []byte) []byte { d[6] = 0x40; return d }},

		{name: "empty", want: packet.Truncated, mangle: func([]byte) []byte { return nil }},
		{name: "more addresses than bytes", want: packet.Truncated, mangle: func(d []byte) []byte { d[23] = 255; return d }},
		{name: "version 2 without authentication data", want: packet.Truncated, adv: version2, mangle: func(d []byte) []byte {
			binary.BigEndian.PutUint16(d[2:], uint16(len(d)-8))
			return d[:len(d)-8]
		}},
		{name: "neither IPv4 nor IPv6", want: packet.NotIP, mangle: func(d []byte) []byte { d[0] = 0x55; return d }},
		{name: "header longer than the datagram", want: packet.NotIP, mangle: func(d []byte) []byte {
			binary.BigEndian.PutUint16(d[2:], 19)
			return d
		}},
		{name: "first fragment", want: packet.Fragment, mangle: func(d []byte) []byte { d[6] = 0x20; return d }},
		{name: "last fragment", want: packet.Fragment, mangle: func(d []byte) []byte { d[7] = 1; return d }},
		{name: "OSPF", want: packet.NotVRRP, mangle: func(d []byte) []byte { d[9] = 89; return d }},
		{name: "AH of another length", want: packet.BadAH, mangle: func(d []byte) []byte {
			d = append(d[:20:20], append(make([]byte, 24), d[20:]...)...)
			d[9], d[20], d[21] = packet.ProtocolAH, packet.Protocol, 5
			binary.BigEndian.PutUint16(d[2:], uint16(len(d)))
			return d
		}},
		{name: "another protocol behind AH", want: packet.NotVRRP, mangle: func(d []byte) []byte {
			d = append(d[:20:20], append(make([]byte, 24), d[20:]...)...)
			d[9], d[20], d[21] = packet.ProtocolAH, packet.ProtocolAH, 4
			binary.BigEndian.PutUint16(d[2:], uint16(len(d)))
			return d
		}},
		{name: "version 4", want: packet.BadVersion, mangle: func(d []byte) []byte { d[20] = 0x41; return d }},
		{name: "version 2 where 3 is configured", want: packet.BadVersion, adv: version2,
			rules: func(r *packet.Rules) { r.Version = 3 }},
		{name: "type 2", want: packet.BadType, mangle: func(d []byte) []byte { d[20] = 0x32; return d }},
		{name: "no addresses", want: packet.NoAddresses, mangle: func(d []byte) []byte {
			d[23] = 0
			binary.BigEndian.PutUint16(d[2:], 28)
			return d[:28]
		}},
		{name: "a trailer", want: packet.TrailingData, mangle: func(d []byte) []byte {
			d = append(d, make([]byte, 28)...)
			binary.BigEndian.PutUint16(d[2:], uint16(len(d)))
			return d
		}},
		{name: "interval 0", want: packet.ZeroInterval, mangle: func(d []byte) []byte { d[24], d[25] = 0, 0; return d }},
		{name: "interval 0 in version 2", want: packet.ZeroInterval, adv: version2,
			mangle: func(d []byte) []byte { d[25] = 0; return d }},
		{name: "through a router", want: packet.BadTTL, mangle: func(d []byte) []byte { d[8] = 254; return d }},
		{name: "our own", want: packet.OwnSource, rules: func(r *packet.Rules) { r.Source = peer }},
		{name: "unicast", want: packet.WrongDestination, rules: func(r *packet.Rules) { r.Destination = self }},
		{name: "another VRID", want: packet.UnknownVRID, rules: func(r *packet.Rules) { r.VRID = 11 }},
		{name: "password where none is configured", want: packet.AuthTypeMismatch, adv: version2,
			rules: func(r *packet.Rules) { r.AuthType = packet.AuthNone }},
		{name: "unknown authentication type", want: packet.AuthTypeMismatch, adv: version2,
			mangle: func(d []byte) []byte { d[24] = 9; return d }, rules: func(r *packet.Rules) { r.AuthType = 9 }},
		{name: "another password", want: packet.AuthFailed, adv: version2,
			rules: func(r *packet.Rules) { r.AuthData = packet.Password("S3cret") }},
		{name: "AH nobody asked for", want: packet.AuthTypeMismatch, mangle: func(d []byte) []byte {
			d = append(d[:20:20], append(make([]byte, 24), d[20:]...)...)
			d[9], d[20], d[21] = packet.ProtocolAH, packet.Protocol, 4
			binary.BigEndian.PutUint16(d[2:], uint16(len(d)))
			return d
		}},
		{name: "no AH where one is configured", want: packet.AuthFailed, adv: version2,
			mangle: func(d []byte) []byte { d[24] = packet.AuthAH; return d },
			rules:  func(r *packet.Rules) { r.AuthType = packet.AuthAH }},
		{name: "AH with another sender's SPI", want: packet.BadAH, adv: signed, rules: signedRules,
			mangle: func(d []byte) []byte { d[24]++; return d }},
		{name: "AH with another key", want: packet.AuthFailed, adv: signed, rules: func(r *packet.Rules) {
			signedRules(r)
			r.AuthData = packet.Password("another")
		}},
		{name: "AH seen before", want: packet.Replayed, adv: signed, rules: func(r *packet.Rules) {
			signedRules(r)
			r.Sequence = 7
		}},
		{name: "AH", want: packet.Accepted, adv: signed, rules: signedRules},
		{name: "unicast from a peer far away", want: packet.Accepted,
			mangle: func(d []byte) []byte { d[8] = 3; return d },
			rules:  func(r *packet.Rules) { r.Unicast = true }},
		{name: "unicast from a peer at the right distance", want: packet.Accepted,
			mangle: func(d []byte) []byte { d[8] = 254; return d }, rules: peersAt(peer, 254, 254)},
		{name: "unicast from too near", want: packet.BadTTL, rules: peersAt(peer, 1, 254)},
		{name: "unicast from too far", want: packet.BadTTL,
			mangle: func(d []byte) []byte { d[8] = 253; return d }, rules: peersAt(peer, 254, 255)},
		{name: "unicast from somebody", want: packet.UnknownPeer, rules: peersAt(self, 0, 255)},
		{name: "multicast where unicast is configured", want: packet.WrongDestination, rules: func(r *packet.Rules) {
			r.Unicast, r.Destination = true, self
		}},
		{name: "another interval in version 2", want: packet.WrongInterval, adv: version2,
			rules: func(r *packet.Rules) { r.Interval = 2 * time.Second }},
	}
	seen := map[packet.DropReason]bool{packet.BadChecksum: true, packet.IPChecksum: true} // below
	for _, c := range cases {
		seen[c.want] = true
		t.Run(c.name, func(t *testing.T) {
			adv := version3()
			if c.adv != nil {
				adv = c.adv()
			}
			rules := rulesFor(adv)
			rules.Checksum = packet.MessageOnly // repair makes this form
			if c.rules != nil {
				c.rules(&rules)
			}
			d := encode(t, adv)
			if adv.AuthType == packet.AuthAH {
				packet.Sign(d, ahKey, 7)
			}
			if c.mangle != nil {
				if d = c.mangle(d); len(d) > 20 && c.name != "padding of the frame" {
					repair(d)
				}
			} else {
				rules.Checksum = packet.PseudoHeader
			}
			got, notes := receive(d, &rules)
			if got != c.want || notes != 0 {
				t.Errorf("dropped as %v (notes %q), want %v", got, notes, c.want)
			}
		})
	}
	for reason := packet.Accepted; reason < packet.DropReasons; reason++ {
		signature := reason >= packet.HMACMissing && reason <= packet.HMACReplay // TestHMACDropReasons has them
		if !seen[reason] && !signature {
			t.Errorf("no datagram here is dropped as %v", reason)
		}
	}
}

func encode(t testing.TB, a packet.Advertisement) []byte {
	t.Helper()
	d, err := packet.Append(nil, &a)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func receive(d []byte, rules *packet.Rules) (packet.DropReason, packet.Notes) {
	var a packet.Advertisement
	if reason := packet.Parse(d, &a); reason != packet.Accepted {
		return reason, 0
	}
	return a.Check(rules)
}

func TestChecksums(t *testing.T) {
	d := encode(t, version3())
	d[10]++
	if got, _ := receive(d, &packet.Rules{}); got != packet.IPChecksum {
		t.Errorf("wrong IP checksum: %v", got)
	}
	for _, sent := range []packet.ChecksumForm{packet.PseudoHeader, packet.MessageOnly} {
		for _, configured := range []packet.ChecksumForm{packet.PseudoHeader, packet.MessageOnly} {
			a := version3()
			a.Checksum = sent
			d, rules := encode(t, a), rulesFor(a)
			rules.Checksum = configured
			var want packet.Notes
			if sent != configured {
				want = packet.OtherChecksumForm
			}
			if got, notes := receive(d, &rules); got != packet.Accepted || notes != want {
				t.Errorf("%v received where %v is configured: %v, notes %q; want accepted, notes %q", sent, configured, got, notes,
					want)
			}
			d[26]++
			if got, _ := receive(d, &rules); got != packet.BadChecksum {
				t.Errorf("wrong checksum where %v is configured: %v", configured, got)
			}
		}
	}
}

// TestNotes: oddities that are noted but never a reason to drop.
func TestNotes(t *testing.T) {
	other := []netip.Addr{vips[0], netip.MustParseAddr("192.0.2.3")}
	for _, c := range []struct {
		name  string
		rules func(r *packet.Rules)
		want  string
	}{
		{"same addresses in another order", func(r *packet.Rules) { r.Addresses = []netip.Addr{vips[1], vips[0]} }, ""},
		{"other addresses", func(r *packet.Rules) { r.Addresses = other }, "address-mismatch"},
		{"fewer addresses", func(r *packet.Rules) { r.Addresses = vips[:1] }, "address-mismatch"},
		{"one address twice", func(r *packet.Rules) { r.Addresses = []netip.Addr{vips[0], vips[0]} }, "address-mismatch"},
		{"addresses not compared", func(r *packet.Rules) { r.Addresses = nil }, ""},
		{"another interval", func(r *packet.Rules) { r.Interval = time.Minute }, "interval-mismatch"},
		{"all of it", func(r *packet.Rules) { r.Interval, r.Addresses = time.Minute, other },
			"address-mismatch,interval-mismatch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rules := rulesFor(version3())
			c.rules(&rules)
			reason, notes := receive(encode(t, version3()), &rules)
			if reason != packet.Accepted || notes.String() != c.want {
				t.Errorf("%v, notes %q; want accepted, %q", reason, notes, c.want)
			}
		})
	}
}
