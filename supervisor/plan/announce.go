package plan

import (
	"net/netip"
	"slices"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/diff"
)

// announce says what becomes of an announce block.
func (m *maker) announce(c diff.NamedChange) {
	of := func(field diff.FieldChange) bool {
		return field.Keyword == "virtual_ipaddress" || field.Keyword == "interface"
	}
	switch {
	case c.Action == diff.Added:
		m.clients("announce %s is new: routers send to its addresses here once they are announced", c.Name)
	case c.Action == diff.Removed:
		m.clients("announce %s is removed: its addresses are withdrawn, and routers send to other directors", c.Name)
	case slices.ContainsFunc(c.Fields, of):
		m.clients("announce %s: %s: what is not announced any more is withdrawn first", c.Name, fieldWords(c.Fields))
	default:
		m.quiet("announce %s: %s", c.Name, fieldWords(c.Fields))
	}
}

// announces says which addresses every director would answer for, and did not before.
func (m *maker) announces(before, after *conf.Config) {
	if m.facts.Host == nil {
		return
	}
	networks := make(map[string][]netip.Prefix, len(m.facts.Host.Interfaces))
	for name, i := range m.facts.Host.Interfaces {
		networks[name] = i.Addresses
	}
	known := make(map[string]bool)
	for _, o := range before.OnLink(networks) {
		known[o.String()] = !o.Announce.AllowOnlink
	}
	for _, o := range after.OnLink(networks) {
		if !o.Announce.AllowOnlink && !known[o.String()] {
			m.clients("%s", o)
		}
	}
}
