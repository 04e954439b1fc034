package load_test

import (
	"strings"
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
)

// TestBadNumbersOfVirtualServers: a number that is out of range is said, and never becomes
// one that turns its meaning round.
func TestBadNumbersOfVirtualServers(t *testing.T) {
	const group = "virtual_server_group g {\n 192.0.2.20-10 80\n 192.0.2.30 80\n}\n"
	server := func(more, rs string) string {
		return "virtual_server 192.0.2.10 80 {\n lb_algo sh\n lb_kind NAT\n protocol TCP\n" + more +
			" real_server 10.0.0.2 80 {\n" + rs + " }\n real_server 10.0.0.3 80 {\n weight 1\n }\n}\n"
	}
	for _, test := range []struct {
		name, text, said string
		right            func(*conf.VirtualServer) bool
	}{
		{"a weight above 65535", server("", " weight 100000\n"), "",
			func(v *conf.VirtualServer) bool { return v.RealServers[0].Weight == 100000 }},
		{"a weight below 0", server("", " weight -5\n"), "weight",
			func(v *conf.VirtualServer) bool { return v.RealServers[0].Weight <= 1 }},
		{"no granularity", server(" persistence_timeout 5\n persistence_granularity 0\n", ""), "granularity",
			func(v *conf.VirtualServer) bool { return v.Persistence > 0 && v.PersistenceMask == 32 }},
		{"a granularity that is no mask", server(" persistence_timeout 5\n persistence_granularity 255.0.255.0\n", ""),
			"granularity", func(v *conf.VirtualServer) bool { return v.PersistenceMask == 32 }},
		{"a range of a group written backwards", group + strings.Replace(server("", ""), "192.0.2.10 80", "group g", 1),
			"192.0.2.20-10", func(v *conf.VirtualServer) bool { return len(v.Services) == 1 }},
	} {
		cfg, findings := load.LoadText("t", test.text, load.Options{})
		var said []string
		for _, f := range findings {
			said = append(said, f.Message)
		}
		if text := strings.Join(said, "\n"); !strings.Contains(text, test.said) || test.said != "" && text == "" {
			t.Errorf("%s: said %q", test.name, said)
		}
		if len(cfg.VirtualServers) != 1 || !test.right(cfg.VirtualServers[0]) {
			t.Errorf("%s: %+v", test.name, cfg.VirtualServers)
		}
	}
}
