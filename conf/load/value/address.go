package value

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/syntax"
)

// Entries gives the lines of a value block: one entry each, whose words are
// its options.
func (l *Reader) Entries(n *syntax.Node) []*syntax.Node {
	named := 0
	if n.Keyword.Text == "virtual_server_group" {
		named = 1
	}
	if len(n.Args) > named {
		l.WarnArg(n, named, "extra-words", "%q is ignored: %s takes only its block", Clip(n.Arg(named)), n.Keyword.Text)
	}
	for _, c := range n.Children() {
		if c.Block != nil {
			l.WarnAt(c.Block.Open, c.Origin, "unexpected-brace",
				"%s has one entry on a line: what stands in these braces is ignored", n.Keyword.Text)
		}
	}
	return n.Children()
}

// AddressEntry reads a line of virtual_ipaddress, or of static_ipaddress with
// its words.
func (l *Reader) AddressEntry(c *syntax.Node, static bool) (conf.Address, bool) {
	prefix, _, ok := l.Prefix(c, c.Keyword.Text, c.Pos())
	if !ok {
		return conf.Address{}, false
	}
	a := conf.Address{Prefix: prefix, PreferredLifetime: conf.Forever}
	if prefix.Addr().Is6() && prefix.IsSingleIP() {
		a.PreferredLifetime = 0
	}
	i := 0
	next := func(what string) (string, bool) {
		if i+1 >= len(c.Args) {
			l.WarnArg(c, i, "missing-value", "%s of address %s has no value: it is ignored", what, prefix.Addr())
			return "", false
		}
		i++
		return c.Arg(i), true
	}
	for ; i < len(c.Args); i++ {
		switch opt := c.Arg(i); opt {
		case "dev":
			if _, ok := next(opt); ok {
				if name, ok := l.InterfaceName(c, i); ok {
					a.Device = name
				}
			}
		case "label":
			if s, ok := next(opt); ok {
				if prefix.Addr().Is6() {
					l.WarnArg(c, i-1, "ipv6-option", "an IPv6 address has no label: it is ignored")
				} else if len(s) > maxLabel {
					l.WarnArg(c, i, "invalid-label", "label %q is longer than %d characters: the address is ignored", Clip(s),
						maxLabel).Unserved = true
					return conf.Address{}, false
				} else {
					a.Label = s
				}
			}
		case "scope":
			if s, ok := next(opt); ok {
				if prefix.Addr().Is6() {
					l.WarnArg(c, i-1, "ipv6-option", "an IPv6 address has no scope of its own: it is ignored")
				} else if !validScope(s) {
					l.WarnArg(c, i, "unknown-value", "scope cannot be %q: it is ignored", Clip(s))
				} else {
					a.Scope = s
				}
			}
		case "brd", "broadcast":
			if s, ok := next(opt); ok {
				l.broadcast(c, i, s, &a)
			}
		case "peer":
			if s, ok := next(opt); ok {
				if p, _, ok := l.Prefix(c, s, ArgPos(c, i)); ok {
					a.Peer = p
				}
			}
		case "preferred_lft":
			if s, ok := next(opt); ok {
				if s == "forever" {
					a.PreferredLifetime = conf.Forever
				} else if v, ok := l.Integer(c, i, 0, 1<<32-1); ok {
					a.PreferredLifetime = time.Duration(v) * time.Second
				}
			}
		case "home":
			a.Home = true
		case "-nodad":
			a.DAD = true
		case "mngtmpaddr":
			a.MngTmpAddr = true
		case "noprefixroute":
			a.NoPrefixRoute = true
		case "autojoin":
			a.AutoJoin = true
		case "no_track":
			a.NoTrack = true
		case "use_vmac":
			a.UseVMAC = true
		case "track_group":
			if s, ok := next(opt); ok {
				if static {
					a.TrackGroup = s
				} else {
					l.WarnArg(c, i-1, "unknown-value", "track_group is for static addresses: it is ignored")
				}
			}
		default:
			l.WarnArg(c, i, "unknown-option", "unknown address option %q: it is ignored%s", Clip(opt),
				DidYouMean(opt, addressOptions))
		}
	}
	l.sayUnusable(c, a, static)
	return a, true
}

var addressOptions = []string{
	"dev", "label", "scope", "brd", "broadcast", "peer", "preferred_lft", "home", "-nodad", "mngtmpaddr",
	"noprefixroute", "autojoin", "no_track", "use_vmac", "track_group",
}

// broadcast reads the word after brd.
func (l *Reader) broadcast(c *syntax.Node, i int, s string, a *conf.Address) {
	switch s {
	case "+":
		a.Broadcast, a.BroadcastAuto = netip.Addr{}, true
		return
	case "-":
		a.Broadcast, a.BroadcastAuto = netip.Addr{}, false
		return
	}
	b, err := ParseAddr(s)
	if err != nil || !b.Is4() || !a.Prefix.Addr().Is4() {
		l.WarnArg(c, i, "invalid-address", "%q is not a broadcast address of %s: it is ignored", Clip(s), a.Prefix.Addr())
		return
	}
	a.Broadcast, a.BroadcastAuto = b, false
}

// Prefix reads IP[/MASK], where the mask is a length or, for IPv4, dotted.
func (l *Reader) Prefix(c *syntax.Node, s string, at conf.Pos) (p netip.Prefix, masked, ok bool) {
	addr, mask, masked := strings.Cut(s, "/")
	a, err := ParseAddr(addr)
	if err != nil {
		l.WarnAt(at, c.Origin, "invalid-address", "%q is not an IP address: the line is ignored", Clip(s))
		return p, masked, false
	}
	if !masked {
		return netip.PrefixFrom(a, a.BitLen()), false, true
	}
	bits, good := MaskBits(mask, a)
	if !good {
		l.WarnAt(at, c.Origin, "invalid-mask", "%q is not a mask of %s: %d is used", Clip(mask), a, a.BitLen())
		bits = a.BitLen()
	}
	return netip.PrefixFrom(a, bits), true, true
}

// MaskBits reads a prefix length, or a dotted mask of IPv4.
func MaskBits(s string, a netip.Addr) (int, bool) {
	if v, ok := Decimal(s); ok {
		return int(v), v >= 0 && v <= int64(a.BitLen())
	}
	m, err := netip.ParseAddr(s)
	if err != nil || !m.Is4() || !a.Is4() {
		return 0, false
	}
	b := m.As4()
	v := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	bits := 0
	for ; v&(1<<31) != 0; v <<= 1 {
		bits++
	}
	return bits, v == 0
}

// validScope tells whether s is a scope of an address or route.
func validScope(s string) bool {
	switch s {
	case "link", "host", "global", "site", "nowhere", "universe":
		return true
	}
	v, err := strconv.ParseUint(s, 0, 8)
	return err == nil && v <= 255
}
