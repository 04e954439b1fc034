package value

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/syntax"
)

// RouteTypes are the kernel's types of routes.
var RouteTypes = []string{"unicast", "local", "broadcast", "anycast", "multicast", "throw", "unreachable", "prohibit",
	"blackhole", "nat", "xresolve"}

// RareRouteWords are words of routes that have no field: the number is how many
// words follow.
var RareRouteWords = map[string]int{
	"rtt": 1, "rttvar": 1, "reordering": 1, "window": 1, "cwnd": 1, "ssthresh": 1, "realms": 1, "rto_min": 1,
	"features": 1, "quickack": 1, "congctl": 1, "pref": 1, "expires": 1, "ttl-propagate": 1,
	"fastopen_no_cookie": 1, "append": 0, "prepend": 0, "add": 0, "lock": 0, "ecn": 0, "nopolicyroute": 0,
}

var routeWords = []string{
	"src", "to", "via", "gw", "or", "dev", "oif", "scope", "table", "tos", "dsfield", "protocol", "metric", "priority",
	"preference", "mtu", "hoplimit", "advmss", "initcwnd", "initrwnd", "onlink", "nexthop", "vrf", "no_track",
	"track_group", "encap",
}

// Routes reads a block of routes and appends them to list.
func (l *Reader) Routes(n *syntax.Node, owner any, list []conf.Route) []conf.Route {
	for _, c := range l.Entries(n) {
		if r, ok := l.route(c); ok {
			list = append(list, r)
			l.Entry(owner, n.Keyword.Text, r.Text, c)
		}
	}
	return list
}

// words is a cursor over the words of an entry.
type entry struct {
	l    *Reader
	c    *syntax.Node
	i    int // the word that was taken last; -1 is the keyword
	text []string
	fine bool
}

func newEntry(l *Reader, c *syntax.Node) *entry {
	return &entry{l: l, c: c, i: -2, text: append([]string{c.Keyword.Text}, Vector(c)...), fine: true}
}

func (e *entry) next() (string, bool) {
	e.i++
	if e.i+1 >= len(e.text) {
		return "", false
	}
	return e.text[e.i+1], true
}

// value takes the word after opt.
func (e *entry) value(opt string) (string, bool) {
	s, ok := e.next()
	if !ok {
		e.i--
		e.l.WarnArg(e.c, e.i, "missing-value", "%s has no value: the line is ignored", opt)
		e.fine = false
	}
	return s, ok
}

func (e *entry) bad(format string, args ...any) {
	e.l.WarnArg(e.c, e.i, "invalid-value", format, args...)
	e.fine = false
}

func (e *entry) uint32(opt string) uint32 {
	s, ok := e.value(opt)
	if !ok {
		return 0
	}
	v, err := strconv.ParseUint(s, 0, 32)
	if err != nil {
		e.bad("%s cannot be %q: the line is ignored", opt, Clip(s))
	}
	return uint32(v)
}

func (e *entry) addr(opt string) netip.Addr {
	s, ok := e.value(opt)
	if !ok {
		return netip.Addr{}
	}
	a, err := ParseAddr(s)
	if err != nil {
		e.bad("%s cannot be %q, it must be an IP address: the line is ignored", opt, Clip(s))
	}
	return a
}

func (e *entry) str(opt string) string {
	s, _ := e.value(opt)
	return s
}

// network reads an address with an optional mask, or default.
func (e *entry) network(s string) (netip.Prefix, bool) {
	addr, mask, masked := strings.Cut(s, "/")
	a, err := ParseAddr(addr)
	if err != nil {
		return netip.Prefix{}, false
	}
	if !masked {
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	bits, ok := MaskBits(mask, a)
	return netip.PrefixFrom(a, bits), ok
}

func (l *Reader) route(c *syntax.Node) (conf.Route, bool) {
	e := newEntry(l, c)
	r := conf.Route{Text: strings.Join(e.text, " "), Table: conf.TableMain, Protocol: conf.ProtocolKeepalived}
	scoped := false
	isDefault := false
	for e.fine {
		s, more := e.next()
		if !more {
			break
		}
		switch s {
		case "src":
			r.Source = e.addr(s)
		case "to":
			s, more = e.value(s)
			if more {
				isDefault = l.destination(e, &r, s)
			}
		case "via":
			r.Via = l.via(e, s)
		case "gw":
			l.WarnArg(c, e.i, "deprecated", "gw is the old word for via")
			r.Via = e.addr(s)
		case "or":
			l.WarnArg(c, e.i, "deprecated", "or is the old form of nexthop via IP")
			if r.Via.IsValid() {
				r.NextHops = append(r.NextHops, conf.NextHop{Via: r.Via, Device: r.Device, Weight: 1})
				r.Via = netip.Addr{}
			}
			r.NextHops = append(r.NextHops, conf.NextHop{Via: e.addr(s), Weight: 1})
		case "nexthop":
			r.NextHops = append(r.NextHops, l.nextHop(e))
		case "dev", "oif":
			if r.Device = e.str(s); len(r.Device) > MaxInterfaceName {
				e.bad("interface name %q is longer than %d characters: the line is ignored", Clip(r.Device), MaxInterfaceName)
			}
		case "table":
			r.Table = e.table(s)
		case "scope":
			text := e.str(s)
			if r.Scope, scoped = conf.ScopeNumber(text); e.fine && !scoped {
				e.bad("scope cannot be %q: the line is ignored", Clip(text))
			}
		case "protocol":
			r.Protocol = e.protocol(s)
		case "metric", "priority", "preference":
			r.Metric = e.uint32(s)
		case "tos", "dsfield":
			v := e.uint32(s)
			if v > math.MaxUint8 {
				e.bad("%s %d is larger than 255: the line is ignored", s, v)
			}
			r.TOS = uint8(v)
		case "mtu", "advmss", "initcwnd", "initrwnd", "hoplimit":
			if e.i+2 < len(e.text) && e.text[e.i+2] == "lock" {
				e.i++
				if r.MTULock = s == "mtu"; !r.MTULock {
					l.NoteArg(c, e.i, "no-effect", "lock of %s is accepted without effect: director locks only the mtu", s)
				}
			}
			v := e.uint32(s)
			*map[string]*uint32{"mtu": &r.MTU, "advmss": &r.AdvMSS, "initcwnd": &r.InitCwnd, "initrwnd": &r.InitRwnd,
				"hoplimit": &r.HopLimit}[s] = v
		case "onlink":
			r.OnLink = true
		case "vrf":
			r.VRF = e.str(s)
			l.NoteArg(c, e.i, "no-effect",
				"vrf is accepted without effect in a route: name the table of the VRF with table").Keyword = "vrf"
		case "no_track":
			r.NoTrack = true
		case "track_group":
			r.TrackGroup = e.str(s)
		case "encap":
			l.NoteArg(c, e.i, "no-effect",
				"encap and what follows it are accepted without effect: director does not encapsulate")
			e.i = len(e.text)
		default:
			if slices.Contains(RouteTypes, s) && !r.Destination.IsValid() && !isDefault {
				r.Type = s
				break
			}
			if follow, ok := RareRouteWords[s]; ok {
				l.NoteArg(c, e.i, "no-effect", "%s is accepted without effect: director does not set it", s)
				e.i += follow
				break
			}
			if !r.Destination.IsValid() && !isDefault {
				isDefault = l.destination(e, &r, s)
				break
			}
			l.WarnArg(c, e.i, "unknown-option", "unknown word %q in a route: it is ignored%s", Clip(s),
				DidYouMean(s, routeWords))
		}
	}
	if e.fine && !r.Destination.IsValid() && !isDefault {
		l.Warn(c, "missing-value", "route has no destination: the line is ignored")
		return r, false
	}
	if r.Type == "local" && !scoped {
		r.Scope, _ = conf.ScopeNumber("host") // the kernel takes no other
	}
	if isDefault {
		r.Destination = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		if r.Via.Is6() || r.Source.Is6() {
			r.Destination = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
	}
	r.Destination = r.Destination.Masked()
	if e.fine {
		l.routeFits(e, &r)
	}
	return r, e.fine
}

// routeFits refuses what the kernel would refuse whatever the host is like.
func (l *Reader) routeFits(e *entry, r *conf.Route) {
	v6 := r.Destination.Addr().Is6()
	for _, a := range []netip.Addr{r.Source, r.Via} {
		if a.IsValid() && a.Is6() != v6 {
			e.bad("%s is of another address family than %s: the line is ignored", a, r.Destination)
			return
		}
	}
	for _, h := range r.NextHops {
		if h.Via.IsValid() && h.Via.Is6() != v6 {
			e.bad("%s is of another address family than %s: the line is ignored", h.Via, r.Destination)
			return
		}
	}
	if (r.Type == "" || r.Type == "unicast") && !r.Via.IsValid() && r.Device == "" && len(r.NextHops) == 0 {
		e.bad("route to %s says neither via nor dev: the line is ignored", r.Destination)
	}
}

// destination reads where the route goes; it reports whether that is default.
func (l *Reader) destination(e *entry, r *conf.Route, s string) (isDefault bool) {
	if s == "default" {
		return true
	}
	p, ok := e.network(s)
	if !ok {
		e.bad("%q is not a destination of a route: the line is ignored", Clip(s))
		return false
	}
	r.Destination = p
	return false
}

// via reads [FAMILY] IP.
func (l *Reader) via(e *entry, opt string) netip.Addr {
	if e.i+2 < len(e.text) {
		if f := e.text[e.i+2]; f == "inet" || f == "inet6" {
			e.i++
		}
	}
	return e.addr(opt)
}

func (l *Reader) nextHop(e *entry) conf.NextHop {
	h := conf.NextHop{Weight: 1}
	for e.fine && e.i+2 < len(e.text) && e.text[e.i+2] != "nexthop" {
		s, _ := e.next()
		switch s {
		case "via":
			h.Via = l.via(e, s)
		case "dev":
			h.Device = e.str(s)
		case "weight":
			v := e.uint32(s)
			if e.fine && (v < 1 || v > 256) {
				e.bad("weight %d of a next hop is outside of 1 to 256: the line is ignored", v)
			}
			h.Weight = int(v)
		case "onlink":
			h.OnLink = true
		case "no_track", "track_group":
			e.i--
			return h
		default:
			e.bad("unknown word %q in a next hop: the line is ignored", Clip(s))
		}
	}
	return h
}
