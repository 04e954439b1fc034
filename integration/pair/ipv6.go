//go:build linux

package pair

import (
	"cmp"
	"fmt"
	"net/netip"
)

// The virtual addresses of a site that uses IPv6, in the network of RFC 3849
// for documentation. The link-local one comes first (RFC 9568 section 5.2.9).
const (
	LinkLocalVIP = "fe80::51:100"
	VIP6         = "2001:db8:1::100"
)

// UseIPv6 gives a site without services an IPv6 virtual router. Call it before
// the daemons start. The directors get a global address and forward IPv6. The
// inside gateway of NAT remains, excluded from the advertisements.
func (s *Site) UseIPv6() {
	s.IPv6 = true
	for i, h := range s.Dirs {
		h.Sysctl("net.ipv6.conf.all.forwarding", "1")
		h.Address("eth0", GlobalAddress(i)+"/64")
	}
}

// GlobalAddress is a director's IPv6 address on the front network.
func GlobalAddress(i int) string { return fmt.Sprintf("2001:db8:1::%d", 2+i) }

// LinkLocalAddress is the address that director i's eth0 derives from its
// hardware address (RFC 4291 appendix A).
func (s *Site) LinkLocalAddress(i int) string {
	mac := s.Dirs[i].HardwareAddr("eth0")
	return netip.AddrFrom16([16]byte{
		0: 0xfe, 1: 0x80, 8: mac[0] ^ 2, 9: mac[1], 10: mac[2], 11: 0xff, 12: 0xfe, 13: mac[3], 14: mac[4], 15: mac[5],
	}).String()
}

// AdvertSource is the default source address of director i's advertisements.
func (s *Site) AdvertSource(i int) string {
	if s.IPv6 {
		return s.LinkLocalAddress(i)
	}
	return DirectorAddress(i)
}

// virtualAddresses are those on the front network.
func (s *Site) virtualAddresses() []string {
	if s.IPv6 {
		return []string{LinkLocalVIP, VIP6}
	}
	return []string{VIP}
}

func (s *Site) prefixLength() int {
	if s.IPv6 {
		return 64
	}
	return 24
}

func (s *Site) place() string { return cmp.Or(s.Place, "eth0") }
