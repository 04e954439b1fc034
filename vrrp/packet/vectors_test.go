package packet_test

import (
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/lvs-director/director/vrrp/packet"
)

// vector is a packet that another implementation sent or tests with. Its
// decoded form comes from a third, independent implementation.
type vector struct {
	ID       string
	Family   int
	Src, Dst netip.Addr
	TTL      uint8
	VRRP     hexBytes
	Frame    hexBytes // with its Ethernet header; nil where unknown
	AH       hexBytes
	Expect   string // "valid" or the reason for a drop
	Decode   struct {
		Ver, Type, VRID, Prio uint8
		Count, Len            int
		Auth                  uint8
		AuthData              hexBytes
		AdvintS               int      `json:"advint_s"`
		AdvintCs              int      `json:"advint_cs"`
		CksumOkAs             []string `json:"cksum_ok_as"`
		Addrs                 []netip.Addr
	}
}

type hexBytes []byte

func (b *hexBytes) UnmarshalText(text []byte) (err error) {
	*b, err = hex.DecodeString(string(text))
	return err
}

func vectors(t testing.TB) []vector {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var vs []vector
	if err := json.Unmarshal(text, &vs); err != nil {
		t.Fatal(err)
	}
	if len(vs) != 90 {
		t.Fatalf("%d vectors, want 90", len(vs))
	}
	return vs
}

// datagram is the IP datagram in the vector's frame, followed by padding.
func (v *vector) datagram() []byte { return v.Frame[14:] }

// want is the decoded vector.
func (v *vector) want() packet.Advertisement {
	a := packet.Advertisement{
		Version: v.Decode.Ver, Type: v.Decode.Type, VRID: v.Decode.VRID, Priority: v.Decode.Prio,
		Interval: time.Duration(v.Decode.AdvintS)*time.Second + time.Duration(v.Decode.AdvintCs)*packet.Centisecond,
		AuthType: v.Decode.Auth, Addresses: v.Decode.Addrs,
		Source: v.Src, Destination: v.Dst, TTL: v.TTL,
	}
	copy(a.AuthData[:], v.Decode.AuthData)
	switch v.Decode.CksumOkAs[0] {
	case "pseudo-v4", "pseudo-v6":
		a.Checksum = packet.PseudoHeader
	}
	return a
}

// rules are those of the router that the vector is addressed to.
func (v *vector) rules() *packet.Rules {
	a := v.want()
	return &packet.Rules{
		Version: a.Version, VRID: a.VRID, Interval: a.Interval, Destination: v.Dst, MinTTL: v.TTL,
		AuthType: a.AuthType, AuthData: a.AuthData, Addresses: a.Addresses, Checksum: a.Checksum,
	}
}

func TestVectors(t *testing.T) {
	for _, v := range vectors(t) {
		t.Run(v.ID, func(t *testing.T) {
			var a packet.Advertisement
			reason := packet.ParsePDU(v.VRRP, v.Src, v.Dst, v.TTL, &a)
			switch v.Expect {
			case "discard: version":
				if reason != packet.BadVersion || a.Version != v.Decode.Ver || a.VRID != v.Decode.VRID {
					t.Errorf("%v, version %d, VRID %d", reason, a.Version, a.VRID)
				}
				return
			case "discard: checksum", "decode fields only (checksum not verifiable)":
				if reason != packet.BadChecksum {
					t.Errorf("parsed: %v, want %v", reason, packet.BadChecksum)
				}
			case "valid":
				if reason != packet.Accepted {
					t.Fatalf("parsed: %v", reason)
				}
				v.testValid(t, &a)
			default:
				t.Fatalf("unknown verdict %q", v.Expect)
			}
			if diff := cmp.Diff(v.want(), a, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
				t.Errorf("decoded (-want +got):\n%s", diff)
			}
		})
	}
}

// testValid checks the verdict and that encoding yields the vector again.
func (v *vector) testValid(t *testing.T, a *packet.Advertisement) {
	reason, notes := a.Check(v.rules())
	if v.Decode.Auth == packet.AuthAH {
		if reason != packet.AuthFailed { // the message alone: its header was taken off
			t.Errorf("received without its Authentication Header: %v, want %v", reason, packet.AuthFailed)
		}
	} else if reason != packet.Accepted {
		t.Errorf("received: %v", reason)
	}
	var wantNotes packet.Notes
	if v.Family == 6 && !v.Decode.Addrs[0].IsLinkLocalUnicast() {
		wantNotes = packet.FirstAddressNotLinkLocal
	}
	if notes != wantNotes {
		t.Errorf("notes %v, want %v", notes, wantNotes)
	}
	message, err := packet.AppendPDU(nil, a)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]byte(v.VRRP), message); diff != "" {
		t.Errorf("encoded again (-want +got):\n%s", diff)
	}
	switch {
	case v.Frame == nil:
	case v.Family == 4:
		v.testDatagram(t)
	default:
		v.testDatagram6(t)
	}
}

// testDatagram6 decodes and encodes the whole IPv6 datagram.
func (v *vector) testDatagram6(t *testing.T) {
	datagram := v.datagram()
	var a packet.Advertisement
	if reason := packet.Parse(datagram, &a); reason != packet.Accepted {
		t.Fatalf("parsed with its IP header: %v", reason)
	}
	if diff := cmp.Diff(v.want(), a, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("decoded with its IP header (-want +got):\n%s", diff)
	}
	got, err := packet.Append(nil, &a)
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Clone(datagram[:40+len(v.VRRP)])
	copy(want, "\x6c\x00\x00\x00") // traffic class and flow label are the sender's choice
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("encoded again with its IP header (-want +got):\n%s", diff)
	}
}

// testDatagram decodes and encodes the whole IPv4 datagram.
func (v *vector) testDatagram(t *testing.T) {
	var a packet.Advertisement
	if reason := packet.Parse(v.datagram(), &a); reason != packet.Accepted {
		t.Fatalf("parsed with its IP header: %v", reason)
	}
	want := v.want()
	want.ID = a.ID
	if want.AH = v.AH; v.AH != nil {
		want.Signed = v.datagram()[:20+len(v.AH)+len(v.VRRP)]
	}
	if diff := cmp.Diff(want, a, cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("decoded with its IP header (-want +got):\n%s", diff)
	}
	header := v.datagram()[:20]
	if header[1] != packet.TOS {
		return // not as we send: RouterOS's TOS 0
	}
	datagram, err := packet.Append(nil, &a)
	if err != nil {
		t.Fatal(err)
	}
	if v.AH != nil {
		v.testAH(t, &a)
		packet.Sign(datagram, ahKey, a.Sequence())
	}
	if diff := cmp.Diff(v.datagram()[:20+len(v.AH)+len(v.VRRP)], datagram); diff != "" {
		t.Errorf("encoded again with its IP header (-want +got):\n%s", diff)
	}
}

// ahKey is the key of the captured Authentication Headers.
var ahKey = packet.Password("k1234567")

// testAH: only a router with the key accepts the vector, and only once.
func (v *vector) testAH(t *testing.T, a *packet.Advertisement) {
	rules := v.rules()
	rules.AuthData = ahKey
	if reason, _ := a.Check(rules); reason != packet.Accepted {
		t.Errorf("received: %v", reason)
	}
	rules.Sequence = a.Sequence()
	if reason, _ := a.Check(rules); reason != packet.Replayed {
		t.Errorf("received again: %v, want %v", reason, packet.Replayed)
	}
	rules.Sequence, rules.AuthData = 0, packet.Password("another")
	if reason, _ := a.Check(rules); reason != packet.AuthFailed {
		t.Errorf("received with another key: %v, want %v", reason, packet.AuthFailed)
	}
	rules.AuthData = ahKey
	for bit := range len(a.Signed) * 8 {
		a.Signed[bit/8] ^= 1 << (bit % 8)
		var changed packet.Advertisement
		reason := packet.Parse(a.Signed, &changed)
		if reason == packet.Accepted {
			reason, _ = changed.Check(rules)
		}
		if reason == packet.Accepted {
			t.Errorf("with bit %d flipped it is accepted", bit)
		}
		a.Signed[bit/8] ^= 1 << (bit % 8)
	}
}

// TestFlippedBits: every single flipped bit in a message is detected.
func TestFlippedBits(t *testing.T) {
	var a packet.Advertisement
	for _, v := range vectors(t) {
		if v.Expect != "valid" {
			continue
		}
		for bit := range len(v.VRRP) * 8 {
			v.VRRP[bit/8] ^= 1 << (bit % 8)
			if reason := packet.ParsePDU(v.VRRP, v.Src, v.Dst, v.TTL, &a); reason == packet.Accepted {
				t.Errorf("%s with bit %d flipped is accepted", v.ID, bit)
			}
			v.VRRP[bit/8] ^= 1 << (bit % 8)
		}
	}
}

// TestTruncated: no prefix of a datagram is accepted.
func TestTruncated(t *testing.T) {
	var a packet.Advertisement
	for _, v := range vectors(t) {
		if v.Expect != "valid" {
			continue
		}
		for n := range len(v.VRRP) {
			if reason := packet.ParsePDU(v.VRRP[:n], v.Src, v.Dst, v.TTL, &a); reason != packet.Truncated {
				t.Errorf("%s cut to %d bytes: %v, want %v", v.ID, n, reason, packet.Truncated)
			}
		}
		if v.Frame == nil {
			continue
		}
		whole := 20 + len(v.AH) + len(v.VRRP)
		if v.Family == 6 {
			whole = 40 + len(v.VRRP)
		}
		for n := range whole {
			if reason := packet.Parse(v.datagram()[:n], &a); reason != packet.Truncated {
				t.Errorf("%s cut to %d bytes with its IP header: %v, want %v", v.ID, n, reason, packet.Truncated)
			}
		}
	}
}

// TestUpdate: patching yields the same bytes as encoding again.
func TestUpdate(t *testing.T) {
	for _, v := range vectors(t) {
		if v.Expect != "valid" {
			continue
		}
		a := v.want()
		patched, err := packet.Append(nil, &a)
		if err != nil {
			t.Fatal(err)
		}
		for priority := 255; priority >= 0; priority-- {
			a.Priority, a.ID = uint8(priority), uint16(priority*0x0107+0xff80)
			packet.Update(patched, a.Priority, a.ID)
			fresh, _ := packet.Append(nil, &a)
			if diff := cmp.Diff(fresh, patched); diff != "" {
				t.Fatalf("%s with priority %d and id %#x (-encoded +patched):\n%s", v.ID, priority, a.ID, diff)
			}
		}
	}
}
