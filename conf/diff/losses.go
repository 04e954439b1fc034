package diff

import (
	"net/netip"
	"slices"
	"strconv"

	"github.com/lvs-director/director/conf"
)

// Loss is something that runs, that a new configuration no longer has, and
// that a new finding may be the cause of: a letter that is wrong rather than a
// wish. A reload that has any is refused unless it is said to be meant.
type Loss struct {
	// Kind is "virtual server", "real server", "check", "VRRP instance", "virtual
	// address", "route", "rule", "peer", "script" and so on, or a keyword whose
	// value becomes another one.
	Kind   string `json:"kind"`
	Object string `json:"object"` // its identity, or its text where it has none; the value of a keyword
	Of     string `json:"of,omitempty"`
	// Becomes is the new value of a keyword; empty for what is removed.
	Becomes string `json:"becomes,omitempty"`
	// Finding is the first of the new findings that may have caused it; it is
	// empty when the whole configuration is.
	Finding conf.Finding `json:"-"`
}

// String says what is lost and why, one line.
func (l Loss) String() string {
	s := l.Kind + " " + l.Object
	if l.Of != "" {
		s += " of " + l.Of
	}
	if l.Becomes != "" {
		s += " would become " + l.Becomes
	} else {
		s += " would be removed"
	}
	if l.Finding.Message == "" {
		return s + ": the new configuration has no vrrp_instance and no virtual_server"
	}
	return s + ", and there is a new finding: " + l.Finding.String()
}

// Losses tells what before serves and after does not, and that goes with a
// finding of after that before did not have. Warnings count, and what says that something
// is not served, or is defined a second time: a configuration with errors does not replace another, and a note takes
// nothing away. What is
// removed without a finding near it is meant, and no loss.
func Losses(before, after *conf.Config, beforeFindings, afterFindings []conf.Finding) []Loss {
	l := losses{after: after, findings: newFindings(beforeFindings, afterFindings)}
	if empty(after) && !empty(before) {
		return []Loss{{Kind: "everything", Object: "that runs"}}
	}
	if len(l.findings) == 0 {
		return nil
	}
	l.servers(before)
	l.instances(before)
	l.groups(before)
	l.static(before)
	l.anyOther(before)
	return l.list
}

// empty says that a configuration serves nothing: most likely a file that was
// cut before it was written anew.
func empty(c *conf.Config) bool { return len(c.Instances) == 0 && len(c.VirtualServers) == 0 }

// newFindings are the warnings of after that before did not have, wherever they stand.
func newFindings(before, after []conf.Finding) []conf.Finding {
	type text struct{ code, message, line string }
	of := func(f conf.Finding) text { return text{f.Code, f.Message, f.Line} }
	known := make(map[text]int)
	for _, f := range before {
		known[of(f)]++
	}
	var list []conf.Finding
	for _, f := range after {
		if f.Severity == conf.Note && !f.Unserved && !slices.Contains(tellingNotes, f.Code) {
			continue
		}
		if known[of(f)]--; known[of(f)] < 0 {
			list = append(list, f)
		}
	}
	return list
}

// tellingNotes are the codes of notes about what keepalived takes without a word, and
// that takes something away.
var tellingNotes = []string{"repeated", "missing-include", "empty-include"}

type losses struct {
	after    *conf.Config
	findings []conf.Finding
	list     []Loss
}

// because gives the first finding that stands outside of all blocks or in one
// of the kinds of blocks given; with at, in that very block. A finding about a
// line goes before one about a whole block, which may be its consequence.
func (l *losses) because(at any, kinds ...string) (found conf.Finding, ok bool) {
	place, placed := l.after.Place(at)
	for _, f := range l.findings {
		whole := false
		if len(f.Blocks) > 0 {
			outer := f.Blocks[0]
			known := slices.Contains(blocks, outer.Keyword)
			// global_defs is where many values of the others come from.
			in := outer.Keyword == "global_defs" && at != nil || slices.Contains(kinds, outer.Keyword) &&
				(at == nil || !placed || outer.Pos == place)
			// What is cut off with the end of a file may have been anything.
			cut := f.Code == "missing-brace"
			if known && !in && !cut {
				continue
			}
			whole = cut || known && f.Pos == outer.Pos
		}
		if !whole {
			return f, true
		}
		if !ok {
			found, ok = f, true
		}
	}
	return found, ok
}

// blocks are the kinds of blocks at the top level that can be told apart. A
// finding in another one, a misspelt one for example, may have caused any loss.
var blocks = []string{
	"global_defs", "vrrp_instance", "vrrp_sync_group", "vrrp_script", "track_file", "vrrp_track_file",
	"vrrp_track_process", "bfd_instance",
	"track_group", "static_ipaddress", "static_routes", "static_rules", "garp_group", "interface_up_down_delays",
	"linkbeat_interfaces",
	"virtual_server", "virtual_server_group", "SSL", "metrics", "web", "peer", "announce",
}

func (l *losses) add(kind, object, of string, at any, kinds ...string) {
	if f, ok := l.because(at, kinds...); ok {
		l.list = append(l.list, Loss{Kind: kind, Object: object, Of: of, Finding: f})
	}
}

// turn is a keyword whose value becomes another one.
func (l *losses) turn(keyword, from, to, of string, at any, kinds ...string) {
	if from == to {
		return
	}
	if f, ok := l.because(at, kinds...); ok {
		l.list = append(l.list, Loss{Kind: keyword, Object: from, Of: of, Becomes: to, Finding: f})
	}
}

func (l *losses) servers(before *conf.Config) {
	servers := byID(l.after.VirtualServers, (*conf.VirtualServer).ID)
	for _, old := range before.VirtualServers {
		v := servers[old.ID()]
		if v == nil {
			l.add("virtual server", old.String(), "", nil, "virtual_server", "virtual_server_group")
			continue
		}
		for _, k := range missing(old.Services, v.Services) {
			l.add("virtual server", k.String(), old.String(), nil, "virtual_server", "virtual_server_group")
		}
		l.serviceWords(old, v)
		kept := byID(v.RealServers, serverKey)
		for _, r := range old.RealServers {
			if kept[r.Key] == nil {
				l.add("real server", r.String(), old.String(), v, "virtual_server")
				continue
			}
			for _, c := range missingChecks(r, kept[r.Key]) {
				l.add("check", c, "real server "+r.String()+" of "+old.String(), v, "virtual_server")
			}
		}
	}
}

func (l *losses) instances(before *conf.Config) {
	instances := byID(l.after.Instances, (*conf.Instance).ID)
	held := make(map[netip.Addr]bool) // by any instance
	for _, in := range l.after.Instances {
		for _, a := range slices.Concat(in.Addresses, in.ExcludedAddresses) {
			held[a.Prefix.Addr()] = true
		}
	}
	for _, an := range l.after.Announces {
		for _, a := range an.Addresses {
			held[a] = true
		}
	}
	for _, old := range before.Instances {
		in := instances[old.ID()]
		name := "vrrp_instance " + old.Name
		if in == nil {
			l.add("VRRP instance", old.Name+" ("+old.ID().String()+")", "", nil, "vrrp_instance", "global_defs")
			continue
		}
		for _, a := range slices.Concat(old.Addresses, old.ExcludedAddresses) {
			if !held[a.Prefix.Addr()] {
				l.add("virtual address", a.Prefix.String(), name, in, "vrrp_instance")
			}
		}
		for _, text := range missing(routeTexts(old.Routes), routeTexts(in.Routes)) {
			l.add("route", text, name, in, "vrrp_instance")
		}
		for _, text := range missing(ruleTexts(old.Rules), ruleTexts(in.Rules)) {
			l.add("rule", text, name, in, "vrrp_instance")
		}
		for _, p := range missing(peers(old), peers(in)) {
			l.add("peer", p.String(), name, in, "vrrp_instance")
		}
		l.instanceWords(old, in)
	}
}

func (l *losses) static(before *conf.Config) {
	kept := make(map[netip.Prefix]bool)
	for _, a := range l.after.StaticAddresses {
		kept[a.Prefix] = true
	}
	for _, a := range before.StaticAddresses {
		if !kept[a.Prefix] {
			l.add("static address", a.Prefix.String(), "", nil, "static_ipaddress")
		}
	}
	for _, text := range missing(routeTexts(before.StaticRoutes), routeTexts(l.after.StaticRoutes)) {
		l.add("static route", text, "", nil, "static_routes")
	}
	for _, text := range missing(ruleTexts(before.StaticRules), ruleTexts(l.after.StaticRules)) {
		l.add("static rule", text, "", nil, "static_rules")
	}
}

// missing are the things of old that in does not have.
func missing[T comparable](old, in []T) []T {
	has := make(map[T]bool, len(in))
	for _, x := range in {
		has[x] = true
	}
	var list []T
	for _, x := range old {
		if !has[x] {
			list = append(list, x)
		}
	}
	return list
}

// routeTexts are what the kernel knows routes by: a route that leads elsewhere is no loss.
func routeTexts(list []conf.Route) []string {
	texts := make([]string, len(list))
	for i, r := range list {
		texts[i] = r.Destination.String()
		if r.Table != conf.TableMain {
			texts[i] += " table " + strconv.FormatUint(uint64(r.Table), 10)
		}
	}
	return texts
}

func ruleTexts(list []conf.Rule) []string {
	texts := make([]string, len(list))
	for i, r := range list {
		texts[i] = r.String()
	}
	return texts
}

func peers(in *conf.Instance) []netip.Addr {
	list := make([]netip.Addr, len(in.UnicastPeers))
	for i, p := range in.UnicastPeers {
		list[i] = p.Address
	}
	return list
}
