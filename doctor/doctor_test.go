package doctor_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/doctor"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// service is a virtual server with one real server, 10.0.0.2.
func service(kind, more string) string {
	return "virtual_server 192.0.2.10 80 {\n lb_algo rr\n lb_kind " + kind + "\n protocol TCP\n" + more +
		" real_server 10.0.0.2 80 {\n }\n}\n"
}

const instance = "vrrp_instance V {\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {\n" +
	" 192.0.2.10/32\n }\n}\n"

// TestFindings: the facts, and what is said of them.
func TestFindings(t *testing.T) {
	set := func(pairs ...string) map[string]string {
		m := make(map[string]string)
		for n := 0; n < len(pairs); n += 2 {
			m[pairs[n]] = pairs[n+1]
		}
		return m
	}
	eth0 := doctor.Interface{Name: "eth0", MTU: 1500,
		Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")}}
	via := func(r doctor.Route) map[netip.Addr]doctor.Route {
		return map[netip.Addr]doctor.Route{addr("10.0.0.2"): r}
	}
	router := doctor.Route{Device: "eth0", Gateway: addr("10.0.0.254")}
	for name, tc := range map[string]struct {
		config string
		facts  doctor.Facts
		want   []string // "severity code"
	}{
		"nothing known": {service("NAT", ""), doctor.Facts{}, nil},
		"all well": {instance + service("NAT", ""), doctor.Facts{Settings: set("net.ipv4.ip_forward", "1",
			"net.ipv4.conf.all.rp_filter", "0", "net.ipv4.conf.eth0.rp_filter", "2", "net.ipv4.vs.conn_reuse_mode", "1",
			"net.ipv4.vs.conntrack", "0"), Interfaces: []doctor.Interface{eth0},
			Routes: via(doctor.Route{Device: "eth0"})}, nil},

		"no forwarding": {service("NAT", ""), doctor.Facts{Settings: set("net.ipv4.ip_forward", "0")},
			[]string{"error ip-forward"}},
		"DR needs none": {service("DR", ""), doctor.Facts{Settings: set("net.ipv4.ip_forward", "0")}, nil},
		"strict by all": {service("DR", ""),
			doctor.Facts{Settings: set("net.ipv4.conf.all.rp_filter", "1",
				"net.ipv4.conf.eth0.rp_filter", "0"), Interfaces: []doctor.Interface{eth0}}, []string{"note rp-filter"}},
		"loose wins": {service("DR", ""),
			doctor.Facts{Settings: set("net.ipv4.conf.all.rp_filter", "1",
				"net.ipv4.conf.eth0.rp_filter", "2"), Interfaces: []doctor.Interface{eth0}}, nil},
		"a module": {service("DR", ""), doctor.Facts{Missing: []doctor.Missing{
			{What: "scheduler rr", Source: "module ip_vs_rr", Server: "192.0.2.10:80/tcp"},
			{What: "SCTP in IPVS", Source: "CONFIG_IP_VS_PROTO_SCTP"}}}, []string{"error module", "error module"}},
		"VIP elsewhere": {instance,
			doctor.Facts{Interfaces: []doctor.Interface{{Name: "eth1",
				Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.10/32")}}}}, []string{"error vip-place"}},
		"real server answers": {service("DR", ""),
			doctor.Facts{Answers: []doctor.Answer{{VIP: addr("192.0.2.10"), MAC: "02:00",
				Server: addr("10.0.0.2")}}}, []string{"error arp"}},
		"the peer answers": {service("DR", ""),
			doctor.Facts{Answers: []doctor.Answer{{VIP: addr("192.0.2.10"), MAC: "02:00"}}}, nil},
		"no route": {service("DR", ""),
			doctor.Facts{Routes: via(doctor.Route{Error: "network is unreachable"})}, []string{"error no-route"}},
		"DR behind a router":  {service("DR", ""), doctor.Facts{Routes: via(router)}, []string{"error dr-network"}},
		"NAT behind a router": {service("NAT", ""), doctor.Facts{Routes: via(router)}, []string{"warning nat-gateway"}},
		"NAT without the gateway": {service("NAT", ""), doctor.Facts{WaysBack: []doctor.WayBack{
			{Server: addr("10.0.0.2"), Near: addr("10.0.0.1"), Far: addr("192.0.2.2"), NearReplied: true},
			{Server: addr("10.0.0.3"), Near: addr("10.0.0.1"), Far: addr("192.0.2.2"), NearReplied: true, FarReplied: true},
			{Server: addr("10.0.0.4"), Near: addr("10.0.0.1"), Far: addr("192.0.2.2")}}}, // it answers no ping
			[]string{"warning nat-gateway"}},
		"TUN behind a router": {service("TUN", ""),
			doctor.Facts{Routes: via(router), Interfaces: []doctor.Interface{eth0}}, []string{"note tunnel-mtu"}},
		"conn_reuse_mode": {service("NAT", ""),
			doctor.Facts{Settings: set("net.ipv4.vs.conn_reuse_mode", "0")}, []string{"warning conn-reuse"}},
		"conntrack, no need": {service("NAT", ""),
			doctor.Facts{Settings: set("net.ipv4.vs.conntrack", "1")}, []string{"note conntrack"}},
		"a stranger": {instance, doctor.Facts{Strangers: []string{"10.0.0.9"}}, []string{"warning foreign-vrid"}},
		"templates": {service("NAT", " persistence_timeout 60\n"),
			doctor.Facts{Settings: set("net.ipv4.vs.expire_quiescent_template", "0")},
			[]string{"note expire-quiescent-template"}},
		"networkd": {instance, doctor.Facts{Others: map[string][]int{"systemd-networkd": {7}}},
			[]string{"warning networkd", "warning networkd"}},
		"networkd, told": {instance,
			doctor.Facts{Others: map[string][]int{"systemd-networkd": {7}},
				Files: set("/etc/systemd/networkd.conf",
					"[Network]\nManageForeignRoutes=no\n ManageForeignRoutingPolicyRules = no\n")}, nil},
		"NetworkManager": {instance, doctor.Facts{Others: map[string][]int{"NetworkManager": {7}}},
			[]string{"note network-manager"}},
		"flush ruleset": {instance,
			doctor.Facts{Files: set("/etc/nftables.conf", "#!/usr/sbin/nft -f\nflush  ruleset;\n")},
			[]string{"warning flush-ruleset"}},
		"flush, in a comment": {instance, doctor.Facts{Files: set("/etc/nftables.conf", "# flush ruleset\n")}, nil},
		"LRO": {service("DR", ""),
			doctor.Facts{Interfaces: []doctor.Interface{{Name: "eth0", LRO: true}}}, []string{"warning lro"}},
		"small table": {service("DR", ""),
			doctor.Facts{Settings: set("conn_tab_bits", "8"), Connections: 5000}, []string{"warning conn-tab-bits"}},
		"tracking nearly full": {service("DR", ""),
			doctor.Facts{Settings: set("net.netfilter.nf_conntrack_max", "100",
				"net.netfilter.nf_conntrack_count", "85")}, []string{"warning conntrack-full"}},
		"keepalived": {service("DR", ""),
			doctor.Facts{Others: map[string][]int{"keepalived": {7}}}, []string{"warning other-program"}},
		"drops VRRP": {instance,
			doctor.Facts{Filters: []doctor.Filter{{Name: "f", Hook: "input", Drop: true}}}, []string{"error filter-vrrp"}},
		"drops the service": {service("DR", ""),
			doctor.Facts{Filters: []doctor.Filter{{Name: "f", Hook: "input", Drop: true}}},
			[]string{"warning filter-service"}},
		"a filter that is not seen through": {instance + service("DR", ""), doctor.Facts{Filters: []doctor.Filter{
			{Name: "f", Hook: "input", Drop: true, Jumps: true}, {Name: "g", Hook: "input"},
			{Name: "h", Hook: "input", Drop: true, VRRP: true, Ports: map[uint16]bool{80: true}}}}, nil},
	} {
		cfg, findings := load.LoadText("t", tc.config, load.Options{})
		if conf.HasErrors(findings) {
			t.Fatal(name, findings)
		}
		tc.facts.Config = cfg
		var got []string
		for _, f := range doctor.Examine(tc.facts) {
			got = append(got, string(f.Severity)+" "+f.Code)
			if f.Cause == "" || f.Evidence == "" || f.Cure == "" {
				t.Errorf("%s: a finding says too little: %+v", name, f)
			}
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestMarksPortsAndUDP(t *testing.T) {
	mark := &conf.VirtualServer{Key: conf.ServiceKey{FWMark: 5}, Services: []conf.ServiceKey{{FWMark: 5}}}
	zero := &conf.VirtualServer{Key: conf.ServiceKey{Protocol: conf.UDP, Address: addr("192.0.2.1")}}
	f := doctor.Facts{
		Config: &conf.Config{VirtualServers: []*conf.VirtualServer{mark, zero}}, Marks: map[uint32]bool{6: true},
		Settings: map[string]string{"net.ipv4.vs.expire_nodest_conn": "0"},
	}
	var got []string
	for _, finding := range doctor.Examine(f) {
		got = append(got, finding.Code)
	}
	if diff := cmp.Diff([]string{"port-zero", "mark", "expire-nodest-conn"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	f.Marks[5] = true
	if list := doctor.Examine(f); len(list) != 2 {
		t.Errorf("with the mark: %+v", list)
	}
}

func TestExitStatus(t *testing.T) {
	for want, list := range [][]doctor.Finding{
		{{Severity: doctor.Note}}, {{Severity: doctor.Note}, {Severity: doctor.Warning}},
		{{Severity: doctor.Error}, {Severity: doctor.Note}},
	} {
		if got := doctor.ExitStatus(list); got != want {
			t.Errorf("%v: %d", list, got)
		}
	}
	if doctor.ExitStatus(nil) != 0 || len(doctor.Examine(doctor.Facts{})) != 0 {
		t.Error("nothing is something")
	}
}
