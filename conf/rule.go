package conf

import (
	"slices"
	"strconv"
	"strings"

	"github.com/lvs-director/director/conf/syntax"
)

// firstPreference is what a rule without a preference gets; the next ones get
// one less each, before the kernel's rule for the main table.
const firstPreference = 16384

var ruleActions = []string{"blackhole", "unreachable", "prohibit", "nop", "throw", "unicast"}

var rareRuleWords = map[string]int{
	"realms": 1, "suppress_prefixlength": 1, "sup_pl": 1, "suppress_ifgroup": 1, "tunnel-id": 1,
	"protocol": 1, "ipproto": 1, "sport": 1, "dport": 1,
}

var ruleWords = []string{
	"not", "from", "to", "table", "lookup", "preference", "order", "priority", "tos", "dsfield", "fwmark",
	"iif", "dev", "oif", "l3mdev", "uidrange", "goto", "no_track", "track_group", "inet", "inet6",
}

// rules reads a block of policy routing rules and appends them to list.
func (l *loader) rules(n *syntax.Node, owner any, list []Rule) []Rule {
	for _, c := range l.entries(n) {
		if r, ok := l.rule(c); ok {
			list = append(list, r)
			l.entry(owner, n.Keyword.Text, r.Text, c)
		}
	}
	return list
}

func (l *loader) rule(c *syntax.Node) (Rule, bool) {
	e := newEntry(l, c)
	r := Rule{Action: "lookup", Text: strings.Join(e.text, " ")}
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
				e.bad("%q is no network for %s: the rule is ignored", clip(v), s)
				break
			}
			r.IPv6 = p.Addr().Is6()
			if s == "from" {
				r.From = p
			} else {
				r.To = p
			}
		case "table", "lookup":
			r.Table = e.str(s)
		case "preference", "order", "priority":
			r.Priority, preferred = e.uint32(s), true
		case "tos", "dsfield":
			r.TOS = uint8(e.uint32(s))
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
				e.bad("%q is no firewall mark: the rule is ignored", clip(v))
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
			r.UIDs = e.str(s)
		case "goto":
			r.Action, r.Goto = "goto", e.uint32(s)
		case "no_track":
			r.NoTrack = true
		case "track_group":
			r.TrackGroup = e.str(s)
		default:
			if slices.Contains(ruleActions, s) {
				r.Action = s
				break
			}
			if follow, ok := rareRuleWords[s]; ok {
				l.noteArg(c, e.i, "no-effect", "%s is accepted without effect: director does not set it", s)
				e.i += follow
				break
			}
			l.warnArg(c, e.i, "unknown-option", "unknown word %q in a rule: it is ignored%s", clip(s), didYouMean(s, ruleWords))
		}
	}
	if !e.fine {
		return r, false
	}
	if !preferred {
		l.preference--
		r.Priority = uint32(l.preference + 1)
		l.warn(c, "no-preference", "rule has no preference: %d is used, which is probably not what is wanted", r.Priority).Hint = "write preference N"
	}
	if r.Action == "lookup" && r.Table == "" && !r.L3MDev {
		l.warn(c, "missing-value", "rule names neither a table nor an action: it is ignored")
		return r, false
	}
	return r, true
}
