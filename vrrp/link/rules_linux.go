package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/conf"
)

// ruleInvert is FIB_RULE_INVERT (linux/fib_rules.h).
const ruleInvert = 0x2

// ruleActions are the kernel's numbers of what rules do (FR_ACT_*).
var ruleActions = map[string]uint8{"lookup": 1, "goto": 2, "nop": 3, "blackhole": 6, "unreachable": 7, "prohibit": 8}

var ruleActionNames = func() map[uint8]string {
	names := make(map[uint8]string, len(ruleActions))
	for name, n := range ruleActions {
		names[n] = name
	}
	return names
}()

// AddRule implements Routes.
func (r *routes) AddRule(want conf.Rule) error {
	if err := r.rule(want, unix.RTM_NEWRULE, unix.NLM_F_CREATE|unix.NLM_F_EXCL); err != nil {
		return fmt.Errorf("adding rule %s: %w", want.Text, withReason(err))
	}
	return nil
}

// RemoveRule implements Routes.
func (r *routes) RemoveRule(want conf.Rule) error {
	err := r.rule(want, unix.RTM_DELRULE, 0)
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("removing rule %s: %w", want.Text, withReason(err))
	}
	return nil
}

// rule sends a request about one rule. It is written here because the netlink
// package knows no l3mdev, forgets the suppressing of tables above 255, and
// has tunnel ids in another byte order.
func (r *routes) rule(want conf.Rule, request, flags int) error {
	action, known := ruleActions[want.Action]
	if !known {
		return fmt.Errorf("action %q is not known", want.Action)
	}
	msg := &nl.RtMsg{RtMsg: unix.RtMsg{Family: unix.AF_INET, Type: action, Tos: want.TOS}}
	if want.IPv6 {
		msg.Family = unix.AF_INET6
	}
	if want.Not {
		msg.Flags |= ruleInvert
	}
	req := r.settings.rtnl.request(request, flags, msg)
	add := func(kind int, data []byte) { req.AddData(nl.NewRtAttr(kind, data)) }
	number := func(kind int, v uint32) { add(kind, nl.Uint32Attr(v)) }
	if want.From.IsValid() {
		msg.Src_len = uint8(want.From.Bits())
		add(nl.FRA_SRC, want.From.Addr().AsSlice())
	}
	if want.To.IsValid() {
		msg.Dst_len = uint8(want.To.Bits())
		add(nl.FRA_DST, want.To.Addr().AsSlice())
	}
	number(nl.FRA_PRIORITY, want.Priority)
	if want.Action == "lookup" && !want.L3MDev {
		number(nl.FRA_TABLE, want.Table)
	}
	if want.FWMark != 0 || want.FWMask != 0 {
		number(nl.FRA_FWMARK, want.FWMark)
		number(nl.FRA_FWMASK, want.FWMask)
	}
	if want.InputIf != "" {
		add(nl.FRA_IIFNAME, nl.ZeroTerminated(want.InputIf))
	}
	if want.OutputIf != "" {
		add(nl.FRA_OIFNAME, nl.ZeroTerminated(want.OutputIf))
	}
	if want.Action == "goto" {
		number(nl.FRA_GOTO, want.Goto)
	}
	if want.L3MDev {
		add(nl.FRA_L3MDEV, nl.Uint8Attr(1))
	}
	if want.UIDs.Set {
		add(nl.FRA_UID_RANGE, append(nl.Uint32Attr(want.UIDs.First), nl.Uint32Attr(want.UIDs.Last)...))
	}
	if want.IPProto != 0 {
		add(nl.FRA_IP_PROTO, nl.Uint8Attr(want.IPProto))
	}
	for kind, p := range map[int]conf.PortRange{
		nl.FRA_SPORT_RANGE: want.SourcePorts, nl.FRA_DPORT_RANGE: want.DestinationPorts,
	} {
		if p != (conf.PortRange{}) {
			add(kind, append(nl.Uint16Attr(p.First), nl.Uint16Attr(p.Last)...))
		}
	}
	if want.TunnelID != 0 {
		add(nl.FRA_TUN_ID, binary.BigEndian.AppendUint64(nil, want.TunnelID))
	}
	if want.SuppressPrefix != 0 {
		number(nl.FRA_SUPPRESS_PREFIXLEN, want.SuppressPrefix-1)
	}
	if want.SuppressGroup != 0 {
		number(nl.FRA_SUPPRESS_IFGROUP, want.SuppressGroup-1)
	}
	add(nl.FRA_PROTOCOL, nl.Uint8Attr(want.Protocol))
	return r.settings.rtnl.do(req)
}

// FindRules implements Routes.
func (r *routes) FindRules(rules []conf.Rule) (map[conf.Rule]bool, error) {
	wanted := make(map[conf.Rule]bool, len(rules))
	families := make(map[int]bool)
	for _, rule := range rules {
		wanted[rule] = true
		if rule.IPv6 {
			families[unix.AF_INET6] = true
		} else {
			families[unix.AF_INET] = true
		}
	}
	found := make(map[conf.Rule]bool)
	for family := range families {
		list, err := r.listRules(family)
		if err != nil {
			return nil, err
		}
		for _, rule := range list {
			if wanted[rule] {
				found[rule] = true
			}
		}
	}
	return found, nil
}

// RulesOf implements Routes.
func (r *routes) RulesOf(protocol uint8) ([]conf.Rule, error) {
	var found []conf.Rule
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		list, err := r.listRules(family)
		if errors.Is(err, unix.EAFNOSUPPORT) {
			continue // the kernel runs without IPv6
		}
		if err != nil {
			return nil, err
		}
		for _, rule := range list {
			if rule.Protocol == protocol {
				found = append(found, rule)
			}
		}
	}
	return found, nil
}

// listRules are the rules of a family that director could have made.
func (r *routes) listRules(family int) ([]conf.Rule, error) {
	header := &nl.RtMsg{RtMsg: unix.RtMsg{Family: uint8(family)}}
	msgs, err := r.settings.rtnl.list(unix.RTM_GETRULE, unix.RTM_NEWRULE, header)
	if err != nil {
		return nil, fmt.Errorf("listing the routing rules: %w", err)
	}
	var list []conf.Rule
	for _, m := range msgs {
		if rule, ok := parseRule(m); ok {
			list = append(list, rule)
		}
	}
	return list, nil
}

// parseRule reads a rule of the kernel; it is not ok when it has what director
// does not know of, or is not one.
func parseRule(m []byte) (conf.Rule, bool) {
	if len(m) < unix.SizeofRtMsg {
		return conf.Rule{}, false
	}
	msg := nl.DeserializeRtMsg(m)
	attrs, err := nl.ParseRouteAttr(m[unix.SizeofRtMsg:])
	action, known := ruleActionNames[msg.Type]
	if err != nil || !known {
		return conf.Rule{}, false
	}
	rule := conf.Rule{IPv6: msg.Family == unix.AF_INET6, Not: msg.Flags&ruleInvert != 0, TOS: msg.Tos, Action: action}
	table := uint32(msg.Table)
	for _, a := range attrs {
		v := a.Value
		var n uint32
		if len(v) >= 4 {
			n = binary.NativeEndian.Uint32(v)
		}
		text := strings.TrimRight(string(v), "\x00")
		switch kind := int(a.Attr.Type); {
		case kind == nl.FRA_SRC:
			rule.From = prefixOf(v, msg.Src_len)
		case kind == nl.FRA_DST:
			rule.To = prefixOf(v, msg.Dst_len)
		case kind == nl.FRA_IIFNAME:
			rule.InputIf = text
		case kind == nl.FRA_OIFNAME:
			rule.OutputIf = text
		case kind == nl.FRA_L3MDEV && len(v) == 1:
			rule.L3MDev = v[0] != 0
		case kind == nl.FRA_IP_PROTO && len(v) == 1:
			rule.IPProto = v[0]
		case kind == nl.FRA_PROTOCOL && len(v) == 1:
			rule.Protocol = v[0]
		case kind == nl.FRA_TUN_ID && len(v) == 8:
			rule.TunnelID = binary.BigEndian.Uint64(v)
		case kind == nl.FRA_UID_RANGE && len(v) == 8:
			rule.UIDs = conf.UIDRange{Set: true, First: n, Last: binary.NativeEndian.Uint32(v[4:])}
		case kind == nl.FRA_SPORT_RANGE && len(v) == 4:
			rule.SourcePorts = portRange(v)
		case kind == nl.FRA_DPORT_RANGE && len(v) == 4:
			rule.DestinationPorts = portRange(v)
		case kind == nl.FRA_FLOW:
			return rule, false
		case len(v) != 4:
		case kind == nl.FRA_PRIORITY:
			rule.Priority = n
		case kind == nl.FRA_FWMARK:
			rule.FWMark = n
		case kind == nl.FRA_FWMASK:
			rule.FWMask = n
		case kind == nl.FRA_GOTO:
			rule.Goto = n
		case kind == nl.FRA_TABLE:
			table = n
		case kind == nl.FRA_SUPPRESS_PREFIXLEN:
			rule.SuppressPrefix = n + 1 // -1 is none
		case kind == nl.FRA_SUPPRESS_IFGROUP:
			rule.SuppressGroup = n + 1
		}
	}
	if rule.Action == "lookup" && !rule.L3MDev {
		rule.Table = table
	}
	return rule, true
}

func portRange(b []byte) conf.PortRange {
	return conf.PortRange{First: binary.NativeEndian.Uint16(b), Last: binary.NativeEndian.Uint16(b[2:])}
}

func prefixOf(b []byte, bits uint8) netip.Prefix {
	a, _ := netip.AddrFromSlice(b)
	return netip.PrefixFrom(a, int(bits))
}
