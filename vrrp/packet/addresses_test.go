package packet_test

import (
	"net/netip"
	"testing"

	"github.com/lvs-director/director/vrrp/packet"
)

func TestDifferentAddresses(t *testing.T) {
	list := func(last ...byte) (addrs []netip.Addr) {
		for _, b := range last {
			addrs = append(addrs, netip.AddrFrom4([4]byte{192, 0, 2, b}))
		}
		return addrs
	}
	for _, tc := range []struct {
		got, want []netip.Addr
		text      string
	}{
		{list(1, 2), list(2, 3), "only in the advertisement: 192.0.2.1; only configured here: 192.0.2.3"},
		{list(1), list(1, 3), "only configured here: 192.0.2.3"},
		{list(1, 1), list(1), "an address is advertised more than once"},
		{nil, list(1, 2, 3, 4, 5, 6, 7, 8, 9, 10), "only configured here: " +
			"192.0.2.1, 192.0.2.2, 192.0.2.3, 192.0.2.4, 192.0.2.5, " +
			"192.0.2.6, 192.0.2.7, 192.0.2.8 and 2 more"},
	} {
		if got := packet.DifferentAddresses(tc.got, tc.want); got != tc.text {
			t.Errorf("%q, want %q", got, tc.text)
		}
	}
}
