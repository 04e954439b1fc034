package conf

import (
	"net/netip"
	"strconv"
	"strings"
)

// ParseRule reads what Rule.String wrote; it is not ok when the text is
// anything else. Lines of a configuration, which may say more, are conf/load's.
func ParseRule(text string) (Rule, bool) {
	p := ruleParser{words: strings.Fields(text), ok: true}
	r := Rule{Action: "lookup", Text: strings.Join(p.words, " ")}
	prioritized := false
	for p.ok && len(p.words) > 0 {
		switch word := p.next(); word {
		case "not":
			r.Not = true
		case "inet6":
			r.IPv6 = true
		case "from":
			r.From = p.network()
		case "to":
			r.To = p.network()
		case "priority":
			r.Priority, prioritized = p.number(32), true
		case "tos":
			r.TOS = uint8(p.number(8))
		case "fwmark":
			mark, mask, _ := strings.Cut(p.next(), "/")
			r.FWMark, r.FWMask = p.parse(mark, 32), p.parse(mask, 32)
		case "iif":
			r.InputIf = p.next()
		case "oif":
			r.OutputIf = p.next()
		case "uidrange":
			r.UIDs.Set = true
			r.UIDs.First, r.UIDs.Last = p.span(32)
		case "ipproto":
			r.IPProto = uint8(p.number(8))
		case "sport":
			r.SourcePorts = p.ports()
		case "dport":
			r.DestinationPorts = p.ports()
		case "tunnel-id":
			id, err := strconv.ParseUint(p.next(), 10, 64)
			r.TunnelID, p.ok = id, p.ok && err == nil
		case "suppress_prefixlength":
			r.SuppressPrefix = p.number(32) + 1
		case "suppress_ifgroup":
			r.SuppressGroup = p.number(32) + 1
		case "protocol":
			r.Protocol = uint8(p.number(8))
		case "l3mdev":
			r.L3MDev = true
		case "table":
			r.Table = p.number(32)
		case "goto":
			r.Action, r.Goto = word, p.number(32)
		case "blackhole", "unreachable", "prohibit", "nop":
			r.Action = word
		default:
			return Rule{}, false
		}
	}
	complete := prioritized && (r.Action != "lookup" || r.Table != 0 || r.L3MDev)
	oneFamily := !r.From.IsValid() || !r.To.IsValid() || r.From.Addr().Is6() == r.To.Addr().Is6()
	if !p.ok || !complete || !oneFamily {
		return Rule{}, false
	}
	return r, true
}

// ruleParser takes the words of a rule one by one, and remembers that one was bad.
type ruleParser struct {
	words []string
	ok    bool
}

func (p *ruleParser) next() string {
	if len(p.words) == 0 {
		p.ok = false
		return ""
	}
	word := p.words[0]
	p.words = p.words[1:]
	return word
}

func (p *ruleParser) parse(s string, bits int) uint32 {
	n, err := strconv.ParseUint(s, 0, bits)
	p.ok = p.ok && err == nil
	return uint32(n)
}

func (p *ruleParser) number(bits int) uint32 { return p.parse(p.next(), bits) }

func (p *ruleParser) network() netip.Prefix {
	n, err := netip.ParsePrefix(p.next())
	p.ok = p.ok && err == nil && n == n.Masked()
	return n
}

func (p *ruleParser) span(bits int) (first, last uint32) {
	from, to, _ := strings.Cut(p.next(), "-")
	first, last = p.parse(from, bits), p.parse(to, bits)
	p.ok = p.ok && first <= last
	return first, last
}

func (p *ruleParser) ports() PortRange {
	first, last := p.span(16)
	return PortRange{uint16(first), uint16(last)}
}
