package conf

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/lvs-director/director/conf/syntax"
)

// entries gives the lines of a value block: one entry each, whose words are
// its options.
func (l *loader) entries(n *syntax.Node) []*syntax.Node {
	named := 0
	if n.Keyword.Text == "virtual_server_group" {
		named = 1
	}
	if len(n.Args) > named {
		l.warnArg(n, named, "extra-words", "%q is ignored: %s takes only its block", clip(n.Arg(named)), n.Keyword.Text)
	}
	for _, c := range n.Children() {
		if c.Block != nil {
			l.warnAt(c.Block.Open, c.Origin, "unexpected-brace", "%s has one entry on a line: what stands in these braces is ignored", n.Keyword.Text)
		}
	}
	return n.Children()
}

// addresses reads a block of addresses and appends them to list.
// owner is the block that list is of.
func (l *loader) addresses(n *syntax.Node, owner any, list []Address, static bool) []Address {
	l.word = n.Keyword.Text
	for _, c := range l.entries(n) {
		a, ok := l.addressEntry(c, static)
		if !ok {
			continue
		}
		l.addressNodes[owner] = append(l.addressNodes[owner], c)
		block := owner
		if x, ok := owner.(excludedOf); ok {
			block = x.instance
		}
		l.entry(block, n.Keyword.Text, a.Prefix.Addr().String(), c)
		list = append(list, a)
	}
	return list
}

func (l *loader) addressEntry(c *syntax.Node, static bool) (Address, bool) {
	prefix, masked, ok := l.prefix(c, c.Keyword.Text, c.Pos())
	if !ok {
		return Address{}, false
	}
	a := Address{Prefix: prefix, PreferredLifetime: Forever}
	if prefix.Addr().Is6() && !masked {
		a.PreferredLifetime = 0
	}
	i := 0
	next := func(what string) (string, bool) {
		if i+1 >= len(c.Args) {
			l.warnArg(c, i, "missing-value", "%s of address %s has no value: it is ignored", what, prefix.Addr())
			return "", false
		}
		i++
		return c.Arg(i), true
	}
	for ; i < len(c.Args); i++ {
		switch opt := c.Arg(i); opt {
		case "dev":
			if _, ok := next(opt); ok {
				if name, ok := l.interfaceName(c, i); ok {
					a.Device = name
				}
			}
		case "label":
			if s, ok := next(opt); ok {
				a.Label = s
			}
		case "scope":
			if s, ok := next(opt); ok {
				if !validScope(s) {
					l.warnArg(c, i, "unknown-value", "scope cannot be %q: it is ignored", clip(s))
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
				if p, _, ok := l.prefix(c, s, argPos(c, i)); ok {
					a.Peer = p
				}
			}
		case "preferred_lft":
			if s, ok := next(opt); ok {
				if s == "forever" {
					a.PreferredLifetime = Forever
				} else if v, ok := l.integer(c, i, 0, 1<<32-1); ok {
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
					l.warnArg(c, i-1, "unknown-value", "track_group is for static addresses: it is ignored")
				}
			}
		default:
			l.warnArg(c, i, "unknown-option", "unknown address option %q: it is ignored%s", clip(opt), didYouMean(opt, addressOptions))
		}
	}
	return a, true
}

var addressOptions = []string{
	"dev", "label", "scope", "brd", "broadcast", "peer", "preferred_lft", "home", "-nodad", "mngtmpaddr",
	"noprefixroute", "autojoin", "no_track", "use_vmac", "track_group",
}

// didYouMean is a suggestion to stand behind a message, or "".
func didYouMean(word string, names []string) string {
	if near := nearest(word, names); near != "" && near != word {
		return " (did you mean " + near + "?)"
	}
	return ""
}

// broadcast reads the word after brd.
func (l *loader) broadcast(c *syntax.Node, i int, s string, a *Address) {
	switch s {
	case "+":
		a.Broadcast, a.BroadcastAuto = netip.Addr{}, true
		return
	case "-":
		a.Broadcast, a.BroadcastAuto = netip.Addr{}, false
		return
	}
	b, err := parseAddr(s)
	if err != nil || !b.Is4() || !a.Prefix.Addr().Is4() {
		l.warnArg(c, i, "invalid-address", "%q is no broadcast address of %s: it is ignored", clip(s), a.Prefix.Addr())
		return
	}
	a.Broadcast, a.BroadcastAuto = b, false
}

// prefix reads IP[/MASK], where the mask is a length or, for IPv4, dotted.
func (l *loader) prefix(c *syntax.Node, s string, at syntax.Pos) (p netip.Prefix, masked, ok bool) {
	addr, mask, masked := strings.Cut(s, "/")
	a, err := parseAddr(addr)
	if err != nil {
		l.warnAt(at, c.Origin, "invalid-address", "%q is no IP address: the line is ignored", clip(s))
		return p, masked, false
	}
	if !masked {
		return netip.PrefixFrom(a, a.BitLen()), false, true
	}
	bits, good := maskBits(mask, a)
	if !good {
		l.warnAt(at, c.Origin, "invalid-mask", "%q is no mask of %s: %d is used", clip(mask), a, a.BitLen())
		bits = a.BitLen()
	}
	return netip.PrefixFrom(a, bits), true, true
}

// maskBits reads a prefix length, or a dotted mask of IPv4.
func maskBits(s string, a netip.Addr) (int, bool) {
	if v, ok := decimal(s); ok {
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

// words is the address as the words of a line.
func (a Address) words() []string {
	words := one(a.Prefix.String())
	add := func(w ...string) { words = append(words, w...) }
	if a.Device != "" {
		add("dev", a.Device)
	}
	if a.Scope != "" {
		add("scope", a.Scope)
	}
	if a.Label != "" {
		add("label", a.Label)
	}
	switch {
	case a.BroadcastAuto:
		add("brd", "+")
	case a.Broadcast.IsValid():
		add("brd", a.Broadcast.String())
	}
	if a.Peer.IsValid() {
		add("peer", a.Peer.String())
	}
	for _, f := range []struct {
		name string
		on   bool
	}{
		{"home", a.Home}, {"-nodad", a.DAD}, {"mngtmpaddr", a.MngTmpAddr}, {"noprefixroute", a.NoPrefixRoute},
		{"autojoin", a.AutoJoin}, {"no_track", a.NoTrack}, {"use_vmac", a.UseVMAC},
	} {
		if f.on {
			add(f.name)
		}
	}
	if a.PreferredLifetime != Forever {
		add("preferred_lft", strconv.FormatInt(int64(a.PreferredLifetime/time.Second), 10))
	}
	if a.TrackGroup != "" {
		add("track_group", a.TrackGroup)
	}
	return words
}
