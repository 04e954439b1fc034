package load

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
)

// finishMatches gives each match list its firewall mark and takes out those that can
// mark nothing. It is done before the virtual servers are finished, to which a match
// list is a firewall mark like any other.
func (l *loader) finishMatches() {
	taken := map[uint32]bool{}
	for _, g := range l.Config.VirtualServerGroups {
		for _, e := range g.Entries {
			taken[e.FWMark] = true
		}
	}
	var names []string
	kept := l.Config.VirtualServers[:0]
	for _, v := range l.Config.VirtualServers {
		if !l.finishMatch(v) {
			continue
		}
		kept = append(kept, v)
		taken[v.Key.FWMark] = true
		if m := v.Match; m != nil && m.Mark != 0 {
			taken[m.Mark] = true
		} else if m != nil {
			names = append(names, matchName(v))
		}
	}
	l.Config.VirtualServers = kept
	marks := conf.DeriveMarks(names, taken)
	for _, v := range kept {
		if m := v.Match; m != nil && m.Mark == 0 {
			m.Mark = marks[matchName(v)]
		}
		if v.Match != nil {
			l.keysOfIPsec(v)
		}
		if v.Match != nil && v.Group == "" {
			v.Key = conf.ServiceKey{FWMark: v.Match.Mark, Protocol: v.Key.Protocol, IPv6: v.Key.IPv6}
		}
	}
	l.overlappingMatches()
}

// matchName is what a mark is made of: a group and a list may have one name.
func matchName(v *conf.VirtualServer) string {
	if v.Group != "" {
		return "group " + v.Group
	}
	return v.Match.Name
}

// finishMatch looks at the match list of a virtual server by itself. It is false when the
// virtual server is nothing without.
func (l *loader) finishMatch(v *conf.VirtualServer) bool {
	if v.GroupAsMark && v.Group == "" {
		l.warnAtKeyword(v, "group_as_mark", "no-group", "group_as_mark is for virtual_server group: it is ignored")
		v.GroupAsMark = false
	}
	n := l.Node(v)
	m := v.Match
	switch {
	case v.GroupAsMark:
		v.Match = &conf.Match{Name: v.Group, Entries: l.groupMatch(v)}
		if m != nil {
			v.Match.Mark = m.Mark
		}
		if m != nil && len(m.Entries) > 0 {
			l.warnAtKeyword(v, "match", "misplaced", "match is ignored: the lines of virtual_server_group %s are used",
				value.Clip(v.Group))
		}
		if len(v.Match.Entries) == 0 {
			v.Match, v.GroupAsMark = nil, false // no address: services() says what else is wrong
		}
	case m == nil:
	case v.Key.FWMark != 0:
		if m.Mark != 0 {
			l.warnAtKeyword(v, "mark", "misplaced", "mark is ignored: the virtual server has mark %d", v.Key.FWMark)
		}
		m.Mark = v.Key.FWMark
		if len(m.Entries) == 0 {
			v.Match = nil
		}
	case m.Name == "":
		what := "match"
		if len(m.Entries) == 0 {
			what = "mark"
		}
		l.warnAtKeyword(v, what, "misplaced", "%s is for virtual_server match and virtual_server fwmark: it is ignored", what)
		v.Match = nil
	case len(m.Entries) == 0:
		l.AtEnd(n, "empty-match", "virtual server match %s names no packets: it is ignored with all its real servers",
			value.Clip(m.Name))
		return false
	}
	return true
}

// keysPort is the UDP port on which IPsec agrees on keys (IKE).
const keysPort = 500

// keysOfIPsec notes a list that has ESP or AH and not the connection that they follow.
func (l *loader) keysOfIPsec(v *conf.VirtualServer) {
	for _, e := range v.Match.Entries {
		if e.Protocol != conf.ESP && e.Protocol != conf.AH {
			continue
		}
		keys := e
		keys.Protocol, keys.Ports = conf.UDP, []conf.PortRange{{First: keysPort, Last: keysPort}}
		if slices.ContainsFunc(v.Match.Entries, keys.Overlaps) {
			continue
		}
		words := e.Words()
		f := l.warnAtKeyword(v, "match", "ipsec-keys", "%s has %s of %s without udp %d: the kernel sends esp and ah of a "+
			"client where its connection from UDP port %[4]d to port %[4]d is, and balances neither of them by itself",
			matchText(v), words[1], words[0], keysPort)
		f.Severity, f.Hint = conf.Note, fmt.Sprintf("add the line \"%s udp %d\"", words[0], keysPort)
		return // one line about a list is enough
	}
}

// groupMatch makes a match list of a virtual_server_group.
func (l *loader) groupMatch(v *conf.VirtualServer) []conf.MatchEntry {
	g := l.ServerGroups[v.Group]
	if g == nil {
		return nil
	}
	protocol := v.Key.Protocol
	if protocol == 0 {
		protocol = conf.UDP // as finishService says
	}
	var list []conf.MatchEntry
	for _, e := range g.Entries {
		if e.FWMark != 0 {
			continue
		}
		m := conf.MatchEntry{Address: netip.PrefixFrom(e.First, e.First.BitLen()), Protocol: protocol}
		if e.Last != e.First {
			m.Last = e.Last
		}
		if e.Port != 0 {
			m.Ports = []conf.PortRange{{First: e.Port, Last: e.Port}}
		}
		list = append(list, m)
	}
	return list
}

// maxComparisons bounds the search for overlaps: 65,536 lines about one address would
// take minutes.
const maxComparisons = 4 << 20

// overlappingMatches finds packets that two lists name.
func (l *loader) overlappingMatches() {
	type line struct {
		of    *conf.VirtualServer
		entry conf.MatchEntry
	}
	var lines []line
	for _, v := range l.Config.VirtualServers {
		if v.Match != nil {
			for _, e := range v.Match.Entries {
				lines = append(lines, line{v, e})
			}
		}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return a.entry.First().Compare(b.entry.First()) })
	said := map[[2]*conf.VirtualServer]bool{}
	left := maxComparisons
	for i, a := range lines {
		for _, b := range lines[i+1:] {
			if a.entry.Until().Less(b.entry.First()) || left == 0 {
				break
			}
			left--
			pair := [2]*conf.VirtualServer{a.of, b.of}
			if conf.CompareMatches(b.of, a.of) < 0 {
				pair[0], pair[1] = b.of, a.of
			}
			if a.of == b.of || a.of.Match.Mark == b.of.Match.Mark || said[pair] || !a.entry.Overlaps(b.entry) {
				continue
			}
			said[pair] = true
			l.Warn(l.Node(pair[1]), "overlap", "%s and %s both name packets to %s: they go to the first", matchText(pair[0]),
				matchText(pair[1]), b.entry.First())
		}
	}
}

// serverText names a virtual server as its block does, where nothing else is shorter.
func serverText(v *conf.VirtualServer) string {
	if v.Match != nil && v.Group == "" {
		return matchText(v)
	}
	return "virtual server " + v.String()
}

// markKind is what a virtual server of a firewall mark was written as.
func markKind(v *conf.VirtualServer) string {
	if v.Match != nil && v.Match.Name != "" {
		return "a match list"
	}
	return "a firewall mark"
}

// matchText names a match list.
func matchText(v *conf.VirtualServer) string {
	switch {
	case v.Group != "":
		return "virtual server group " + v.Group
	case v.Match.Name != "":
		return "virtual server match " + v.Match.Name
	}
	return "virtual server fwmark " + strconv.FormatUint(uint64(v.Match.Mark), 10)
}
