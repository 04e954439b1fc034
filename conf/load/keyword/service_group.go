package keyword

import (
	"net/netip"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
	"github.com/lvs-director/director/conf/syntax"
)

func readServerGroup(l *Loader, n *syntax.Node, c *conf.Config) {
	name := n.Arg(0)
	first, defined := l.ServerGroups[name]
	if l.repeated(n, first, defined) {
		return
	}
	g := &conf.VirtualServerGroup{Name: name}
	l.Begin(g, n)
	for _, e := range l.Entries(n) {
		if entry, ok := l.groupEntry(e); ok {
			g.Entries = append(g.Entries, entry)
			l.Entry(g, "entry", strings.Join(entry.Words(), " "), e)
		}
	}
	if len(g.Entries) == 0 {
		l.Drop("virtual_server_group", name)
		l.AtEnd(n, "empty-group", "virtual_server_group %s is empty: it is removed", value.Clip(name))
		return
	}
	l.ServerGroups[name] = g
	c.VirtualServerGroups = append(c.VirtualServerGroups, g)
}

// MaxGroupAddresses bounds the addresses of one line: a /16 is all that
// anybody balances, and each is a service in the kernel.
const MaxGroupAddresses = 65536

// groupEntry reads IP [PORT], a range A.B.C.D-E or A-B, NET/LEN, or fwmark N.
func (l *Loader) groupEntry(c *syntax.Node) (conf.GroupEntry, bool) {
	l.Word, l.Fallback = "fwmark", ""
	s := c.Keyword.Text
	if s == "fwmark" {
		v, ok := l.Integer(c, 0, 1, 1<<32-1)
		if family := c.Arg(1); ok && family != "" && family != "inet" && family != "inet6" {
			l.WarnArg(c, 1, "unknown-value", "%q is not a family of a firewall mark: the line is ignored",
				value.Clip(family)).Hint = "inet or inet6"
			return conf.GroupEntry{}, false
		}
		return conf.GroupEntry{FWMark: uint32(v), IPv6: c.Arg(1) == "inet6"}, ok
	}
	var e conf.GroupEntry
	var err error
	switch {
	case strings.Contains(s, "/"):
		var p netip.Prefix
		if p, err = netip.ParsePrefix(s); err == nil {
			if p.Masked() != p {
				l.Warn(c, "invalid-address", "%q has host bits beyond its mask: the line is ignored",
					value.Clip(s)).Hint = "write " + p.Masked().String()
				return e, false
			}
			e.First, e.Last = p.Addr(), lastAddr(p)
		}
	case strings.Contains(s, "-"):
		from, to, _ := strings.Cut(s, "-")
		if e.First, err = value.ParseAddr(from); err == nil {
			if e.Last, err = value.ParseAddr(to); err != nil {
				e.Last, err = replaceLast(e.First, to)
			}
		}
	default:
		e.First, err = value.ParseAddr(s)
		e.Last = e.First
	}
	if err == nil && e.First.Is4() == e.Last.Is4() && e.Last.Less(e.First) {
		l.Warn(c, "invalid-address", "the range of addresses %q is written backwards: the line is ignored",
			value.Clip(s)).Hint = "write " + e.Last.String() + "-" + e.First.String()
		return e, false
	}
	if err != nil || e.First.Is4() != e.Last.Is4() {
		l.Warn(c, "invalid-address", "%q is neither an address nor a range of addresses: the line is ignored", value.Clip(s))
		return e, false
	}
	if AddressCount(e.First, e.Last) > MaxGroupAddresses {
		l.Warn(c, "range-too-large", "%q is more than %d addresses: the line is ignored", value.Clip(s), MaxGroupAddresses)
		return e, false
	}
	if len(c.Args) > 0 {
		p, ok := portNumber(c.Arg(0))
		if !ok {
			l.WarnArg(c, 0, "invalid-port", "%q is not a port: the line is ignored", value.Clip(c.Arg(0)))
			return e, false
		}
		e.Port = p
	}
	if len(c.Args) > 1 {
		l.NoteArg(c, 1, "extra-words", "%q and what follows it are ignored", value.Clip(c.Arg(1)))
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
	return value.ParseAddr(text[:cut+1] + s)
}

func lastAddr(p netip.Prefix) netip.Addr {
	b := p.Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// AddressCount is the number of addresses from a to b, or something larger
// than maxGroupAddresses.
func AddressCount(a, b netip.Addr) int {
	x, y := a.As16(), b.As16()
	for i := range 12 {
		if x[i] != y[i] {
			return MaxGroupAddresses + 1
		}
	}
	d := int64(y[12])<<24 + int64(y[13])<<16 + int64(y[14])<<8 + int64(y[15]) -
		int64(x[12])<<24 - int64(x[13])<<16 - int64(x[14])<<8 - int64(x[15]) + 1
	return int(min(d, MaxGroupAddresses+1))
}
