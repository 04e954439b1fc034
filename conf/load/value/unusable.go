package value

import (
	"net/netip"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/syntax"
)

// maxLabel is the longest label of an address: the kernel's IFNAMSIZ less the end.
const maxLabel = MaxInterfaceName

var (
	thisNetwork = netip.MustParsePrefix("0.0.0.0/8")
	everywhere  = netip.MustParseAddr("255.255.255.255")
)

// Unusable says why no host can be reached at an address; empty when one may.
func Unusable(a netip.Addr) string {
	switch {
	case a.IsUnspecified():
		return "it stands for any address, and the kernel does not keep it"
	case thisNetwork.Contains(a):
		return "other hosts refuse addresses of 0.0.0.0/8"
	case a.IsMulticast():
		return "it is a multicast group"
	case a.IsLoopback():
		return "it is a loopback address, which no other host can reach"
	case a == everywhere:
		return "it is the broadcast address of every network"
	case a.Is4In6():
		return "it is an IPv4 address written as IPv6"
	}
	return ""
}

// unusable says why an address serves nobody on its interface; empty when it may.
func unusable(a conf.Address) string {
	addr, bits := a.Prefix.Addr(), a.Prefix.Bits()
	why := Unusable(addr)
	switch {
	case addr.IsLoopback() && a.Device == "lo", addr.IsMulticast() && a.AutoJoin:
		return "" // the host's own business, and a group that is to be joined
	case why != "" || a.Peer.IsValid() || bits >= addr.BitLen()-1:
		return why // without a network there is no address of it (RFC 3021, RFC 6164)
	case addr == a.Prefix.Masked().Addr():
		return "it is the address of the network itself"
	case addr.Is4() && addr == lastOf(a.Prefix):
		return "it is the broadcast address of " + a.Prefix.Masked().String()
	}
	return ""
}

// lastOf is the last address of an IPv4 network.
func lastOf(p netip.Prefix) netip.Addr {
	b := p.Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		b[i/8] |= 1 << (7 - i%8)
	}
	return netip.AddrFrom4(b)
}

// sayUnusable warns of an address that is configured for nothing. The address
// stays in the configuration: keepalived runs it too.
func (l *Reader) sayUnusable(c *syntax.Node, a conf.Address, static bool) {
	kind := "virtual"
	if static {
		kind = "static"
	}
	if why := unusable(a); why != "" {
		l.Warn(c, "unusable-address", "%s address %s serves nobody: %s", kind, a.Prefix, why).Unserved = true
		return
	}
	if a.Prefix.Bits() == 0 {
		l.Warn(c, "unusable-address", "%s address %s would make every host a neighbour: its mask is 0", kind,
			a.Prefix).Unserved = true
	}
}
