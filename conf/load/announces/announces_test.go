package announces_test

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
)

// said are the findings of a severity, one a line, with their places.
func said(findings []conf.Finding, s conf.Severity) (text string) {
	for _, f := range findings {
		if f.Severity == s {
			text += fmt.Sprintf("%d:%d %s\n", f.Pos.Line, f.Pos.Col, f.Message)
		}
	}
	return text
}

// service is a virtual server with the words given.
func service(address, words string) string {
	return "virtual_server " + address + " 80 {\nprotocol TCP\n" + words +
		"\nreal_server 192.0.2.10 80 {\nTCP_CHECK {\n}\n}\n}\n"
}

const good = "lvs_sched mh\nmh-port\nlvs_method DR"

// block is an announce block with one address that is served, and the words given.
func block(words string) string {
	return "announce A {\nvirtual_ipaddress { 203.0.113.100 }\n" + words + "}\n" + service("203.0.113.100", good)
}

// TestAnnounceBlock: what is said and what is not.
func TestAnnounceBlock(t *testing.T) {
	text := "vrrp_script S {\nscript /bin/true\nweight -20\n}\ntrack_file F {\nfile /run/f\n}\n" +
		"bfd_instance B {\nneighbor_ip 192.0.2.1\n}\nvrrp_track_process P {\nprocess bird\n}\n" +
		service("203.0.113.100", good) + service("2001:db8:5::100", good) + service("203.0.113.101", good) +
		`announce edge {
    virtual_ipaddress { 203.0.113.100 2001:db8:5::100/128
        203.0.113.101/32
    }
    interface vips
    track_virtual_server {
        203.0.113.100 80
    }
    track_script { S }
    track_interface { eth0 }
    track_file {
        F reverse
    }
    track_process { P }
    track_bfd { B }
    on_no_quorum keep
    min_lifetime 3
    withdraw_delay 1.5
    restart_grace 0
    allow_onlink
}
announce plain {
    virtual_ipaddress { 203.0.113.102 }
}
` + service("203.0.113.102", good)
	cfg, findings := load.LoadText("lb.conf", strings.ReplaceAll(text, "real_server 192.0.2.10 80",
		"real_server 192.0.2.10 80"), load.Options{})
	if text := said(findings, conf.Error); text != "" {
		t.Fatalf("errors:\n%s", text)
	}
	want := []*conf.Announce{{
		Name: "edge", Addresses: []netip.Addr{netip.MustParseAddr("203.0.113.100"), netip.MustParseAddr("2001:db8:5::100"),
			netip.MustParseAddr("203.0.113.101")},
		Interface: "vips", TrackInterfaces: []conf.TrackInterface{{Name: "eth0"}}, TrackScripts: []conf.Track{{Name: "S"}},
		TrackFiles: []conf.Track{{Name: "F", Reverse: true}}, TrackProcesses: []conf.Track{{Name: "P"}},
		TrackBFDs: []conf.Track{{Name: "B"}}, TrackVirtualServers: []conf.Track{{Name: "[203.0.113.100]:tcp:80"}},
		KeepWithoutQuorum: true, MinLifetime: 3 * time.Second, WithdrawDelay: 1500 * time.Millisecond, AllowOnlink: true,
	}, {
		Name: "plain", Addresses: []netip.Addr{netip.MustParseAddr("203.0.113.102")}, Interface: "announce0",
		MinLifetime: 10 * time.Second, WithdrawDelay: 2 * time.Second, RestartGrace: 30 * time.Second,
	}}
	if !reflect.DeepEqual(cfg.Announces, want) {
		for i := range cfg.Announces {
			t.Errorf("read %+v\nwant %+v", cfg.Announces[i], want[i])
		}
	}
}

// TestFindings: what announce cannot have, with its place, and what it has otherwise than it seems.
func TestFindings(t *testing.T) {
	instance := func(name, address string) string {
		return "vrrp_instance " + name + " {\ninterface eth0\nvirtual_router_id 51\nvirtual_ipaddress {\n" +
			address + "\n}\n}\n"
	}
	nine := block("virtual_ipaddress { 203.0.113.9 }\n")
	second := func(words string) string { return service("203.0.113.9", words) }
	announce := func(text string) string { return "announce A {\nvirtual_ipaddress { " + text + " }\n}\n" }
	for name, c := range map[string]struct {
		text string
		says conf.Severity
		what string // at LINE:COLUMN; empty is that nothing is said
	}{
		"nothing wrong": {block(""), conf.Warning, ""},
		"no address":    {"announce A {\n}\n", conf.Error, "2:1 announce A has no address"},
		"a mask": {announce("203.0.113.1 203.0.113.2/24"), conf.Error,
			"2:33 (A) 203.0.113.2 is announced as a host route: leave out /24, or write /32"},
		"another mask": {announce("2001:db8::1/64"), conf.Error, "write /128"},
		"options": {"announce A {\nvirtual_ipaddress {\n203.0.113.1 dev eth0\n}\n}\n", conf.Error,
			`3:13 (A) "dev" is no address`},
		"a name":    {announce("www.example.com"), conf.Error, "is no address"},
		"a group":   {announce("224.0.0.5"), conf.Error, "multicast"},
		"loopback":  {announce("127.0.0.1"), conf.Error, "loopback"},
		"of a link": {announce("fe80::1"), conf.Error, "an address of one link"},
		"mapped": {announce("::ffff:203.0.113.1"), conf.Error,
			"IPv4 address written as IPv6"},
		"twice in one": {announce("203.0.113.1 203.0.113.1"), conf.Warning,
			"is there already"},
		"twice in two": {block("") + "announce B {\nvirtual_ipaddress {\n203.0.113.100\n}\n}\n", conf.Error,
			"(B) 203.0.113.100 is announced by announce A already, at lb.conf:2:21"},
		"two names": {block("") + block(""), conf.Error, "announce A is defined already, at lb.conf:1:1"},
		"an instance": {block("") + instance("V", "203.0.113.100/24"), conf.Error,
			"2:21 (A) 203.0.113.100 is a virtual address of vrrp_instance V too"},
		"static": {block("") + "static_ipaddress {\n203.0.113.100/32 dev lo\n}\n", conf.Error,
			"is in static_ipaddress too"},
		"name": {block("") + instance("A", "192.0.2.9/24"), conf.Error,
			"has the name of vrrp_instance A"},
		"beside":          {block("") + instance("V", "192.0.2.9/24"), conf.Error, ""},
		"loopback device": {block("interface lo\n"), conf.Error, "3:1 (A) lo is the loopback interface"},
		"a real device": {block("interface eth0\n") + instance("V", "192.0.2.9/24"), conf.Error,
			"(A) eth0 is an interface of vrrp_instance V"},
		"tracks itself": {block("track_interface { announce0 }\n"), conf.Error,
			"is the interface that director makes"},
		"namespace": {block("") + "net_namespace_ipvs lb\n", conf.Error,
			"not possible with net_namespace_ipvs"},
		"one namespace": {block("") + "net_namespace lb\nnet_namespace_ipvs lb\n", conf.Error, ""},
		"lifetime 2": {block("min_lifetime 2\n"), conf.Warning,
			"3:1 (A) min_lifetime 2 is shorter than a restart"},
		"lifetime 3":   {block("min_lifetime 3\n"), conf.Warning, ""},
		"lifetime 0":   {block("min_lifetime 0\n"), conf.Warning, ""},
		"lifetime 2.5": {block("min_lifetime 2.5\n"), conf.Error, "is not a number"},
		"lifetime -1":  {block("min_lifetime -1\n"), conf.Error, "min_lifetime"},
		"a day":        {block("min_lifetime 86400\n"), conf.Error, "outside of 0 to 3600"},
		"delay":        {block("withdraw_delay soon\n"), conf.Error, "withdraw_delay"},
		"no quorum":    {block("on_no_quorum stay\n"), conf.Error, `cannot be "stay"`},
		"a weight": {block("track_interface {\neth0 weight 5\n}\n"), conf.Note,
			"4:6 a weight has no effect in announce"},
		"no such script": {block("track_script { S }\n"), conf.Warning, "(A) track script S is not defined"},
		"no such server": {block("track_virtual_server {\n203.0.113.9 80\n}\n"), conf.Warning,
			"is not defined: it is not tracked"},
		"not served": {nine, conf.Warning,
			"no virtual server has the address 203.0.113.9"},
		"marks": {nine +
			"virtual_server fwmark 5 {\nlvs_sched rr\nlvs_method DR\nreal_server 192.0.2.10 {\n}\n}\n", conf.Warning,
			""},
		"NAT": {nine + second("lvs_sched mh\nmh-port\nlb_kind NAT"), conf.Error,
			"19:1 virtual server [203.0.113.9]:tcp:80 cannot use NAT, since announce A announces 203.0.113.9: answers"},
		"NAT of one": {nine + second(good+
			"\nreal_server 192.0.2.11 80 {\nlvs_method NAT\n}"), conf.Error, "cannot use NAT"},
		"NAT of the sorry server": {nine + second(good+
			"\nsorry_server 192.0.2.11 80\nsorry_server_lvs_method NAT"), conf.Error, "cannot use NAT"},
		"NAT elsewhere": {block("") + second("lvs_sched rr\nlvs_method NAT"), conf.Error, ""},
		"FNAT": {nine + second("lvs_sched mh\nmh-port\nlvs_method FNAT"), conf.Warning,
			"neither the sync daemon nor mh carries its connection tracking"},
		"a match list": {announce("203.0.113.9") +
			"virtual_server match web {\nlvs_sched mh\nlvs_method NAT\nmatch {\n203.0.113.8/29 tcp 80\n}\n" +
			"real_server 192.0.2.11 {\n}\n}\n", conf.Error, "cannot use NAT"},
		"wlc": {nine + second("lb_algo wlc\nlvs_method DR"), conf.Warning,
			"17:1 virtual server [203.0.113.9]:tcp:80 has the scheduler wlc"},
		"wlc and the sync daemon": {nine + second("lvs_sched wlc\nlvs_method DR") +
			"global_defs {\nlvs_sync_daemon eth0\n}\n", conf.Warning, ""},
		"a sync daemon that follows": {block("") + instance("V", "192.0.2.9/24") +
			"global_defs {\nlvs_sync_daemon eth0 V\n}\n",
			conf.Warning, "lvs_sync_daemon follows vrrp_instance V"},
		"mh alone": {nine + second("lvs_sched mh\nlvs_method DR"), conf.Warning,
			"mh without mh-port"},
		"persistence": {nine + second(good+"\npersistence_timeout 60"), conf.Warning,
			"remembers its own clients only"},
		"a circle": {nine + second(good+"\nha_suspend"), conf.Warning,
			"ha_suspend is ignored: announce A"},
		"of a MASTER": {nine + instance("V", "192.0.2.9/24") + second(good+"\nonly_on_master V"),
			conf.Error, "is served only while this host is MASTER of V"},
		"a peer": {block("") + "peer 203.0.113.100 {\nkey hex:" + strings.Repeat("5a", 32) + "\n}\n", conf.Error,
			"peer 203.0.113.100 is met at"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg, findings := load.LoadText("lb.conf", c.text, load.Options{})
			text := said(findings, c.says)
			if c.what == "" && text != "" || !strings.Contains(text, c.what) {
				t.Errorf("%s: said\n%s\nwant %q", c.says, said(findings, conf.Error)+said(findings, conf.Warning)+text,
					c.what)
			}
			for _, v := range cfg.VirtualServers {
				if v.HASuspend {
					t.Errorf("%s has ha_suspend still", v)
				}
			}
		})
	}
}

// TestManyAddresses: what costs a message to the kernel every few seconds has a bound.
func TestManyAddresses(t *testing.T) {
	text, ip := "announce A {\nvirtual_ipaddress {\n", netip.MustParseAddr("10.0.0.1")
	for range 4097 {
		text += ip.String() + "\n"
		ip = ip.Next()
	}
	cfg, findings := load.LoadText("lb.conf", text+"}\n}\n", load.Options{})
	if got := said(findings, conf.Error); !strings.Contains(got, "4099:1 (A) 10.0.16.1 is one too many") {
		t.Errorf("errors %q", got)
	}
	if n := len(cfg.Announces[0].Addresses); n != 4096 {
		t.Errorf("%d addresses are taken", n)
	}
}
