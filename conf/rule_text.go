package conf

import (
	"fmt"
	"strings"
)

// String is the rule as a line of virtual_rules, with all that the kernel knows
// of it. ParseRule reads it.
func (r Rule) String() string {
	var words []string
	add := func(on bool, format string, args ...any) {
		if on {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	add(r.Not, "not")
	add(r.IPv6, "inet6")
	add(r.From.IsValid(), "from %s", r.From)
	add(r.To.IsValid(), "to %s", r.To)
	add(true, "priority %d", r.Priority)
	add(r.TOS != 0, "tos %d", r.TOS)
	add(r.FWMark != 0 || r.FWMask != 0, "fwmark %#x/%#x", r.FWMark, r.FWMask)
	add(r.InputIf != "", "iif %s", r.InputIf)
	add(r.OutputIf != "", "oif %s", r.OutputIf)
	add(r.UIDs.Set, "uidrange %d-%d", r.UIDs.First, r.UIDs.Last)
	add(r.IPProto != 0, "ipproto %d", r.IPProto)
	add(r.SourcePorts != PortRange{}, "sport %d-%d", r.SourcePorts.First, r.SourcePorts.Last)
	add(r.DestinationPorts != PortRange{}, "dport %d-%d", r.DestinationPorts.First, r.DestinationPorts.Last)
	add(r.TunnelID != 0, "tunnel-id %d", r.TunnelID)
	add(r.SuppressPrefix != 0, "suppress_prefixlength %d", r.SuppressPrefix-1)
	add(r.SuppressGroup != 0, "suppress_ifgroup %d", r.SuppressGroup-1)
	add(true, "protocol %d", r.Protocol)
	add(r.L3MDev, "l3mdev")
	switch r.Action {
	case "lookup":
		add(r.Table != 0, "table %d", r.Table)
	case "goto":
		add(true, "goto %d", r.Goto)
	default:
		add(true, "%s", r.Action)
	}
	return strings.Join(words, " ")
}
