package packet_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/lvs-director/director/vrrp/packet"
)

var link, linkVIP, globalVIP = netip.MustParseAddr("fe80::2"), netip.MustParseAddr("fe80::10"),
	netip.MustParseAddr("2001:db8::10")

func version3over6() packet.Advertisement {
	return packet.Advertisement{
		Version: 3, VRID: 10, Priority: 200, Interval: time.Second, Addresses: []netip.Addr{linkVIP, globalVIP},
		Source: link, Destination: packet.Multicast6,
	}
}

// TestDropReasons6 provokes the drop reasons of IPv6 headers.
func TestDropReasons6(t *testing.T) {
	for _, c := range []struct {
		name   string
		want   packet.DropReason
		mangle func(d []byte) []byte
	}{
		{"as it is sent", packet.Accepted, func(d []byte) []byte { return d }},
		{"padding of the frame", packet.Accepted, func(d []byte) []byte { return append(d, 1, 2, 3) }},
		{"a flow label", packet.Accepted, func(d []byte) []byte { d[2], d[3] = 0xaf, 0xfe; return d }},
		{"half a header", packet.Truncated, func(d []byte) []byte { return d[:39] }},
		{"cut off", packet.Truncated, func(d []byte) []byte { return d[:len(d)-1] }},
		{"another protocol", packet.NotVRRP, func(d []byte) []byte { d[6] = 17; return d }},
		{"an Authentication Header", packet.NotVRRP, func(d []byte) []byte { d[6] = packet.ProtocolAH; return d }},
		{"through a router", packet.BadTTL, func(d []byte) []byte { d[7] = 254; return d }},
		{"from another address than was summed", packet.BadChecksum, func(d []byte) []byte { d[23]++; return d }},
		{"an IPv4 address inside", packet.NotIP, func(d []byte) []byte {
			copy(d[8:], make([]byte, 10))
			d[18], d[19] = 0xff,
				0xff
			return d
		}},
		{"a trailer", packet.TrailingData, func(d []byte) []byte { d[5] += 16; return append(d, make([]byte, 16)...) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			adv := version3over6()
			rules := rulesFor(adv)
			rules.Destination, rules.Addresses = packet.Multicast6, adv.Addresses
			if got, notes := receive(c.mangle(encode(t, adv)), &rules); got != c.want || notes != 0 {
				t.Errorf("%v, notes %q; want %v", got, notes, c.want)
			}
		})
	}
}

// TestFirstAddress: an address list that does not begin with the link-local
// address is accepted and noted.
func TestFirstAddress(t *testing.T) {
	adv := version3over6()
	adv.Addresses = []netip.Addr{globalVIP, linkVIP}
	rules := rulesFor(adv)
	rules.Destination, rules.Addresses = packet.Multicast6, adv.Addresses
	if got, notes := receive(encode(t, adv), &rules); got != packet.Accepted || notes != packet.FirstAddressNotLinkLocal {
		t.Errorf("%v, notes %q", got, notes)
	}
}
