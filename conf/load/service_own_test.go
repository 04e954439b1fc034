package load_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/conf/syntax"
)

// match is a good virtual server of a match list, with one more line in the list
// (line 5) and one more line in the block (line 7).
func match(name, entry, line string) string {
	return "virtual_server match " + name + " {\n lvs_sched rr\n lvs_method NAT\n match {\n" + entry + "\n }\n" + line +
		"\n real_server 10.1.0.1 {\n }\n}\n"
}

// warnings are the findings about text, without the notes about words that have no
// effect yet.
func warnings(text string, opt load.Options) (*conf.Config, []string) {
	opt.FS = syntax.Memory{}
	cfg, findings := load.LoadText("t.conf", text, opt)
	var list []string
	for _, f := range findings {
		if f.Code == "no-effect" || f.Code == "not-served" {
			continue
		}
		s := fmt.Sprintf("%d:%d: %s: %s", f.Pos.Line, f.Pos.Col, f.Severity, f.Message)
		if f.Hint != "" {
			s += " (" + f.Hint + ")"
		}
		list = append(list, s)
	}
	return cfg, list
}

// TestOwnWordsOfVirtualServers: what is wrong with the words that keepalived does not know.
func TestOwnWordsOfVirtualServers(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"a list", match("A", "10.0.0.1 tcp 80 443 1000-1010", ""), nil},
		{"a protocol in capitals", match("A", "10.0.0.1 TCP 80", ""), nil},
		{"every packet", match("A", "0.0.0.0/0", ""), []string{
			"5:1: warning: 0.0.0.0/0 is every address: connections to this host itself, such as ssh, are balanced too " +
				"(name the virtual addresses, or ports)",
			"8:2: warning: real server 10.1.0.1 is an address of the match list: the virtual server takes the packets to it, " +
				"checks included"}},
		{"ports backwards", match("A", "10.0.0.1 tcp 80-70\n10.0.0.2", ""), []string{
			"5:14: warning: the range of ports 80-70 is written backwards: the line is ignored (write 70-80)"}},
		{"port of another kind", match("A", "10.0.0.1 tcp http\n10.0.0.2", ""), []string{
			`5:14: warning: "http" is neither a port nor a range of ports: the line is ignored (1 to 65535, or 1000-1010)`}},
		{"ports without protocol", match("A", "10.0.0.1 80\n10.0.0.2", ""), []string{
			`5:10: warning: "80" is not a protocol: the line is ignored (tcp, udp, sctp, ah, esp or any, before the ports)`}},
		{"ports of esp", match("A", "10.0.0.1 esp 80\n10.0.0.2", ""), []string{
			"5:14: warning: esp has no ports: the line is ignored (name tcp, udp or sctp before the ports)"}},
		{"IPsec and its keys", match("A", "10.0.0.1 esp\n10.0.0.1 ah\n10.0.0.1 udp 500", ""), nil},
		{"IPsec and all UDP", match("A", "10.0.0.1 esp\n10.0.0.0/24 udp", ""), nil},
		{"IPsec without its keys", match("A", "10.0.0.1 esp\n10.0.0.1 ah\n10.0.0.1 udp 4500\n10.0.0.2 udp 500", ""), []string{
			"4:2: note: virtual server match A has esp of 10.0.0.1 without udp 500: the kernel sends esp and ah of a client " +
				"where its connection from UDP port 500 to port 500 is, and balances neither of them by itself"}},
		{"host bits", match("A", "10.0.0.1/24 tcp 80\n10.0.0.2", ""), []string{
			`5:1: warning: "10.0.0.1/24" has host bits beyond its mask: the line is ignored (write 10.0.0.0/24)`}},
		{"two families", match("A", "10.0.0.1 tcp 80\n2001:db8::1 tcp 80", ""), []string{
			"6:1: warning: 2001:db8::1 is of another family than the lines before: the line is ignored (write a virtual " +
				"server for each family)"}},
		{"nothing to match", match("A", "<VIP> tcp 80", ""), []string{
			`5:1: warning: "<VIP>" is neither an address nor a network: the line is ignored`,
			"10:1: warning: virtual server match A names no packets: it is ignored with all its real servers"}},
		{"no name", strings.Replace(match("A", "10.0.0.1 tcp 80", ""), "match A", "match", 1), []string{
			"1:1: warning: virtual_server match needs a name: it is ignored with all its real servers"}},
		{"lists that overlap", match("A", "10.0.0.0/24 tcp 80", "") + match("B", "10.0.0.9 tcp 70-90\n10.0.0.10 "+
			"tcp 80", ""),
			[]string{"11:1: warning: virtual server match A and virtual server match B both name packets to " +
				"10.0.0.9: they go " +
				"to the first"}},
		{"lists apart", match("A", "10.0.0.0/24 tcp 80", "") + match("B", "10.0.0.9 tcp 81\n10.0.0.9 udp 80", ""), nil},
		{"a match block in the wrong place", vs(" match { 10.0.0.1 tcp 80 }"), []string{
			"5:2: warning: match is for virtual_server match and virtual_server fwmark: it is ignored"}},
		{"group_as_mark without a group", vs(" group_as_mark"), []string{
			"5:2: warning: group_as_mark is for virtual_server group: it is ignored"}},
		{"mark of a mark", "virtual_server fwmark 5 {\n lvs_sched rr\n lvs_method NAT\n mark 6\n match { 10.0.0.1 }\n " +
			"real_server 10.1.0.1 {\n }\n}\n", []string{"4:2: warning: mark is ignored: the virtual server has mark 5"}},

		{"headers", vs(" real_server 10.1.0.9 80 {\n HTTP_GET {\n url {\n path /\n headers {\n Host a\n" +
			" X-Key: one two\n x-key b\n Bad(Name c\n }\n method GE,T\n }\n url { path x }\n url {\n " +
			"path \"/a b\"\n virtualhost \"a b\"\n }\n }\n }"), []string{
			"10:2: warning: header Host is made by the check: the line is ignored (use virtualhost for Host, http_protocol " +
				"for Connection)",
			"12:2: warning: header x-key is there twice: the first line is used",
			`13:2: warning: "Bad(Name" is not the name of a header: the line is ignored`,
			`15:9: warning: method cannot be "GE,T": it is ignored (a word such as GET, HEAD, POST or OPTIONS)`,
			`17:2: note: path "x" is sent as it is: most servers refuse a path that does not begin with / or has blanks`,
			`18:2: note: path "/a b" is sent as it is: most servers refuse a path that does not begin with / or has blanks`,
			`18:2: note: virtualhost "a b" is sent as it is: most servers refuse a name with blanks`,
		}},

		{"HTTP/2", vs(" real_server 10.1.0.9 80 {\n HTTP_GET {\n http_protocol 2\n url {\n path /\n dechunk\n headers {\n" +
			" upgrade h2c\n X-Key a\n }\n }\n }\n HTTP_GET {\n http_protocol 3\n url {\n path /\n }\n }\n }"), []string{
			"6:2: warning: header upgrade is for HTTP/1.1: HTTP/2 is asked without it",
			"6:2: note: dechunk is for HTTP/1.1: a page has no chunks in HTTP/2",
			`18:16: warning: http_protocol cannot be "3": 1.0 is used (one of 1.0, 1.0C, 1.1, 2)`,
		}},

		{"conversations", vs(" real_server 10.1.0.9 80 {\n QUERY_CHECK {\n query oracle\n }\n QUERY_CHECK {\n query redis\n" +
			" steps {\n expect a\n }\n }\n QUERY_CHECK {\n steps {\n send \"a\\xg1\"\n expect \"(\"\n wait 3\n starttls\n" +
			" }\n }\n }"), []string{
			"6:2: warning: QUERY_CHECK has neither a query nor steps: it only connects (query " +
				"imap|ldap|mysql|pop3|postgres|redis)",
			`7:8: warning: query cannot be "oracle": it is ignored (one of imap, ldap, mysql, pop3, postgres, redis, or ` +
				"write steps)",
			"9:2: warning: QUERY_CHECK has a query and steps: the steps are ignored",
			`17:7: warning: send: \x needs two hexadecimal digits: the line is ignored`,
			"18:9: warning: expect \"(\": error parsing regexp: missing closing ): `(`: the line is ignored",
			`19:2: warning: "wait" is not a step of a conversation: the line is ignored (send "TEXT", expect "REGEX" or ` +
				"starttls)",
		}},

		{"expects nothing", vs(" real_server 10.1.0.9 80 {\n QUERY_CHECK {\n steps {\n send a\n }\n }\n }"), []string{
			"6:2: note: QUERY_CHECK expects nothing: every server that accepts the connection is alive"}},
		{"hosts of gRPC", vs(" real_server 10.1.0.9 80 {\n GRPC_CHECK {\n host ::1\n }\n GRPC_CHECK {\n host [::1]:80\n }\n" +
			" GRPC_CHECK {\n host \"a b\"\n }\n GRPC_CHECK {\n host shop.example:443\n }\n }"), []string{
			`7:7: warning: host cannot be "::1": it is ignored (a name, or an address (IPv6 in [ ]), and a port if need be)`,
			`13:7: warning: host cannot be "a b": it is ignored (a name, or an address (IPv6 in [ ]), and a port if need be)`,
		}},

		{"unknown setting", "global_defs {\n ipvs {\n  expire_nodes 1\n }\n}\n" + vs(""), []string{
			`3:3: warning: IPVS has no setting "expire_nodes": the line is ignored`}},
		{"value of a setting", "global_defs {\n ipvs {\n  conntrack 2\n sync_threshold 3\n sync_threshold 3 50 " +
			"7\n }\n}\n" +
			vs(""), []string{"3:13: warning: conntrack 2 is outside of 0 to 1: it is ignored",
			"4:2: warning: sync_threshold has no value: the line is ignored",
			`5:22: note: "7" and what follows it are ignored`}},
		{"unknown policy", "global_defs {\n reconcile never\n}\n" + vs(""), []string{
			`2:12: warning: reconcile cannot be "never": keep_weights is used (one of keep_weights, enforce, report, off)`}},
		{"backup_only without a daemon", "global_defs {\n ipvs { backup_only 1 }\n}\n" + vs(""), []string{
			"2:9: warning: backup_only has no effect without lvs_sync_daemon: it counts while a backup daemon runs"}},
		{"backup_only with both daemons", "global_defs {\n ipvs { backup_only 1 }\n lvs_sync_daemon eth0\n}\n" + vs(""),
			[]string{"2:9: error: backup_only 1 takes all virtual servers of a host out of service while a backup " +
				"daemon runs"}},
		{"backup_only of a strict pair", "global_defs {\n ipvs { backup_only 1 }\n lvs_sync_daemon eth0 inst A\n}\n" +
			in("") + vs(""), nil},
		{"conntrack of full NAT", "global_defs {\n ipvs { conntrack 0 }\n}\n" + strings.Replace(vs(""), "NAT", "FNAT", 1),
			[]string{"2:9: warning: conntrack 0 is ignored: FNAT needs 1"}},
		{"sh does not end flows", strings.Replace(vs(" end_flows_on_failure"), "rr", "sh", 1), []string{
			"5:2: warning: end_flows_on_failure is ignored with sh: to end its flows a server leaves the table and comes " +
				"back, and sh then gives half of all clients another server (use mh"}},
		{"sh and senders of UDP", "virtual_server 10.0.0.1 514 {\n lb_algo sh\n lb_kind DR\n protocol UDP\n" +
			" real_server 10.1.0.1 514 {\n PING_CHECK {\n }\n }\n}\n", []string{
			"2:2: note: with sh, senders of UDP stay with a real server that fails, for as long as they go on sending (use mh"}},
		{"slow start where weights map clients", strings.Replace(
			vs(" slow_start 30\n real_server 10.1.0.2 80 { slow_start 7 }"), "rr", "mh", 1), []string{
			"5:2: warning: slow_start is ignored with mh: each step would give clients of other real servers another one",
			"6:28: warning: slow_start is ignored with mh"}},
		{"slow start of the smallest weight", vs(" slow_start 30\n real_server 10.1.0.2 80 { weight 1 }"), []string{
			"6:2: note: slow_start does nothing for real server [10.1.0.2]:80: its weight is 1, the smallest one (give all"}},
		{"slow start of a weight that a check asks for", vs(" real_server 10.1.0.2 80 {\n weight 1\n slow_start 3\n" +
			" AGENT_CHECK {\n connect_port 9\n }\n }"), nil},
		{"flows that cannot end", vs(" end_flows_on_failure"), []string{
			"5:2: warning: end_flows_on_failure needs expire_nodest_conn, without which the kernel keeps the " +
				"connections to " +
				"a server that is gone (ipvs { expire_nodest_conn 1 } in global_defs)"}},
		{"only_on_master of an address of no instance", vs(" only_on_master"), []string{
			"5:2: warning: only_on_master has no effect on [10.0.0.1]:tcp:80: no vrrp_instance is known to have its address " +
				"(name the instance: only_on_master INSTANCE)"}},
		{"only_on_master of another instance", directors + vs(" only_on_master A"), nil},
		{"only_on_master of an unknown instance", directors + vs(" only_on_master B"), []string{
			"14:2: warning: only_on_master: vrrp_instance B is not defined: the line is ignored"}},
		{"a real server that is a peer", directors + dr("10.0.9.9 80", "10.9.0.3", ""), []string{
			"10:1: note: real server 10.9.0.3 of [10.0.9.9]:tcp:80 is a director too: the virtual server is in the IPVS table " +
				"only while this host is MASTER of A (only_on_master says so, and only_on_master false"}},
		{"a real server that is this host", directors + dr("10.0.9.9 80", "10.9.0.2", ""), []string{
			"10:1: note: real server 10.9.0.2 of [10.0.9.9]:tcp:80 is a director too"}},
		{"a real server that is a peer, said", directors + dr("10.0.9.9 80", "10.9.0.3", "only_on_master"), nil},
		{"a real server that is a peer, by choice", directors + dr("10.0.9.9 80", "10.9.0.3", "only_on_master no"), nil},
		{"a real server that is a peer, of a mark", directors + dr("fwmark 7", "10.9.0.3", ""), []string{
			"10:1: warning: real server 10.9.0.3 of FWM 7 is a director too: what one of them passes to the other by DR may " +
				"come back, until it is dropped (only_on_master INSTANCE"}},
		{"a real server that is a peer, of a mark, said", directors + dr("fwmark 7", "10.9.0.3", "only_on_master A"), nil},
		{"ha_suspend of a mark", directors + dr("fwmark 7", "10.9.0.4", "ha_suspend"), []string{
			"14:1: warning: ha_suspend is ignored: a firewall mark has no address to follow"}},
		{"ha_suspend", directors + dr("10.0.9.8 80", "10.9.0.4", "ha_suspend"), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, got := warnings(test.text, load.Options{})
			ok := len(got) == len(test.want)
			for i := range got {
				ok = ok && strings.HasPrefix(got[i], test.want[i])
			}
			if !ok {
				t.Error(cmp.Diff(test.want, got))
			}
		})
	}
}

// directors is an instance with a unicast peer.
const directors = `vrrp_instance A {
interface eth0
virtual_router_id 1
priority 100
unicast_src_ip 10.9.0.2
unicast_peer {
10.9.0.3
}
virtual_ipaddress { 10.0.9.9/24 } }
`

// dr is a virtual server with one real server by DR, and a line.
func dr(head, server, line string) string {
	text := "virtual_server " + head + " {\nlb_algo rr\nlb_kind DR\n"
	if strings.HasPrefix(head, "fwmark") {
		text += "\n"
	} else {
		text, server = text+"protocol TCP\n", server+" 80"
	}
	return text + line + "\nreal_server " + server + " { weight 1 }\n}\n"
}

// TestKeepalivedWouldNotKnow: the way back to keepalived names each word.
func TestKeepalivedWouldNotKnow(t *testing.T) {
	_, got := warnings("global_defs {\n drain_timeout 5\n reconcile off\n ipvs { conntrack 1 }\n}\n"+
		match("A", "10.0.0.1", " mark 5\n drain_timeout 5\n local_address 10.0.0.9\n lvs_method FNAT"),
		load.Options{Compat: true})
	all := strings.Join(got, "\n")
	for _, word := range []string{"drain_timeout", "reconcile", "ipvs", "virtual_server match", "mark", "match",
		"local_address", "FNAT"} {
		if !strings.Contains(all, ": warning: "+word+" is director's own") {
			t.Errorf("nothing is said of %s:\n%s", word, all)
		}
	}
}

func TestDrainTimeoutIsInherited(t *testing.T) {
	cfg, _ := warnings("global_defs { drain_timeout 60 }\n"+
		vs(" drain_timeout 0\n real_server 10.1.0.2 80 { drain_timeout 7 }")+match("A", "10.0.0.1", ""), load.Options{})
	var got []string
	for _, v := range cfg.VirtualServers {
		for _, r := range v.RealServers {
			got = append(got, r.DrainTimeout.String())
		}
	}
	if want := "7s 0s 1m0s"; strings.Join(got, " ") != want {
		t.Errorf("drain timeouts are %v, want %s", got, want)
	}
}

// TestMatchListIsAFirewallMark: everything below the configuration sees a plain service.
func TestMatchListIsAFirewallMark(t *testing.T) {
	cfg, _ := warnings(match("shop", "2001:db8::1 tcp 80", "")+match("B", "10.0.0.1", "mark 9"), load.Options{})
	want := []conf.ServiceKey{{FWMark: conf.DeriveMarks([]string{"shop"}, nil)["shop"], IPv6: true}, {FWMark: 9}}
	for i, v := range cfg.VirtualServers {
		if v.Key != want[i] || len(v.Services) != 1 || v.Services[0] != want[i] {
			t.Errorf("virtual server %d is %v, services %v, want %v", i, v.Key, v.Services, want[i])
		}
	}
}

// real is a real server beside the good one of vs.
func real(address, lines string) string { return " real_server " + address + " {\n" + lines + "\n }" }

// TestWhatServesNobodyIsSaid: real servers that the kernel refuses, and those that it takes
// and that no client has an answer of.
func TestWhatServesNobodyIsSaid(t *testing.T) {
	fwmark := func(line string) string {
		return "virtual_server fwmark 5 {\n lvs_sched rr\n lvs_method NAT\n" + line + "\n}\n"
	}
	for _, test := range []struct {
		name, text, want string // the finding says so
	}{
		{"one packet scheduling and NAT", strings.NewReplacer("TCP", "UDP").Replace(vs(" ops")),
			"ops does not work with NAT: clients get the answers of real server 10.1.0.1 from its own address"},
		{"one packet scheduling of a mark and NAT", fwmark(" ops\n" + real("10.1.0.2", "")), "ops does not work with NAT"},
		{"one packet scheduling and DR", strings.NewReplacer("TCP", "UDP", "NAT", "DR").Replace(vs(" ops")), ""},
		{"itself", vs(real("10.0.0.1 80", "")), "real server 10.0.0.1:80 is the virtual server itself"},
		{"itself, another port", vs(real("10.0.0.1 8080", "")), ""},
		{"itself, of a group", "virtual_server_group G {\n 10.0.0.1-9 80\n}\n" +
			strings.Replace(vs(real("10.0.0.9 80", "")), "10.0.0.1 80", "group G", 1), "10.0.0.9:80 is the " +
			"virtual server itself"},
		{"on its own list", match("A", "10.1.0.0/24 tcp 80", ""), "real server 10.1.0.1 is an address of the match list"},
		{"loopback by NAT", vs(real("127.0.0.1 80", "")), "real server 127.0.0.1 is this host's loopback"},
		{"loopback by DR", vs(real("127.0.0.1 80", " lvs_method DR")), ""},
		{"IPv6 loopback by NAT", strings.NewReplacer("10.0.0.1 80", "2001:db8::1 80", "10.1.0.1", "::1").Replace(vs("")),
			"real server ::1 is this host's loopback"},
		{"IPv4-mapped", strings.NewReplacer("10.0.0.1 80", "2001:db8::1 "+
			"80", "10.1.0.1", "::ffff:10.1.0.1").Replace(vs("")),
			"real server ::ffff:10.1.0.1 is an IPv4 address written as IPv6: the kernel refuses it"},
		{"link-local", strings.NewReplacer("10.0.0.1 80", "2001:db8::1 80", "10.1.0.1", "fe80::1").Replace(vs("")),
			"real server fe80::1 is link-local, which the kernel refuses"},
		{"nobody's address", vs(real("0.0.0.0 80", "")), "real server 0.0.0.0 is the address of no host"},
		{"multicast", vs(real("224.0.0.1 80", "")), "real server 224.0.0.1 is the address of no host"},
		{"broadcast", vs(real("255.255.255.255 80", "")), "real server 255.255.255.255 is the address of no host"},
		{"thresholds", vs(real("10.1.0.2 80", " uthreshold 5\n lthreshold 6")), "lthreshold 6 is above uthreshold 5"},
		{"a lower threshold alone", vs(real("10.1.0.2 80", " lthreshold 6")), "lthreshold 6 is above uthreshold 0"},
		{"families by NAT", vs(real("2001:db8::1 80", "")),
			"real server 2001:db8::1 is of another family than virtual server [10.0.0.1]:tcp:80, and the kernel " +
				"takes that with " +
				"TUN only: it is ignored"},
		{"families by DR", vs(real("2001:db8::1 80", " lvs_method DR")), "with TUN only: it is ignored"},
		{"families by TUN", vs(real("2001:db8::1 80", " lvs_method TUN")), ""},
		{"families by TUN and the sync daemon", "global_defs { lvs_sync_daemon eth0 }\n" +
			vs(real("2001:db8::1 80", " lvs_method TUN")), "which the kernel does not take while lvs_sync_daemon runs"},
		{"families of a mark", fwmark(" ip_family inet6\n" + real("10.1.0.2", "")), "is of another family"},
		{"full NAT of a mark", fwmark(real("10.1.0.2", " lvs_method FNAT")),
			"FNAT needs the addresses that firewall mark 5 stands for: NAT is used for real server 10.1.0.2"},
		{"full NAT of a mark with a list", fwmark(" match { 10.0.0.1 }\n" + real("10.1.0.2", " lvs_method FNAT")), ""},
		{"local addresses without full NAT", vs(" local_address 10.0.0.8"), "local_address is for FNAT"},
		{"local addresses of another family", strings.Replace(vs(" local_address 2001:db8::8"), "NAT", "FNAT", 1),
			"2001:db8::8 cannot be a source address of virtual server [10.0.0.1]:tcp:80"},
		{"a local address that is the virtual server's", strings.Replace(vs(" local_address 10.0.0.1"), "NAT", "FNAT", 1),
			"local_address 10.0.0.1 is the address of virtual server [10.0.0.1]:tcp:80 itself"},
		{"full NAT in small letters", vs(real("10.1.0.2 80", " lvs_method fnat")), ""},
		{"a range of addresses backwards", "virtual_server_group G {\n 10.0.0.9-1 80\n 10.0.0.1 80\n}\n",
			`the range of addresses "10.0.0.9-1" is written backwards: the line is ignored (write 10.0.0.1-10.0.0.9)`},
		{"a quorum above all numbers", vs(" quorum 4294967296"), "quorum 4294967296 is outside of 1 to " +
			"4294967295: 4294967295 " +
			"is used"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, got := warnings(test.text, load.Options{})
			all := strings.Join(got, "\n")
			if test.want == "" && strings.Contains(all, "real server") || !strings.Contains(all, test.want) {
				t.Errorf("the findings are\n%s\nwant %q", all, test.want)
			}
		})
	}
}

// TestFullNATInSmallLetters is full NAT, and a local address counts once.
func TestFullNATInSmallLetters(t *testing.T) {
	cfg, _ := warnings(strings.Replace(vs(" local_address 10.0.0.8 10.0.0.8"), "NAT", "fnat", 1), load.Options{})
	v := cfg.VirtualServers[0]
	if v.Forward != conf.FNAT || len(v.LocalAddresses) != 1 {
		t.Errorf("%v with the local addresses %v", v.Forward, v.LocalAddresses)
	}
}

// TestRealServersOfAnotherFamilyAreLeftOut: the others serve.
func TestRealServersOfAnotherFamilyAreLeftOut(t *testing.T) {
	cfg, _ := warnings(vs(real("2001:db8::1 80", "")), load.Options{})
	if n := len(cfg.VirtualServers[0].RealServers); n != 1 {
		t.Errorf("there are %d real servers, want 1", n)
	}
}
