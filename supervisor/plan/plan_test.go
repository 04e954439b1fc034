package plan_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/plan"
	"github.com/lvs-director/director/virtualserver/table"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/track"
)

const running = `
global_defs { router_id lb1 }
vrrp_script web { 
    script "/bin/true"
}
vrrp_instance outside {
    interface eth0
    virtual_router_id 51
    priority 150
    virtual_ipaddress {
        10.0.0.100/24
        10.0.0.101/24
    }
    authentication {
        auth_type PASS
        auth_pass first
    }
    track_script { 
        web
    }
}
vrrp_instance inside {
    interface eth1
    virtual_router_id 52
    version 3
    virtual_ipaddress {
        10.1.0.1/24
    }
}
virtual_server 10.0.0.100 80 {
    lb_algo wlc
    lb_kind NAT
    protocol TCP
    delay_loop 6
    real_server 10.1.0.11 80 {
        weight 2
        TCP_CHECK { }
    }
    real_server 10.1.0.12 80 {
        weight 2
        TCP_CHECK { }
    }
}
virtual_server 10.0.0.100 53 {
    lb_algo mh
    lb_kind DR
    protocol UDP
    real_server 10.1.0.11 53 { }
}
`

func loaded(t *testing.T, text string) *conf.Config {
	t.Helper()
	cfg, findings := load.LoadText("lb.conf", text, load.Options{})
	if conf.HasErrors(findings) {
		t.Fatal(findings)
	}
	return cfg
}

func service(addr string, protocol conf.Protocol, port uint16) conf.ServiceKey {
	return conf.ServiceKey{Protocol: protocol, Address: netip.MustParseAddr(addr), Port: port}
}

var (
	web = service("10.0.0.100", conf.TCP, 80)
	dns = service("10.0.0.100", conf.UDP, 53)
)

func real(addr string, port uint16) conf.ServerKey {
	return conf.ServerKey{Address: netip.MustParseAddr(addr), Port: port}
}

// busy is a running director that is MASTER outside and BACKUP inside, with
// connections to the first web server.
func busy(t *testing.T) plan.Facts {
	return plan.Facts{
		Instances:   map[string]event.VRRPState{"outside": event.Master, "inside": event.Backup},
		Table:       table.Wanted(loaded(t, running).VirtualServers, nil),
		Connections: map[plan.Server]plan.Connections{{Service: web, Real: real("10.1.0.11", 80)}: {Active: 12, Inactive: 3}},
	}
}

// said is a plan without what is untouched, a word for the part before each line.
func said(p plan.Plan) []string {
	var list []string
	for _, part := range []struct {
		word  string
		lines []string
	}{{"restart", p.Restart}, {"unknown", p.Unknown}, {"clients", p.Clients}, {"slowly", p.Slowly}, {"quiet", p.Quiet},
		{"foreign", p.Foreign}} {
		for _, l := range part.lines {
			list = append(list, part.word+": "+l)
		}
	}
	return list
}

func TestMake(t *testing.T) {
	for _, test := range []struct {
		name     string
		old, new string // replaced in the running configuration
		want     []string
	}{
		{"nothing", "", "", nil},
		{"a comment", "router_id lb1 }", "router_id lb1 # me\n}", nil},
		{"the router's name", "router_id lb1", "router_id lb2", []string{"quiet: router_id lb1 becomes lb2"}},
		{"a multicast group", "router_id lb1", "router_id lb1\nvrrp_mcast_group4 224.0.0.180", []string{
			"clients: outside: mcast_dst_ip 224.0.0.18 becomes 224.0.0.180; until its peers have the same, the " +
				"routers may " +
				"refuse each other and all be MASTER",
			"clients: inside: mcast_dst_ip 224.0.0.18 becomes 224.0.0.180; until its peers have the same, the " +
				"routers may " +
				"refuse each other and all be MASTER",
			"quiet: vrrp_mcast_group4 224.0.0.18 becomes 224.0.0.180"}},
		{"a namespace", "global_defs {", "net_namespace x\nglobal_defs {",
			[]string{"restart: net_namespace x is new: this needs a restart"}},

		{"an address goes from a MASTER", "        10.0.0.101/24\n", "",
			[]string{"clients: 10.0.0.101/24 on eth0 leaves this host (outside, MASTER)"}},
		{"an address comes to a MASTER", "10.0.0.101/24", "10.0.0.101/24\n10.0.0.102/24",
			[]string{"clients: 10.0.0.102/24 on eth0 comes up on this host (outside, MASTER)"}},
		{"an address gets a label", "10.0.0.101/24", "10.0.0.101/24 label eth0:1", []string{
			"clients: 10.0.0.101/24 on eth0 is removed and added again, because its attributes change (outside, " +
				"MASTER): a " +
				"moment without it"}},
		{"an address goes to a virtual MAC interface", "10.0.0.101/24", "10.0.0.101/24 use_vmac", []string{
			"clients: 10.0.0.101/24 moves from eth0 to its virtual MAC interface (outside, MASTER): a moment without it, " +
				"and another MAC address"}},
		{"an address of a BACKUP", "10.1.0.1/24", "10.1.0.2/24", []string{
			"quiet: inside: its addresses change (1 added, 1 removed, 0 changed); it is BACKUP, so none of them is here"}},
		{"less priority for a MASTER", "priority 150", "priority 50", []string{
			"clients: outside: priority falls from 150 to 50 while MASTER: its addresses move to a peer that has more"}},
		{"more priority for a MASTER", "priority 150", "priority 151", []string{"quiet: outside: priority 150 " +
			"becomes 151"}},
		{"more priority for a BACKUP", "version 3", "version 3\npriority 200", []string{
			"clients: inside: priority rises from 100 to 200 while BACKUP: it becomes MASTER, and its addresses " +
				"move here, " +
				"if the peer has less"}},
		{"more priority without preemption", "version 3", "version 3\npriority 200\nnopreempt", []string{
			"quiet: inside: priority 100 becomes 200", "quiet: inside: nopreempt on is new, preempt on is removed"}},
		{"a password", "auth_pass first", "auth_pass second", []string{
			"clients: outside: authentication auth_pass has another value; until its peers have the same, the " +
				"routers may " +
				"refuse each other and all be MASTER"}},
		{"the interval in version 2", "priority 150", "priority 150\nadvert_int 2", []string{
			"clients: outside: advert_int 1 becomes 2; until its peers have the same, the routers may refuse each " +
				"other and " +
				"all be MASTER"}},
		{"the interval in version 3", "version 3", "version 3\nadvert_int 0.5",
			[]string{"quiet: inside: advert_int 1 becomes 0.5"}},
		{"another name", "vrrp_instance inside", "vrrp_instance within",
			[]string{"quiet: within is renamed: it was inside"}},
		{"a MASTER ends", "virtual_router_id 51", "virtual_router_id 61", []string{
			"clients: outside (virtual router 61 on eth0) starts as BACKUP; its addresses come up here if no " +
				"other router " +
				"has them: 10.0.0.100/24 on eth0, 10.0.0.101/24 on eth0",
			"clients: outside (virtual router 51 on eth0) is removed; it is MASTER here: it sends priority 0, a peer can " +
				"take over, and these addresses leave this host: 10.0.0.100/24 on eth0, 10.0.0.101/24 on eth0"}},
		{"a tracker", "/bin/true", "/bin/false", []string{"quiet: vrrp_script web: script /bin/true becomes /bin/false"}},

		{"a real server with connections goes", "    real_server 10.1.0.11 80 {\n        weight 2\n        TCP_CHECK { " +
			"}\n    }\n", "", []string{
			"clients: [10.0.0.100]:tcp:80: is removed at once (drain_timeout or weight 0 lets it drain); 12 " +
				"connections to them " +
				"hang: [10.1.0.11]:tcp:80"}},
		{"an idle real server goes", "    real_server 10.1.0.12 80 {\n        weight 2\n        TCP_CHECK { }\n " +
			"   }\n", "",
			[]string{
				"quiet: [10.0.0.100]:tcp:80: is removed and has no connections: [10.1.0.12]:tcp:80"}},
		{"a real server drains", "real_server 10.1.0.11 80 {\n        weight 2",
			"real_server 10.1.0.11 80 {\n        weight 0", []string{
				"slowly: [10.0.0.100]:tcp:80: [10.1.0.11]:tcp:80 gets no new connections (weight 2 becomes 0); the 12 " +
					"connections it has go on"}},
		{"a real server with connections goes slowly", "    real_server 10.1.0.11 80 {\n        weight 2\n      " +
			"  TCP_CHECK { " +
			"}\n    }\n", "    drain_timeout 90\n", []string{
			"slowly: [10.0.0.100]:tcp:80: drains for 1m30s at most and is removed then; the 12 connections it has go on: " +
				"[10.1.0.11]:tcp:80",
			"quiet: [10.0.0.100]:tcp:80: drain_timeout 0 becomes 90",
			"quiet: [10.0.0.100]:tcp:80: [10.1.0.12]:tcp:80: drain_timeout 0 becomes 90"}},
		{"all weights", "        weight 2\n        TCP_CHECK { }\n    }\n    real_server 10.1.0.12 80 {\n       " +
			" weight 2",
			"        weight 0\n        TCP_CHECK { }\n    }\n    real_server 10.1.0.12 80 {\n        weight 0", []string{
				"clients: [10.0.0.100]:tcp:80: serves nobody new: all its real servers have weight 0",
				"slowly: [10.0.0.100]:tcp:80: [10.1.0.11]:tcp:80 gets no new connections (weight 2 becomes 0); the 12 " +
					"connections it has go on",
				"slowly: [10.0.0.100]:tcp:80: [10.1.0.12]:tcp:80 gets no new connections (weight 2 becomes 0); it " +
					"has none now",
			}},
		{"a weight", "real_server 10.1.0.11 80 {\n        weight 2", "real_server 10.1.0.11 80 {\n        " +
			"weight 5", []string{
			"quiet: [10.0.0.100]:tcp:80: [10.1.0.11]:tcp:80: weight 2 becomes 5"}},
		{"a real server comes", "    real_server 10.1.0.12 80",
			"    real_server 10.1.0.13 80 { }\n    real_server 10.1.0.12 80", []string{
				"quiet: [10.0.0.100]:tcp:80: gets new connections at once, before the first check, because alpha is " +
					"not set: " +
					"[10.1.0.13]:tcp:80"}},
		{"a real server comes, with alpha", "    real_server 10.1.0.12 80",
			"    real_server 10.1.0.13 80 {\nalpha\nTCP_CHECK { }\n}\n    real_server 10.1.0.12 80", []string{
				"quiet: [10.0.0.100]:tcp:80: gets new connections once its check succeeds: [10.1.0.13]:tcp:80"}},
		{"a hashing scheduler", "    real_server 10.1.0.11 53 { }",
			"    real_server 10.1.0.11 53 { }\n    real_server 10.1.0.12 53 { }", []string{
				"quiet: [10.0.0.100]:udp:53: gets new connections at once, before the first check, because alpha is " +
					"not set: " +
					"[10.1.0.12]:udp:53",
				"quiet: [10.0.0.100]:udp:53: mh shares new connections out anew; some clients get another real server"}},
		{"other checks", "delay_loop 6", "delay_loop 5", []string{
			"quiet: [10.0.0.100]:tcp:80: delay_loop 6 becomes 5",
			"quiet: [10.0.0.100]:tcp:80: [10.1.0.11]:tcp:80, [10.1.0.12]:tcp:80: delay_loop 6 becomes 5, TCP_CHECK " +
				"delay_loop 6 becomes 5, TCP_CHECK warmup 6 becomes 5; the checks begin anew"}},
		{"a scheduler", "lb_algo wlc", "lb_algo rr", []string{"quiet: [10.0.0.100]:tcp:80: lvs_sched wlc becomes rr"}},
		{"no affinity any more", "lb_algo mh", "lb_algo rr", []string{
			"clients: [10.0.0.100]:udp:53: lvs_sched mh becomes rr; a client's next connection may go to another " +
				"real server"}},
		{"a virtual server ends", "virtual_server 10.0.0.100 80", "virtual_server 10.0.0.100 8080", []string{
			"clients: [10.0.0.100]:tcp:8080 is new: wlc, NAT, 2 real servers",
			"clients: [10.0.0.100]:tcp:80 is removed, with 2 real servers; 12 connections to them hang"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := strings.Replace(running, test.old, test.new, 1)
			if test.old != "" && text == running {
				t.Fatal("nothing was replaced")
			}
			p := plan.Make(loaded(t, running), loaded(t, text), busy(t))
			if diff := cmp.Diff(test.want, said(p)); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
			if p.Nothing() != (test.want == nil) {
				t.Errorf("Nothing is %v", p.Nothing())
			}
		})
	}
}

// TestAnAddressThatChangesItsInstanceStays: nobody has to be told that it leaves.
func TestAnAddressThatChangesItsInstanceStays(t *testing.T) {
	after := strings.Replace(running, "        10.0.0.101/24\n", "", 1)
	after = strings.Replace(after, "10.1.0.1/24", "10.1.0.1/24\n10.0.0.101/24 dev eth0", 1)
	f := busy(t)
	f.Instances["inside"] = event.Master
	p := plan.Make(loaded(t, running), loaded(t, after), f)
	for _, l := range p.Clients {
		if strings.Contains(l, "leaves") {
			t.Error(l)
		}
	}
	if len(p.Quiet) != 1 || p.Quiet[0] != "10.0.0.101/24 on eth0 stays here; it belongs to inside now" {
		t.Errorf("%q", p.Quiet)
	}
}

// TestWhatTheKernelHas: what no configuration asks for is named, what cannot
// be read is said.
func TestWhatTheKernelHas(t *testing.T) {
	f := busy(t)
	other := service("10.9.9.9", conf.TCP, 443)
	f.Table[other] = table.Entry{Service: table.Service{Key: other, Scheduler: "rr"},
		Destinations: map[conf.ServerKey]table.Destination{real("10.1.0.11", 443): {}}}
	f.Addresses = []link.HostAddress{
		{Device: "eth0", Prefix: netip.MustParsePrefix("10.0.0.1/24")},
		{Device: "eth0", Prefix: netip.MustParsePrefix("10.0.0.77/32")},
		{Device: "lo", Prefix: netip.MustParsePrefix("10.0.0.78/32")},
	}
	cfg := loaded(t, running)
	p := plan.Make(cfg, cfg, f)
	want := []string{"foreign: virtual server [10.9.9.9]:tcp:443 rr with 1 real server",
		"foreign: address 10.0.0.77/32 on eth0"}
	if diff := cmp.Diff(want, said(p)); diff != "" || !p.Nothing() {
		t.Errorf("nothing: %v, (-want +got)\n%s", p.Nothing(), diff)
	}
	p = plan.Make(cfg, cfg, plan.Facts{Unknown: []string{"the IPVS table: permission denied"}})
	if p.Nothing() {
		t.Error("it is not certain that nothing changes")
	}
}

func TestUntouchedIsNamed(t *testing.T) {
	cfg := loaded(t, running)
	p := plan.Make(cfg, cfg, busy(t))
	want := []string{
		"2 VRRP instances: outside (MASTER), inside (BACKUP)",
		"2 virtual servers with 3 real servers: [10.0.0.100]:tcp:80, [10.0.0.100]:udp:53",
		"1 other block (sync groups, trackers)",
	}
	if diff := cmp.Diff(want, p.Untouched); diff != "" {
		t.Error(diff)
	}
}

// TestSecretsAreNotSaid in whatever part a change of them is.
func TestSecretsAreNotSaid(t *testing.T) {
	after := strings.Replace(running, "auth_pass first", "auth_pass second", 1)
	var b strings.Builder
	if err := plan.Make(loaded(t, running), loaded(t, after), busy(t)).Write(&b, 0); err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{"first", "second"} {
		if strings.Contains(b.String(), secret) {
			t.Errorf("%q in\n%s", secret, b.String())
		}
	}
}

func TestWrite(t *testing.T) {
	for name, tc := range map[string]struct {
		plan  plan.Plan
		lines int
		want  string
	}{
		"nothing": {plan.Plan{}, 0, "nothing would change\n"},
		"nothing, with things": {plan.Plan{Untouched: []string{"a"}, Foreign: []string{"b"}}, 0,
			"nothing would change\nwhat is untouched:\n  a\nwhat the kernel has that is not configured, and keeps:\n  b\n"},
		"the five parts in order": {plan.Plan{Clients: []string{"a"}, Slowly: []string{"b"}, Quiet: []string{"c"},
			Untouched: []string{"d"}, Foreign: []string{"e"}}, 0,
			"what clients notice:\n  a\nwhat leaves slowly:\n  b\nwhat nobody notices:\n  c\nwhat is untouched:\n " +
				" d\nwhat " +
				"the kernel has that is not configured, and keeps:\n  e\n"},
		"too many": {plan.Plan{Clients: []string{"a", "b", "c"}}, 2,
			"what clients notice:\n  a\n  b\n  ... and 1 more\nwhat leaves slowly:\n  nothing\nwhat nobody notices:\n  " +
				"nothing\nwhat is untouched:\n  nothing\nwhat the kernel has that is not configured, and keeps:\n  " +
				"nothing\n"},
		"not known": {plan.Plan{Unknown: []string{"the IPVS table"}, Restart: []string{"x"}}, 0,
			"NOT BY A RELOAD: x\nNOT KNOWN: the IPVS table\nwhat clients notice:\n  nothing\nwhat leaves slowly:\n  " +
				"nothing\nwhat nobody notices:\n  nothing\nwhat is untouched:\n  nothing\nwhat the kernel has that is not " +
				"configured, and keeps:\n  nothing\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			if err := tc.plan.Write(&b, tc.lines); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, b.String()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestPlanOfMarksAndPersistence: what leaves a list, and clients that were bound to a real
// server without connections.
func TestPlanOfMarksAndPersistence(t *testing.T) {
	const shop = "virtual_server match shop {\n lvs_sched rr\n lvs_method NAT\n persistence_timeout 60\n" +
		" match {\n  10.0.0.100 tcp 80\n  10.0.0.100 tcp 443\n }\n real_server 10.1.0.11 {\n }\n real_server " +
		"10.1.0.12 {\n }\n}\n"
	name := loaded(t, shop).VirtualServers[0].String()
	after := strings.NewReplacer("  10.0.0.100 tcp 443\n", "  10.0.0.101 tcp 80\n", " real_server 10.1.0.12 "+
		"{\n }\n", "").
		Replace(shop)
	facts := plan.Facts{Table: table.Table{}}
	want := []string{
		"clients: " + name + ": packets to 10.0.0.101 tcp 80 belong to it",
		"clients: " + name + ": packets to 10.0.0.100 tcp 443 do not belong to it any more, and what is " +
			"connected to it by " +
			"them hangs",
		"clients: " + name + ": clients that persistence has bound to it get another real server: [10.1.0.12]:proto0:0",
		"quiet: " + name + ": is removed and has no connections: [10.1.0.12]:proto0:0",
	}
	if diff := cmp.Diff(want, said(plan.Make(loaded(t, shop), loaded(t, after), facts))); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestARenamedGroup is no loss: the kernel's services stay.
func TestARenamedGroup(t *testing.T) {
	text := func(name string) string {
		return "virtual_server_group " + name + " {\n192.0.2.1-2 80\n}\nvirtual_server group " + name +
			" {\nprotocol TCP\nlvs_sched rr\nlvs_method DR\nreal_server 10.0.0.1 80 {\n}\n}\n"
	}
	p := plan.Make(loaded(t, text("A")), loaded(t, text("B")), plan.Facts{})
	for _, line := range said(p) {
		if strings.HasPrefix(line, "clients: ") {
			t.Error(line)
		}
	}
	if !slices.Contains(p.Quiet, "[B]:0 is renamed: it was [A]:0; its services stay, its checks begin anew") {
		t.Errorf("%q", p.Quiet)
	}
	other := strings.Replace(text("B"), "192.0.2.1-2", "192.0.2.1-3", 1)
	p = plan.Make(loaded(t, text("A")), loaded(t, other), plan.Facts{})
	if len(p.Clients) != 2 { // one is removed, another is new
		t.Errorf("%q", said(p))
	}
}

// TestAnnounce: what a plan says of announced addresses, and where they must not be.
func TestAnnounce(t *testing.T) {
	announce := func(words string) *conf.Config { return loaded(t, running+"announce edge {\n"+words+"}\n") }
	none, one := loaded(t, running), announce("virtual_ipaddress { 203.0.113.1 }\n")
	host := track.Host{Interfaces: map[string]track.Interface{
		"eth2": {Up: true, Addresses: []netip.Prefix{netip.MustParsePrefix("203.0.113.5/24")}}}}
	const onLink = "announce edge: 203.0.113.1 is in the network 203.0.113.0/24 of eth2, where every director would " +
		"answer ARP for it"
	for name, c := range map[string]struct {
		before, after *conf.Config
		clients       string
		onLink        bool
	}{
		"new":      {none, one, "announce edge is new", true},
		"gone":     {one, none, "announce edge is removed: its addresses are withdrawn", false},
		"as it is": {one, one, "", false},
		"another address": {one, announce("virtual_ipaddress { 203.0.114.1 }\n"),
			"what is not announced any more is withdrawn first", false},
		"another lifetime": {one, announce("virtual_ipaddress { 203.0.113.1 }\nmin_lifetime 5\n"), "", false},
		"allowed": {none, announce("virtual_ipaddress { 203.0.113.1 }\nallow_onlink\n"),
			"announce edge is new", false},
	} {
		p := plan.Make(c.before, c.after, plan.Facts{Host: &host})
		said := strings.Join(p.Clients, "\n")
		if strings.Contains(said, onLink) != c.onLink || !strings.Contains(said, c.clients) ||
			c.clients == "" && strings.Contains(said, "announce") {
			t.Errorf("%s: clients notice %q", name, p.Clients)
		}
	}
}
