package diff_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/diff"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/conf/syntax"
)

const serving = `
global_defs {
    router_id lb1
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    virtual_ipaddress {
        198.51.100.100/24
        198.51.100.101/24
    }
    virtual_routes {
        10.0.0.0/8 via 198.51.100.1
    }
}
vrrp_instance VI_2 {
    interface eth1
    virtual_router_id 52
    unicast_src_ip 192.0.2.1
    unicast_peer {
        192.0.2.2
    }
    virtual_ipaddress {
        192.0.2.100/24
    }
}
virtual_server 198.51.100.100 80 {
    lb_algo rr
    lb_kind NAT
    protocol TCP
    real_server 10.9.0.1 80 {
    }
    real_server 10.9.0.2 80 {
    }
}
virtual_server 198.51.100.101 53 {
    lb_algo rr
    lb_kind NAT
    protocol UDP
    real_server 10.9.0.3 53 {
    }
}
static_ipaddress {
    203.0.113.1/24 dev eth2
}
`

// TestLosses: a letter that is wrong and takes away something that serves is
// told apart from a removal that is meant.
func TestLosses(t *testing.T) {
	for _, tc := range []struct {
		name, old, new string
		want           []string // "KIND OBJECT: code"
	}{
		{"a real server's address", "real_server 10.9.0.1 80", "real_server 10.9.0.1l 80", []string{
			"real server [10.9.0.1]:tcp:80 of [198.51.100.100]:tcp:80: invalid-address"}},
		{"a keyword", "real_server 10.9.0.2", "real_sever 10.9.0.2", []string{
			"real server [10.9.0.2]:tcp:80 of [198.51.100.100]:tcp:80: unknown-keyword"}},
		{"the last real server", "real_server 10.9.0.3", "real_sever 10.9.0.3", []string{
			"virtual server [198.51.100.101]:udp:53: unknown-keyword"}},
		{"the protocol", "protocol TCP", "protocol TPC", []string{"virtual server [198.51.100.100]:tcp:80: unknown-value"}},
		{"a service's address", "virtual_server 198.51.100.100 80", "virtual_server 198.51.100.1OO 80", []string{
			"virtual server [198.51.100.100]:tcp:80: invalid-service"}},
		{"a service's keyword", "virtual_server 198.51.100.101", "virtual_sever 198.51.100.101", []string{
			"virtual server [198.51.100.101]:udp:53: unknown-keyword"}},
		{"a virtual address", "198.51.100.101/24", "198.51.100.1O1/24", []string{
			"virtual address 198.51.100.101/24 of vrrp_instance VI_1: invalid-address"}},
		{"an instance's keyword", "vrrp_instance VI_2", "vrrp_instnce VI_2",
			[]string{"VRRP instance VI_2 (eth1/ipv4/52): unknown-keyword"}},
		{"an instance's name", "vrrp_instance VI_2", "vrrp_instance VI_1",
			[]string{"VRRP instance VI_2 (eth1/ipv4/52): repeated"}},
		{"a route", "10.0.0.0/8 via 198.51.100.1", "10.0.0.0/8 via 198.51.100.l", []string{
			"route 10.0.0.0/8 of vrrp_instance VI_1: invalid-value"}},
		{"a peer", "        192.0.2.2\n", "        192.0.2.2x\n", []string{"peer 192.0.2.2 of vrrp_instance VI_2: no-peers"}},
		{"a static address", "203.0.113.1/24", "203.0.113.l/24", []string{"static address 203.0.113.1/24: invalid-address"}},
		{"a missing include", "virtual_server 198.51.100.101 53 {", "include gone.conf\nunused {", []string{
			"virtual server [198.51.100.101]:udp:53: missing-include"}},

		{"a service's port is that of another", "virtual_server 198.51.100.101 53 {\n    lb_algo rr\n" +
			"    lb_kind NAT\n    protocol UDP",
			"virtual_server 198.51.100.100 80 {\n    lb_algo rr\n    lb_kind NAT\n    protocol TCP", []string{
				"virtual server [198.51.100.101]:udp:53: repeated"}},

		{"a file that is cut", serving[strings.Index(serving, "        198.51.100.101/24"):], "", []string{
			"virtual server [198.51.100.100]:tcp:80: missing-brace", "virtual server [198.51.100.101]:udp:53: missing-brace",
			"virtual address 198.51.100.101/24 of vrrp_instance VI_1: missing-brace",
			"route 10.0.0.0/8 of vrrp_instance VI_1: missing-brace",
			"VRRP instance VI_2 (eth1/ipv4/52): missing-brace", "static address 203.0.113.1/24: missing-brace"}},
		{"an include that matches nothing", "virtual_server 198.51.100.101 53 {", "include gone*.conf\nunused {", []string{
			"virtual server [198.51.100.101]:udp:53: missing-include"}},

		{"a removal that is meant", "    real_server 10.9.0.1 80 {\n    }\n", "", nil},
		{"a removal, and a finding in an instance", "        198.51.100.101/24\n    }\n", "    }\n    prioritty 5\n",
			[]string{
				"virtual address 198.51.100.101/24 of vrrp_instance VI_1: unknown-keyword"}},
		{"a service is removed, and an instance has a finding",
			"virtual_server 198.51.100.101 53 {\n    lb_algo rr\n    lb_kind NAT\n    protocol UDP\n" +
				"    real_server 10.9.0.3 53 {\n    }\n}\n",
			"vrrp_script s {\n}\n", nil},
		{"a finding that takes nothing", "router_id lb1", "router_idd lb1", nil},
		{"a weight", "real_server 10.9.0.1 80 {\n", "real_server 10.9.0.1 80 {\n weight 0x10\n", nil},
		{"another name", "vrrp_instance VI_2", "vrrp_instance VI_9", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			changed := strings.Replace(serving, tc.old, tc.new, 1)
			if changed == serving && tc.old != tc.new {
				t.Fatal("nothing was replaced")
			}
			opts := load.Options{FS: syntax.Memory{}}
			before, beforeFindings := load.LoadText("test.conf", serving, opts)
			after, afterFindings := load.LoadText("test.conf", changed, opts)
			if conf.HasErrors(beforeFindings) || conf.HasErrors(afterFindings) {
				t.Fatalf("errors: %v %v", beforeFindings, afterFindings)
			}
			var got []string
			for _, l := range diff.Losses(before, after, beforeFindings, afterFindings) {
				text, _, _ := strings.Cut(l.String(), " would be removed")
				got = append(got, text+": "+l.Finding.Code)
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("(-want +got)\n%s\nfindings: %v", d, afterFindings)
			}
			// What is there already is no reason.
			if again := diff.Losses(before, after, afterFindings, afterFindings); len(again) > 0 {
				t.Errorf("with findings of before: %v", again)
			}
		})
	}
}

// TestFindingsNameTheirObject: status says which object a problem is about.
func TestFindingsNameTheirObject(t *testing.T) {
	text := strings.Replace(serving, "real_server 10.9.0.3 53 {\n",
		"sorry_server 10.9.0.9 53\n real_server 10.9.0.3 53 {\n BFD_CHECK {\n name x\n }\n", 1)
	_, findings := load.LoadText("test.conf", text, load.Options{FS: syntax.Memory{}})
	var got []string
	for _, f := range findings {
		if f.Unserved {
			word, _, _ := strings.Cut(f.Message, " ")
			got = append(got, f.Object()+": "+word)
		}
	}
	want := []string{

		"virtual_server 198.51.100.101 53, real_server 10.9.0.3 53: bfd_instance",
	}
	if !slices.Equal(got, want) {
		t.Errorf("objects %q, want %q", got, want)
	}
}
