package value

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/syntax"
)

// firstPreference is what a rule without a preference gets; the next ones get
// one less each, before the kernel's rule for the main table.
const firstPreference = 16384

// RuleActions are what a rule can do instead of a look-up in a table.
var RuleActions = []string{"blackhole", "unreachable", "prohibit", "nop"}

// RareRuleWords are words of rules that have no field: the number is how many
// words follow.
var RareRuleWords = map[string]int{"realms": 1}

var ruleWords = []string{
	"not", "from", "to", "table", "lookup", "preference", "order", "priority", "tos", "dsfield", "fwmark",
	"iif", "dev", "oif", "l3mdev", "uidrange", "ipproto", "sport", "dport", "tunnel-id", "suppress_prefixlength",
	"suppress_ifgroup",
	"protocol", "goto", "no_track", "track_group", "inet", "inet6",
}

// Rules reads a block of policy routing rules and appends them to list.
func (l *Reader) Rules(n *syntax.Node, owner any, list []conf.Rule) []conf.Rule {
	for _, c := range l.Entries(n) {
		if r, ok := l.rule(c); ok {
			list = append(list, r)
			l.Entry(owner, n.Keyword.Text, r.Text, c)
		}
	}
	return list
}

func (l *Reader) rule(c *syntax.Node) (conf.Rule, bool) {
	e := newEntry(l, c)
	r := conf.Rule{Action: "lookup", Protocol: conf.ProtocolKeepalived, Text: strings.Join(e.text, " ")}
	preferred := false
	for e.fine {
		s, more := e.next()
		if !more {
			break
		}
		switch s {
		case "not":
			r.Not = true
		case "inet6":
			r.IPv6 = true
		case "inet":
		case "from", "to":
			v, ok := e.value(s)
			if !ok {
				break
			}
			if v == "all" || v == "any" || v == "default" {
				break
			}
			p, ok := e.network(v)
			if !ok {
				e.bad("%q is not a network for %s: the rule is ignored", Clip(v), s)
				break
			}
			r.IPv6 = p.Addr().Is6()
			if s == "from" {
				r.From = p.Masked()
			} else {
				r.To = p.Masked()
			}
			if r.From.IsValid() && r.To.IsValid() && r.From.Addr().Is6() != r.To.Addr().Is6() {
				e.bad("from %s and to %s are of different address families: the rule is ignored", r.From, r.To)
			}
		case "table", "lookup":
			r.Table = e.table(s)
		case "preference", "order", "priority":
			r.Priority, preferred = e.uint32(s), true
		case "tos", "dsfield":
			v := e.uint32(s)
			if v > math.MaxUint8 {
				e.bad("%s %d is larger than 255: the rule is ignored", s, v)
			}
			r.TOS = uint8(v)
		case "fwmark":
			v, ok := e.value(s)
			if !ok {
				break
			}
			mark, mask, masked := strings.Cut(v, "/")
			m, err := strconv.ParseUint(mark, 0, 32)
			k := uint64(1<<32 - 1)
			if masked && err == nil {
				k, err = strconv.ParseUint(mask, 0, 32)
			}
			if err != nil {
				e.bad("%q is not a firewall mark: the rule is ignored", Clip(v))
				break
			}
			r.FWMark, r.FWMask = uint32(m), uint32(k)
		case "iif", "dev":
			r.InputIf = e.str(s)
		case "oif":
			r.OutputIf = e.str(s)
		case "l3mdev":
			r.L3MDev = true
		case "uidrange":
			r.UIDs.Set = true
			r.UIDs.First, r.UIDs.Last = e.span(s, 1<<32-1)
		case "ipproto":
			r.IPProto = e.ipProtocol(s)
		case "sport", "dport":
			first, last := e.span(s, 65535)
			ports := conf.PortRange{First: uint16(first), Last: uint16(last)}
			if s == "sport" {
				r.SourcePorts = ports
			} else {
				r.DestinationPorts = ports
			}
		case "tunnel-id":
			text, ok := e.value(s)
			if !ok {
				break
			}
			var err error
			if r.TunnelID, err = strconv.ParseUint(text, 0, 64); err != nil {
				e.bad("%q is not a tunnel id: the rule is ignored", Clip(text))
			}
		case "suppress_prefixlength", "sup_pl":
			v := e.uint32(s)
			if v > 128 {
				e.bad("%s %d is longer than a prefix can be: the rule is ignored", s, v)
			}
			r.SuppressPrefix = v + 1
		case "suppress_ifgroup":
			v := e.uint32(s)
			if v == math.MaxUint32 {
				e.bad("%s cannot be %d: the rule is ignored", s, v)
			}
			r.SuppressGroup = v + 1
		case "protocol":
			r.Protocol = e.protocol(s)
		case "unicast":
		case "goto":
			r.Action, r.Goto = "goto", e.uint32(s)
		case "no_track":
			r.NoTrack = true
		case "track_group":
			r.TrackGroup = e.str(s)
		default:
			if slices.Contains(RuleActions, s) {
				r.Action = s
				break
			}
			if follow, ok := RareRuleWords[s]; ok {
				l.NoteArg(c, e.i, "no-effect", "%s is accepted without effect: director does not set it", s)
				e.i += follow
				break
			}
			l.WarnArg(c, e.i, "unknown-option", "unknown word %q in a rule: it is ignored%s", Clip(s), DidYouMean(s, ruleWords))
		}
	}
	if !e.fine {
		return r, false
	}
	if !preferred {
		l.Preference--
		r.Priority = uint32(l.Preference + 1)
		l.Warn(c, "no-preference", "rule has no preference: %d is used, write one to choose the order of rules",
			r.Priority).Hint = "write preference N"
	}
	if r.Action == "lookup" && r.Table == 0 && !r.L3MDev {
		l.Warn(c, "missing-value", "rule names neither a table nor an action: it is ignored")
		return r, false
	}
	return r, true
}

// span reads N or N-N.
func (e *entry) span(opt string, most uint64) (first, last uint32) {
	text, ok := e.value(opt)
	if !ok {
		return 0, 0
	}
	from, to, several := strings.Cut(text, "-")
	if !several {
		to = from
	}
	a, err := strconv.ParseUint(from, 0, 32)
	b, err2 := strconv.ParseUint(to, 0, 32)
	if err != nil || err2 != nil || a > b || b > most {
		e.bad("%s cannot be %q, it must be N or N-N up to %d: the rule is ignored", opt, Clip(text), most)
	}
	return uint32(a), uint32(b)
}

// ipProtocols are those that have ports, and their relatives.
var ipProtocols = map[string]uint8{"icmp": 1, "igmp": 2, "tcp": 6, "udp": 17, "gre": 47, "esp": 50, "ah": 51,
	"ipv6-icmp": 58, "ospf": 89, "vrrp": 112, "sctp": 132}

func (e *entry) ipProtocol(opt string) uint8 {
	text, ok := e.value(opt)
	if !ok {
		return 0
	}
	if n, ok := ipProtocols[text]; ok {
		return n
	}
	n, err := strconv.ParseUint(text, 0, 8)
	if err != nil || n == 0 {
		e.bad("%s cannot be %q: the rule is ignored", opt, Clip(text))
	}
	return uint8(n)
}
