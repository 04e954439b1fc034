//go:build linux

package pair

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/lvs-director/director/integration/lab"
)

// Advertisement is a captured VRRP packet, decoded here and not by the code
// under test.
type Advertisement struct {
	Time     time.Time
	Outgoing bool
	Source   netip.Addr
	Version  int
	VRID     int
	Priority int
	Interval time.Duration
}

// Advertisements returns those that passed an interface since the given time.
func Advertisements(c *lab.Capture, since time.Time) []Advertisement {
	var list []Advertisement
	for _, p := range c.Packets(since) {
		if a, ok := readAdvertisement(p.Frame); ok {
			a.Time, a.Outgoing = p.Time, p.Outgoing
			list = append(list, a)
		}
	}
	return list
}

// readAdvertisement reads an Ethernet frame with VRRP over IPv4 or IPv6
// (RFC 9568 5.1, RFC 3768 5).
func readAdvertisement(frame []byte) (Advertisement, bool) {
	const etherHeader, ip4Header, ip6Header, vrrpHeader, protocolVRRP = 14, 20, 40, 8, 112
	if len(frame) < etherHeader+ip4Header {
		return Advertisement{}, false
	}
	ip := frame[etherHeader:]
	var source netip.Addr
	header := 0
	switch etherType := binary.BigEndian.Uint16(frame[12:]); {
	case etherType == 0x0800 && ip[9] == protocolVRRP:
		source, _ = netip.AddrFromSlice(ip[12:16])
		header = int(ip[0]&0x0f) * 4
	case etherType == 0x86dd && ip[6] == protocolVRRP && len(ip) >= ip6Header:
		source, _ = netip.AddrFromSlice(ip[8:24])
		header = ip6Header
	default:
		return Advertisement{}, false
	}
	if len(ip) < header+vrrpHeader {
		return Advertisement{}, false
	}
	v := ip[header:]
	a := Advertisement{Source: source, Version: int(v[0] >> 4), VRID: int(v[1]), Priority: int(v[2])}
	if a.Version == 3 {
		a.Interval = time.Duration(binary.BigEndian.Uint16(v[4:])&0x0fff) * 10 * time.Millisecond
	} else {
		a.Interval = time.Duration(v[5]) * time.Second
	}
	return a, v[0]&0x0f == 1
}

// From keeps the advertisements of one router.
func From(list []Advertisement, source string) []Advertisement {
	var kept []Advertisement
	for _, a := range list {
		if a.Source == netip.MustParseAddr(source) {
			kept = append(kept, a)
		}
	}
	return kept
}

// Advertised returns what director i has sent on the front network since the
// given time, as director i's own interface saw it.
func (s *Site) Advertised(i int, since time.Time) []Advertisement {
	return From(Advertisements(s.Dirs[i].Capture("eth0"), since), s.AdvertSource(i))
}
