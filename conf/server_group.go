package conf

import (
	"net/netip"
	"strings"

	"github.com/lvs-director/director/conf/syntax"
)

func readServerGroup(l *loader, n *syntax.Node, c *Config) {
	name := n.Arg(0)
	first, defined := l.vsGroups[name]
	if l.repeated(n, first, defined) {
		return
	}
	g := &VirtualServerGroup{Name: name}
	l.begin(g, n)
	for _, e := range l.entries(n) {
		if entry, ok := l.groupEntry(e); ok {
			g.Entries = append(g.Entries, entry)
			l.entry(g, "entry", strings.Join(entry.words(), " "), e)
		}
	}
	if len(g.Entries) == 0 {
		l.atEnd(n, "empty-group", "virtual_server_group %s is empty: it is removed", clip(name))
		return
	}
	l.vsGroups[name] = g
	c.VirtualServerGroups = append(c.VirtualServerGroups, g)
}

// maxGroupAddresses bounds the addresses of one line: a /16 is all that
// anybody balances, and each is a service in the kernel.
const maxGroupAddresses = 65536

// groupEntry reads IP [PORT], a range A.B.C.D-E or A-B, NET/LEN, or fwmark N.
func (l *loader) groupEntry(c *syntax.Node) (GroupEntry, bool) {
	l.word, l.fallback = "fwmark", ""
	s := c.Keyword.Text
	if s == "fwmark" {
		v, ok := l.integer(c, 0, 1, 1<<32-1)
		if family := c.Arg(1); ok && family != "" && family != "inet" && family != "inet6" {
			l.warnArg(c, 1, "unknown-value", "%q is no family of a firewall mark: the line is ignored", clip(family)).Hint = "inet or inet6"
			return GroupEntry{}, false
		}
		return GroupEntry{FWMark: uint32(v), IPv6: c.Arg(1) == "inet6"}, ok
	}
	var e GroupEntry
	var err error
	switch {
	case strings.Contains(s, "/"):
		var p netip.Prefix
		if p, err = netip.ParsePrefix(s); err == nil {
			if p.Masked() != p {
				l.warn(c, "invalid-address", "%q has host bits beyond its mask: the line is ignored", clip(s)).Hint = "write " + p.Masked().String()
				return e, false
			}
			e.First, e.Last = p.Addr(), lastAddr(p)
		}
	case strings.Contains(s, "-"):
		from, to, _ := strings.Cut(s, "-")
		if e.First, err = parseAddr(from); err == nil {
			if e.Last, err = parseAddr(to); err != nil {
				e.Last, err = replaceLast(e.First, to)
			}
		}
	default:
		e.First, err = parseAddr(s)
		e.Last = e.First
	}
	if err != nil || e.First.Is4() != e.Last.Is4() || e.Last.Less(e.First) {
		l.warn(c, "invalid-address", "%q is neither an address nor a range of addresses: the line is ignored", clip(s))
		return e, false
	}
	if addressCount(e.First, e.Last) > maxGroupAddresses {
		l.warn(c, "range-too-large", "%q is more than %d addresses: the line is ignored", clip(s), maxGroupAddresses)
		return e, false
	}
	if len(c.Args) > 0 {
		p, ok := portNumber(c.Arg(0))
		if !ok {
			l.warnArg(c, 0, "invalid-port", "%q is no port: the line is ignored", clip(c.Arg(0)))
			return e, false
		}
		e.Port = p
	}
	if len(c.Args) > 1 {
		l.noteArg(c, 1, "extra-words", "%q and what follows it are ignored", clip(c.Arg(1)))
	}
	return e, true
}

// replaceLast reads the E of A.B.C.D-E, or the last group of an IPv6 address.
func replaceLast(first netip.Addr, s string) (netip.Addr, error) {
	text := first.String()
	cut := strings.LastIndexAny(text, ".:")
	if first.Is6() {
		text = first.StringExpanded()
		cut = strings.LastIndexByte(text, ':')
	}
	return parseAddr(text[:cut+1] + s)
}

func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// addressCount is the number of addresses from a to b, or something larger
// than maxGroupAddresses.
func addressCount(a, b netip.Addr) int {
	x, y := a.As16(), b.As16()
	for i := range 12 {
		if x[i] != y[i] {
			return maxGroupAddresses + 1
		}
	}
	d := int64(y[12])<<24 + int64(y[13])<<16 + int64(y[14])<<8 + int64(y[15]) -
		int64(x[12])<<24 - int64(x[13])<<16 - int64(x[14])<<8 - int64(x[15]) + 1
	return int(min(d, maxGroupAddresses+1))
}
