package conf_test

import (
	"net/netip"
	"testing"

	"github.com/lvs-director/director/conf"
)

// TestRulesAreReadBackFromTheirText: a rule in a journal is the rule that was put there.
func TestRulesAreReadBackFromTheirText(t *testing.T) {
	prefix := netip.MustParsePrefix
	for _, r := range []conf.Rule{
		{Action: "lookup", Table: 100, Priority: 50, Protocol: 18, From: prefix("10.0.0.0/8")},
		{Action: "lookup", L3MDev: true, Priority: 0, Protocol: 18, IPv6: true},
		{Action: "goto", Goto: 7, Priority: 6, Protocol: 2, Not: true, To: prefix("2001:db8::/32"), IPv6: true},
		{Action: "blackhole", Priority: 1, Protocol: 18, TOS: 16, FWMark: 5, FWMask: 0xff, InputIf: "table", OutputIf: "eth0",
			UIDs: conf.UIDRange{Set: true, First: 0, Last: 9}, IPProto: 6, SourcePorts: conf.PortRange{First: 1, Last: 2},
			DestinationPorts: conf.PortRange{First: 80, Last: 80}, TunnelID: 1 << 40, SuppressPrefix: 1, SuppressGroup: 4},
	} {
		got, ok := conf.ParseRule(r.String())
		got.Text = ""
		if !ok || got != r {
			t.Errorf("%q is read as %+v, %v", r, got, ok)
		}
	}
	for _, text := range []string{
		"", "priority 1", "table 5", "from 10.0.0.1/8 priority 1 table 5", "priority 1 table", "priority x table 5",
		"priority 1 table 5 extra",
		"priority 1 table 5 sport 2-1", "priority 1 table 5 sport 1-65536", "from 10.0.0.0/8 to fd00::/8 priority 1 table 5",
	} {
		if r, ok := conf.ParseRule(text); ok {
			t.Errorf("%q is read as %+v", text, r)
		}
	}
}
