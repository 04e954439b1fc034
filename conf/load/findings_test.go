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

// in is a good instance with one more line in it, which is line 5.
func in(line string) string {
	return "vrrp_instance A {\n    interface eth0\n    virtual_router_id 1\n    virtual_ipaddress { 10.0.0.1 }\n" + line +
		"\n}\n"
}

// vs is a good virtual server with one more line in it, which is line 5.
func vs(line string) string {
	return "virtual_server 10.0.0.1 80 {\n    lb_algo rr\n    lb_kind NAT\n    protocol TCP\n" + line +
		"\n    real_server 10.1.0.1 80 { }\n}\n"
}

// matchList is a virtual server of a match list.
const matchList = "virtual_server match a {\n    lb_algo rr\n    lb_kind NAT\n    protocol TCP\n    match {\n" +
	" 10.0.0.1/32 tcp 80\n    }\n    real_server 10.1.0.1 80 { }\n}\n"

// check is a good HTTP_GET with one more line in it, which is line 8.
func check(line string) string {
	return vs("    real_server 10.1.0.2 80 {\n        HTTP_GET {\n            url { path / }\n" + line +
		"\n        }\n    }")
}

// TestFindings has every kind of finding once: what stands where, and what is said.
func TestFindings(t *testing.T) {
	for _, test := range []struct {
		name string
		text string
		want string // "LINE:COL: severity: the message begins", several in lines
	}{
		// What is not known.
		{"unknown keyword", in("    prioritty 5"),
			`5:5: warning: unknown keyword "prioritty" in vrrp_instance: the line is ignored (did you mean priority?)`},
		{"keyword of another block", in("    quorum 5"),
			`5:5: warning: unknown keyword "quorum" in vrrp_instance: the line is ignored (quorum belongs in virtual_server)`},
		{"equals sign", in("    priority=5"),
			`5:5: warning: unknown keyword "priority=5" in vrrp_instance: the line is ignored (write it without '=': priority 5)`},
		{"unknown block is one finding", "vrrp_instanc B {\n state FOO\n x {\n y\n }\n}\n" + in(""),
			`1:1: warning: unknown keyword "vrrp_instanc" at the top level: the line and its block are ignored (did you mean vrrp_instance?)`},
		{"no-break space", in("    \u00a0priority 5"),
			"5:5: warning: \"\\u00a0priority\" begins with a blank that is not a space"},
		{"not a configuration", "<html>\n<body>\n</html>\n",
			"1:1: error: this is not a configuration of keepalived or director"},
		{"upper case", in("    Priority 5"),
			`5:5: warning: unknown keyword "Priority" in vrrp_instance: the line is ignored (did you mean priority?)`},

		// Words and braces.
		{"missing value", in("    priority"), "5:5: error: priority has no value"},
		{"extra words", in("    priority 5 6"),
			`5:16: note: "6" and what follows it are ignored: priority takes no more words`},
		{"block that is none", in("    priority 5 {\n x\n}"), "5:16: warning: priority takes no block"},
		{"missing block", vs("    real_server 10.1.0.2 80 {\n TCP_CHECK\n }"),
			"6:2: warning: TCP_CHECK needs a block in braces"},
		{"words before the block of values", in("    track_interface eth1 {\n    eth2\n}"),
			`5:21: warning: "eth1" is ignored: track_interface takes only its block`},
		{"braces in a block of values", in("    track_interface {\n eth2 {\n x\n }\n}"),
			"6:7: warning: track_interface has one entry on a line"},
		{"said twice", in("    priority 5\n    priority 6"), "6:5: note: priority is already set at t.conf:5:5"},
		{"no effect", "global_defs { enable_traps\nenable_traps }\n", "1:15: note: enable_traps is accepted without effect"},

		// Values.
		{"hexadecimal", in("    priority 0x10"),
			`5:14: warning: "0x10" is not a number for priority: 100 is used (numbers are decimal)`},
		{"junk behind a number", in("    priority 99junk"),
			`5:14: warning: "99junk" is not a number for priority: 100 is used`},
		{"out of range", in("    priority 256"), "5:14: warning: priority 256 is outside of 1 to 255: 100 is used"},
		{"negative", in("    preempt_delay -1"),
			`5:19: warning: "-1" is not a number of seconds for preempt_delay: it is ignored`},
		{"seven decimals", in("    preempt_delay 0.1234567"),
			"5:19: warning: preempt_delay 0.1234567 is rounded to 0.123457 seconds"},
		{"BOOL in capitals", in("    strict_mode NO"), `5:17: warning: "NO" is neither yes nor no for strict_mode`},
		{"interval of zero", "global_defs {\n    vrrp_garp_interval 0\n}\n",
			"2:24: warning: vrrp_garp_interval 0 is outside of 0.000001 to 4294.967295 seconds: it is ignored"},
		{"repeat of zero", in("    garp_master_repeat 0"), "5:24: warning: garp_master_repeat must be at least 1: 1 is used"},
		{"not an address", in("    mcast_src_ip 10.0.0.256"),
			`5:18: warning: "10.0.0.256" is not an IP address for mcast_src_ip: the line is ignored`},
		{"not a group address", "global_defs {\n    vrrp_mcast_group4 10.0.0.1\n}\n",
			"2:23: warning: 10.0.0.1 is not a group address for vrrp_mcast_group4"},
		{"name of an interface", strings.Replace(in(""), "eth0", "an-interface-of-name", 1),
			"1:1: error: vrrp_instance A has no interface\n" +
				"2:15: warning: interface name \"an-interface-of-name\" is longer than 15 characters"},
		{"empty mail", "global_defs {\n    notification_email {\n    }\n}\n", "3:5: warning: notification_email is empty"},
		{"mail server", "global_defs {\n    smtp_server **\n}\n",
			`2:17: warning: "**" is neither an address nor the name of a host`},
		{"name of a mail server", "global_defs {\n    smtp_server mail.example.org\n smtp_alert\n" +
			" notification_email {\n root\n }\n}\n" + at("192.0.2.10 80"),
			"2:17: note: mail.example.org is looked up whenever mail is sent"},
		{"address cut by a comment", "global_defs {\n    notification_email_from lb@example.org#1\n}\n",
			"2:43: note: # begins a comment here"},

		// Scripts.
		{"argument without quotes", in("    notify_master /bin/echo up"),
			`5:29: warning: "up" is taken as the user that runs notify_master, and there is no such user: the script is not run (put`},
		{"option without quotes", in("    notify_master /bin/echo -n"), `5:29: warning: "-n" is taken as the user`},
		{"user or argument", in("    notify_master /bin/echo me"),
			`5:29: note: "me" is the user that runs notify_master, not an argument`},
		{"user", in("    notify_master /bin/echo root"), ""},
		{"open single quote", in("    notify_master '/bin/echo x # y'"),
			"5:5: warning: notify_master: missing terminating '"},
		{"open double quote", in("    notify_master \"/bin/echo\n"), "5:19: warning:"},
		{"script twice", in("    notify_master /bin/true\n    notify_master /bin/false"),
			"6:5: warning: notify_master is already set at t.conf:5:5: this line is ignored"},
		{"switched off by a word", "global_defs {\n vrrp_strict off\n}\n",
			"2:14: note: \"off\" and what follows it are ignored: vrrp_strict takes no more words\n" +
				"2:14: note: vrrp_strict takes no value: writing it turns it on (leave the line out to have it off)"},
		{"empty command", in(`    notify_master ""`), "5:5: warning: notify_master has no command"},
		{"script without script", "vrrp_script s {\n    interval 1\n}\n",
			"3:1: warning: vrrp_script s has no script: it is removed"},

		// Instances.
		{"state", in("    state SLAVE"), `5:11: warning: state cannot be "SLAVE": BACKUP is used`},
		{"MASTER and then BACKUP", in("    state MASTER\n    priority 9\n    state BACKUP"),
			"7:11: warning: state is already MASTER: BACKUP is ignored"},
		{"two versions", in("    version 3\n    version 2"),
			"6:5: warning: version is already set at t.conf:5:5: this line is ignored"},
		{"virtual MAC and unicast", in("    use_vmac\n    unicast_peer { 10.0.0.2 }"),
			"7:1: warning: (A) unicast with use_vmac needs vmac_xmit_base: it is set"},
		{"no VRID", strings.Replace(in(""), "    virtual_router_id 1\n", "", 1),
			"1:1: error: vrrp_instance A has no virtual_router_id"},
		{"bad VRID", strings.Replace(in(""), "id 1", "id 0x1", 1),
			`3:23: error: virtual_router_id "0x1" is not a number of 1 to 255`},
		{"no interface", strings.Replace(in(""), "    interface eth0\n", "", 1),
			"1:1: error: vrrp_instance A has no interface"},
		{"loopback", strings.Replace(in(""), "eth0", "lo", 1), "2:5: error: (A) VRRP cannot run on interface lo"},
		{"no address", strings.Replace(in(""), "10.0.0.1", "", 1), "1:1: warning: vrrp_instance A has no virtual address"},
		{"no address in version 3", strings.Replace(in("    version 3"), "10.0.0.1", "", 1),
			"1:1: error: vrrp_instance A has no virtual address, and version 3 needs one"},
		{"no address is wanted", strings.Replace(in("    version 3\n    no_virtual_ipaddress"), "10.0.0.1", "", 1), ""},
		{"VRID twice on a link", in("") + strings.Replace(in(""), "A", "B", 1),
			"9:5: error: (B) virtual_router_id 1 is also that of vrrp_instance A on the same interface eth0 " +
				"(A is at t.conf:1:1; " +
				"2 is free in this file)"},
		{"VRID on two links", in("") + strings.NewReplacer("A", "B", "eth0", "eth1").Replace(in("")), ""},
		{"VRID in two families", in("") + strings.NewReplacer("A", "B", "10.0.0.1", "fe80::1").Replace(in("")), ""},
		{"name twice", in("") + strings.Replace(in(""), "id 1", "id 2", 1),
			"7:15: warning: vrrp_instance A is defined already, at t.conf:1:1: this one is ignored"},
		{"fraction in version 2", in("    advert_int 0.3"),
			"5:5: warning: (A) version 2 has intervals of whole seconds: advert_int 0.3 becomes 1"},
		{"long interval in version 3", in("    advert_int 41\n    version 3"),
			"5:5: warning: (A) advert_int 41 is longer than version 3 allows: 40.95 is used"},
		{"fraction of a hundredth", in("    advert_int 0.255\n    version 3"),
			"5:5: warning: (A) advert_int 0.255 becomes 0.26"},
		{"version 2 over IPv6", strings.Replace(in("    version 2"), "10.0.0.1", "fe80::1", 1),
			"5:5: warning: (A) version 2 has no IPv6: version 3 is used"},
		{"IPv6 without a link-local address", strings.Replace(in(""), "10.0.0.1", "2001:db8::1", 1),
			"4:25: note: (A) the first address of an IPv6 instance should be link-local"},
		{"nopreempt and MASTER", in("    nopreempt\n    state MASTER\n    priority 100"),
			"5:5: warning: (A) nopreempt does not work with state MASTER"},
		{"preempt_delay and MASTER", in("    preempt_delay 5\n    state MASTER\n    priority 100"),
			"5:5: warning: (A) preempt_delay does not work with state MASTER"},
		{"MASTER without priority", in("    state MASTER"),
			"1:1: note: (A) state MASTER without a priority makes it the address owner"},
		{"two families", in("    virtual_ipaddress { 2001:db8::1/64 }"),
			"5:25: warning: (A) 2001:db8::1/64 is of another family than the instance"},
		{"address twice", in("    virtual_ipaddress { 10.0.0.1/24 }"), "5:25: warning: (A) 10.0.0.1 is listed twice"},
		{"address and excluded address", in("    virtual_ipaddress_excluded { 10.0.0.1/24 }"),
			"5:34: warning: (A) 10.0.0.1 is listed twice"},
		{"bad address", in("    virtual_ipaddress { <VIP>/24 }"),
			`5:25: warning: "<VIP>/24" is not an IP address: the line is ignored`},
		{"bad mask", in("    virtual_ipaddress { 10.0.0.2/33 }"),
			`5:25: warning: "33" is not a mask of 10.0.0.2: 32 is used`},
		{"address option", in("    virtual_ipaddress { 10.0.0.2 lable eth0:1 }"),
			"5:34: warning: unknown address option \"lable\": it is ignored (did you mean label?)\n" +
				"5:40: warning: unknown address option \"eth0:1\""},
		{"own interface", in("    track_interface { eth0 }"), "5:23: warning: (A) eth0 is the instance's own interface"},
		{"delay as long as others wait", "interface_up_down_delays {\n eth0 2 9\n eth1 200\n}\n" + in(""),
			"2:7: warning: (A) eth0 counts as down only after 2 s: by then another router is MASTER, and this one still has " +
				"the addresses (set it to less than 2)"},
		{"delay", "interface_up_down_delays {\n eth0 1.9 9\n}\n" + in(""), ""},
		{"weight with =", in("    track_interface { eth1 weight=5 }"),
			`5:28: warning: unknown option "weight=5" of eth1: it is ignored (write weight 5)`},
		{"weight out of range", in("    track_interface { eth1 weight 254 }"),
			"5:35: warning: weight 254 is outside of -253 to 253"},
		{"tracked twice", in("    track_interface {\n eth1\n eth1\n }"), "7:2: warning: (A) interface eth1 is tracked twice"},
		{"password", in("    authentication {\n auth_type PASS\n auth_pass 123456789\n }"),
			"7:12: warning: auth_pass is longer than 8 characters: the first 8 are used"},
		{"password in version 3", in("    version 3\n    authentication {\n auth_type PASS\n auth_pass 1\n }"),
			"6:5: warning: (A) version 3 has no authentication"},
		{"auth_type", in("    authentication {\n auth_type pass\n }"), "6:12: warning: auth_type cannot be \"pass\""},
		{"unicast without peers", in("    unicast_src_ip 10.0.0.9"), "5:5: warning: (A) unicast_peer names no peer"},
		{"peers of another family", in("    unicast_peer { fe80::2 }"),
			"5:5: warning: (A) peer fe80::2 is of another family"},
		{"old sync daemon", in("    lvs_sync_daemon_interface eth1"),
			"5:5: warning: lvs_sync_daemon_interface is the old form of lvs_sync_daemon eth1 inst A"},

		// Strict mode.
		{"strict", "global_defs { vrrp_strict }\n" + in("    state MASTER\n    priority 100"),
			"2:1: note: (A) in strict mode the virtual addresses answer neither ping nor TCP\n" +
				"6:5: warning: (A) strict mode wants state MASTER with priority 255"},
		{"strict and unicast", in("    strict_mode on\n    unicast_peer { 10.0.0.2 }"),
			"1:1: warning: (A) strict mode does not allow unicast: it is used anyway"},
		{"strict and accept", in("    strict_mode on\n    accept"),
			"6:5: warning: (A) strict mode does not allow accept in version 2"},

		// Trackers and groups.
		{"script that is not there", in("    track_script { s }"),
			"5:20: warning: (A) track script s is not defined: it is ignored"},
		{"forward reference", "global_defs {\n script_user nobody\n}\n" + in("    track_script { s }") +
			"vrrp_script s {\n script /bin/true\n}\n",
			"8:20: warning: (A) track script s is defined further down: it is tracked, but keepalived would ignore this line " +
				"(move the vrrp_script block up)"},
		{"scripts run by root", "vrrp_script s {\n script /bin/true\n}\n" + in("    track_script { s }"),
			"2:2: warning: scripts run without enable_script_security"},
		{"empty group", "vrrp_sync_group G {\n A\n}\n" + in(""),
			"2:2: warning: unknown keyword \"A\" in vrrp_sync_group\n3:1: warning: sync group G has no members: it is removed"},
		{"group of one", "vrrp_sync_group G {\n group { A }\n}\n" + in(""), "1:1: warning: sync group G has a single member"},
		{"member that is not there", "vrrp_sync_group G {\n group {\n A\n AA\n }\n}\n" + in(""),
			"1:1: warning: sync group G has a single member\n" +
				"4:2: warning: vrrp_instance AA of sync group G is not defined: it is ignored"},
		{"weight in a group", "vrrp_sync_group G {\n group {\n A\n B\n }\n}\n" + strings.Replace(in(""), "id 1", "id 2", 1) +
			strings.Replace(in("    track_interface { eth1 weight 5 }"), "A", "B", 1),
			"17:23: note: the weight of interface eth1 does nothing in sync group G"},

		// Virtual servers.
		{"no protocol", strings.Replace(vs(""), "    protocol TCP\n", "", 1),
			"1:1: warning: virtual server 10.0.0.1:80 has no protocol: UDP is used"},
		{"no scheduler", strings.Replace(vs(""), "    lb_algo rr\n", "", 1),
			"1:1: warning: virtual server [10.0.0.1]:tcp:80 has no lvs_sched: wlc is used"},
		{"no method", strings.Replace(vs(""), "    lb_kind NAT\n", "", 1),
			"1:1: warning: virtual server [10.0.0.1]:tcp:80 has no lvs_method: NAT is used"},
		{"unknown scheduler", strings.Replace(vs(""), "rr", "wwr", 1),
			`2:13: warning: IPVS has no scheduler "wwr": it is ignored, and wlc is used (did you mean wrr?)`},
		{"unknown method", strings.Replace(vs(""), "NAT", "dr", 1),
			`3:13: warning: lb_kind cannot be "dr": it is ignored (NAT, DR, TUN or FNAT, in capitals)`},
		{"flag on the scheduler's line", strings.Replace(vs(""), "rr", "sh sh-port", 1),
			"2:16: note: \"sh-port\" and what follows it are ignored (flags of the scheduler stand on lines of their own " +
				"below it)"},
		{"granularity as a number", vs("    persistence_timeout 5\n    persistence_granularity 24"),
			"6:29: note: keepalived takes 24 for the mask 0.0.0.24: 24 bits are used here (write 255.255.255.0)"},
		{"flag before its scheduler", vs("    mh-port"), "5:5: warning: mh-port belongs after lvs_sched mh"},
		{"no real servers", strings.Replace(vs(""), "    real_server 10.1.0.1 80 { }\n", "", 1),
			"6:1: warning: virtual server [10.0.0.1]:tcp:80 has no real servers: it is ignored"},
		{"bad service", strings.Replace(vs(""), "10.0.0.1 80", "<VIP> 80", 1),
			`1:1: warning: "<VIP> 80" is not an address and port of a virtual server`},
		{"persistence of zero", vs("    persistence_timeout 0"),
			"5:25: warning: persistence_timeout 0 is outside of 1 to 2678400: it is ignored"},
		{"quorum of zero", vs("    quorum 0"), "5:12: warning: quorum 0 is outside of 1 to 4294967295: 1 is used"},
		{"quorum too high", vs("    quorum 2"), "5:5: warning: quorum 2 can never be reached"},
		{"hysteresis too high", vs("    hysteresis 1"),
			"5:5: warning: hysteresis 1 must be less than the quorum 1: 0 is used"},
		{"port with DR", vs("    real_server 10.1.0.2 81 {\n lvs_method DR\n}"),
			"5:5: warning: DR does not change ports: real server 10.1.0.2 gets port 80"},
		{"real server of another family", vs("    real_server 2001:db8::1 80 { }"),
			"5:5: warning: real server 2001:db8::1 is of another family"},
		{"words after NAT", vs("    lvs_method NAT type"),
			`5:20: warning: "type" and what follows it are ignored: only TUN has options`},
		{"quorum script twice", vs("    quorum_up /bin/true\n    quorum_up /bin/false"),
			"6:5: warning: quorum_up is already set at t.conf:5:5: this line is ignored"},
		{"family of a mark", "virtual_server_group G {\n fwmark 5 ipv6\n fwmark 6\n}\n",
			`2:11: warning: "ipv6" is not a family of a firewall mark: the line is ignored (inet or inet6)`},
		{"real server twice", vs("    real_server 10.1.0.1 80 { }"),
			"6:5: warning: real server 10.1.0.1:80 is in virtual server [10.0.0.1]:tcp:80 already"},
		{"virtual server twice", vs("") + vs(""),
			"8:1: note: virtual server [10.0.0.1]:tcp:80 is defined already\n13:5: note: real server"},
		{"on an address that is not accepted", in("    no_accept") + vs(""),
			"7:1: note: nobody reaches virtual server [10.0.0.1]:tcp:80: packets to 10.0.0.1 are dropped, because of " +
				"no_accept in vrrp_instance A"},
		{"group that is not there", strings.Replace(vs(""), "10.0.0.1 80", "group G", 1),
			"1:22: warning: virtual_server_group G is not defined: the virtual server is ignored"},
		{"host bits in a group", "virtual_server_group G {\n 10.0.0.1/24 80\n 10.0.1.1 80\n}\n",
			"2:2: warning: \"10.0.0.1/24\" has host bits beyond its mask: the line is ignored (write 10.0.0.0/24)"},
		{"protocol of a mark", strings.Replace(vs("    persistence_timeout"), "10.0.0.1 80", "fwmark 1", 1),
			"4:5: warning: a firewall mark has no protocol"},
		{"a local address twice", strings.Replace(vs("    local_address 10.0.0.8 10.0.0.8"), "NAT", "FNAT", 1),
			"5:28: note: local_address 10.0.0.8 is there twice: it counts once"},
		{"protocol of a match list", matchList,
			"4:5: warning: a match list has no protocol: it is ignored\n" +
				"8:5: note: a match list has no port: port 80 of real server 10.1.0.1 is ignored"},
		{"a match list that is there twice", matchList + matchList,
			"4:5: warning: a match list has no protocol: it is ignored\n" +
				"8:5: note: a match list has no port: port 80 of real server 10.1.0.1 is ignored\n" +
				"10:1: note: virtual server match a is defined already, at t.conf:1:1: these real servers are added to it\n" +
				"13:5: warning: a match list has no protocol: it is ignored\n" +
				"17:5: note: a match list has no port: port 80 of real server 10.1.0.1 is ignored\n" +
				"17:5: note: real server 10.1.0.1:0 is in virtual server match a already, at t.conf:8:5: this one is ignored"},

		// Checkers.
		{"old word for retry", check("            nb_get_retry 3"), "8:13: warning: nb_get_retry is the old word for retry"},
		{"word of another checker", vs("    real_server 10.1.0.2 80 {\n TCP_CHECK {\n nb_get_retry 3\n }\n }"),
			`7:2: warning: unknown keyword "nb_get_retry" in TCP_CHECK: the line is ignored (write retry here)`},
		{"no url", vs("    real_server 10.1.0.2 80 {\n HTTP_GET {\n }\n }"),
			"7:2: warning: HTTP_GET has no url: it is removed"},
		{"no path", check("            url {\n            }"), "9:13: warning: url has no path: it is removed"},
		{"codes with commas", check("            url {\n path /\n status_code 200,201\n }"),
			`10:14: warning: "200,201" is not a status code: it is ignored (put blanks between the codes)`},
		{"digest", check("            url {\n path /\n digest abc\n }"),
			"10:9: warning: the digest has 3 characters and must have 32 hexadecimal digits: it is ignored"},
		{"digest twice", check("            url {\n path /\n digest 00112233445566778899aabbccddeeff\n" +
			" digest 10112233445566778899aabbccddeeff\n }"), "11:2: warning: digest is already set"},
		{"no program", vs("    real_server 10.1.0.2 80 {\n MISC_CHECK {\n }\n }"),
			"7:2: warning: MISC_CHECK has no misc_path: it is removed"},

		{"no port of the agent", vs("    real_server 10.1.0.2 80 {\n AGENT_CHECK {\n fall 3\n rise 2\n }\n }"),
			"6:2: note: AGENT_CHECK has no connect_port: it asks port 80, where clients are served (set connect_port"},
		{"retry and fall", vs("    real_server 10.1.0.2 80 {\n TCP_CHECK {\n retry 1\n fall 3\n rise 0\n }\n }"),
			"8:2: note: fall is already set by retry at t.conf:7:2: the last line counts\n9:7: warning: rise 0 is outside of 1"},
		{"fall and retry", vs(" fall 3\n retry 1\n real_server 10.1.0.2 80 {\n retry 1\n fall 1\n fall 2\n }"),
			"6:2: note: retry is already set by fall at t.conf:5:2: the last line counts\n" +
				"9:2: note: fall is already set by retry at t.conf:8:2: the last line counts\n" +
				"10:2: note: fall is already set at t.conf:9:2: the last line counts"},

		// Routes and rules.
		{"rule without preference", "static_rules {\n from 10.0.0.0/8 table 1\n from 11.0.0.0/8 table 1\n}\n",
			"2:2: warning: rule has no preference: 16384 is used\n3:2: warning: rule has no preference: 16383 is used"},
		{"bad network", "static_rules {\n to 192.168.100./24 table 1\n}\n",
			"2:5: warning: \"192.168.100./24\" is not a network for to"},
		{"one route to the kernel", in("    virtual_routes { 10.1.0.0/16 via 10.0.0.8 dev eth0 }") +
			strings.NewReplacer("A", "B", "id 1",
				"id 2").Replace(in("    virtual_routes { 10.1.0.0/16 via 10.0.0.9 dev eth0 }")),
			"7:1: note: the kernel keeps one route to 10.1.0.0/16 for vrrp_instance B and vrrp_instance A, and theirs differ"},
		{"the same route twice", in("    virtual_routes { 10.1.0.0/16 via 10.0.0.8 dev eth0 }") +
			strings.NewReplacer("A", "B", "id 1",
				"id 2").Replace(in("    virtual_routes { 10.1.0.0/16 via 10.0.0.8 dev eth0 }")), ""},
		{"old words of routes", "static_routes {\n default gw 10.0.0.1\n}\n", "2:10: warning: gw is the old word for via"},
		{"unknown word of a route", "static_routes {\n default viaa 10.0.0.1\n}\n",
			"2:2: warning: route to 0.0.0.0/0 says neither via nor dev\n" +
				"2:10: warning: unknown word \"viaa\" in a route: it is ignored (did you mean via?)\n2:15: warning:"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, findings := load.LoadText("t.conf", test.text, load.Options{FS: syntax.Memory{}})
			var b strings.Builder
			var got []string
			for _, f := range findings {
				if f.Severity == conf.Note && strings.Contains(test.want, ": warning:") &&
					!strings.Contains(test.want, fmt.Sprintf("%d:%d: note:", f.Pos.Line, f.Pos.Col)) {
					continue // beside the point
				}
				if f.Severity != conf.Error && strings.Contains(test.want, ": error:") &&
					!strings.Contains(test.want, fmt.Sprintf("%d:%d: %v:", f.Pos.Line, f.Pos.Col, f.Severity)) {
					continue
				}
				if f.Code == "shared-address" {
					continue // these texts repeat one instance; TestTextsOfFindings has it
				}
				if f.Code == "no-effect" && test.name != "no effect" {
					continue // what has an effect by now is not the matter here
				}
				b.Reset()
				if err := conf.WriteFindings(&b, []conf.Finding{f}, false); err != nil {
					t.Fatal(err)
				}
				got = append(got, strings.TrimSuffix(strings.TrimPrefix(b.String(), "t.conf:"), "\n"))
			}
			var want []string
			if test.want != "" {
				want = strings.Split(test.want, "\n")
			}
			for i := range min(len(want), len(got)) {
				if strings.HasPrefix(got[i], want[i]) {
					got[i] = want[i]
				}
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
