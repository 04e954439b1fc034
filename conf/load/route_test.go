package load_test

import (
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
)

// TestRoutesAndRulesThatCannotBe are lines that the kernel would refuse on any
// host: they are ignored, as keepalived does, and said.
func TestRoutesAndRulesThatCannotBe(t *testing.T) {
	names := func(kind, name string) (uint32, bool) { return 300, kind == "rt_tables" && name == "uplink" }
	for _, tt := range []struct{ routes, rules, code string }{
		{routes: "10.0.0.0/8 via fd00::1", code: "invalid-value"},
		{routes: "10.0.0.0/8", code: "invalid-value"},
		{routes: "10.0.0.0/8 dev eth0 table downlink", code: "invalid-value"},
		{routes: "10.0.0.0/8 dev eth0 protocol 256", code: "invalid-value"},
		{routes: "10.0.0.0/8 dev eth0 scope far", code: "invalid-value"},
		{rules: "from 10.0.0.0/8 to fd00::/8 table 1 priority 1", code: "invalid-value"},
		{rules: "from 10.0.0.0/8 table 0 priority 1", code: "invalid-value"},
		{rules: "uidrange 5-4 table 1 priority 1", code: "invalid-value"},
		{rules: "dport 65536 table 1 priority 1", code: "invalid-value"},
		{rules: "from 10.0.0.0/8 priority 1", code: "missing-value"},
	} {
		cfg, findings := load.LoadText("f", "static_routes {\n"+tt.routes+"\n}\nstatic_rules {\n"+tt.rules+"\n}\n",
			load.Options{Names: names})
		said := false
		for _, f := range findings {
			said = said || f.Severity == conf.Warning && f.Code == tt.code
		}
		if !said || len(cfg.StaticRoutes)+len(cfg.StaticRules) > 0 {
			t.Errorf("%q %q: taken as %+v %+v, findings %v", tt.routes, tt.rules, cfg.StaticRoutes, cfg.StaticRules, findings)
		}
	}
	cfg, findings := load.LoadText("f", "static_routes {\n10.1.2.3/8 dev eth0 table uplink protocol boot\n}\n",
		load.Options{Names: names})
	if len(cfg.StaticRoutes) != 1 || cfg.StaticRoutes[0].Table != 300 || cfg.StaticRoutes[0].Protocol != 3 ||
		cfg.StaticRoutes[0].Destination.String() != "10.0.0.0/8" {
		t.Errorf("%+v, findings %v", cfg.StaticRoutes, findings)
	}
}
