package load_test

import (
	"testing"

	"github.com/lvs-director/director/conf/load"
)

// An instance that is in FAULT without the quorum of a virtual server would never have its address
// again if the checks rested meanwhile. Its sync group takes it along.
func TestSuspendedChecksThatTheInstanceNeeds(t *testing.T) {
	for name, tc := range map[string]struct {
		instance, other, group string
		ignored                bool
	}{
		"itself":      {"192.0.2.10 80", "", "", true},
		"its group":   {"", "", "192.0.2.10 80", true},
		"the other":   {"", "192.0.2.10 80", "", true},
		"with weight": {"192.0.2.10 80 weight 20", "", "", false},
		"another one": {"192.0.2.11 80", "", "", false},
		"not at all":  {"", "", "", false},
	} {
		tracks := func(what string) string {
			if what == "" {
				return ""
			}
			return "track_virtual_server {\n" + what + "\n}\n"
		}
		server := func(address, more string) string {
			return "virtual_server " + address + " 80 {\nlb_algo rr\nlb_kind DR\nprotocol TCP\n" + more +
				"real_server 10.0.0.2 80 {\nTCP_CHECK {\nconnect_timeout 3\n}\n}\n}\n"
		}
		instance := func(name, vrid, address, more string) string {
			return "vrrp_instance " + name + " {\ninterface eth0\nvirtual_router_id " + vrid +
				"\npriority 100\nvirtual_ipaddress {\n" + address + "/24\n}\n" + more + "}\n"
		}
		cfg, findings := load.LoadText("x", instance("A", "1", "192.0.2.10", tracks(tc.instance))+
			instance("B", "2", "192.0.2.12", tracks(tc.other))+
			"vrrp_sync_group G {\ngroup {\nA\nB\n}\n"+tracks(tc.group)+"}\n"+
			server("192.0.2.10", "ha_suspend\n")+server("192.0.2.11", ""), load.Options{})
		said := false
		for _, f := range findings {
			said = said || f.Code == "ha-suspend"
		}
		if said != tc.ignored || cfg.VirtualServers[0].HASuspend == tc.ignored {
			t.Errorf("%s: said %v, ha_suspend %v, want ignored %v: %v", name, said, cfg.VirtualServers[0].HASuspend,
				tc.ignored, findings)
		}
	}
}
