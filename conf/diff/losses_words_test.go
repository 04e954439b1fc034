package diff_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/diff"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/conf/syntax"
)

const agreed = `
global_defs {
    vrrp_mcast_group4 224.0.0.20
    router_id lb1
}
vrrp_script chk {
    script /bin/true
}
vrrp_sync_group G {
    group {
        VI_1
        VI_2
    }
    track_interface {
        eth7
    }
}
vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    priority 150
    advert_int 2
    no_accept
    authentication {
        auth_type PASS
        auth_pass abc
    }
    track_script {
        chk
    }
    virtual_ipaddress {
        198.51.100.100/24
    }
}
vrrp_instance VI_2 {
    interface eth1
    virtual_router_id 52
    virtual_ipaddress {
        192.0.2.100/24
    }
}
virtual_server 198.51.100.100 80 {
    lb_algo wrr
    lb_kind DR
    persistence_timeout 60
    protocol TCP
    real_server 10.9.0.1 80 {
        TCP_CHECK {
        }
    }
}
`

// TestLostWords: a wrong letter that puts a default in the place of a value which
// decides who is MASTER, whom a router understands or how packets go.
func TestLostWords(t *testing.T) {
	for _, tc := range []struct {
		name, old, new string
		want           []string // all but the findings
	}{
		{"priority", "priority 150", "priority 15O", []string{"priority 150 of vrrp_instance VI_1 would become 100"}},
		{"priority's keyword", "priority 150", "prioirty 150",
			[]string{"priority 150 of vrrp_instance VI_1 would become 100"}},
		{"priority out of range", "priority 150", "priority 1500",
			[]string{"priority 150 of vrrp_instance VI_1 would become 100"}},
		{"interval", "advert_int 2", "advert_int 2s", []string{"advert_int 2s of vrrp_instance VI_1 would become 1s"}},
		{"authentication", "authentication {", "authentcation {", []string{
			"authentication PASS of vrrp_instance VI_1 would become nothing"}},
		{"multicast group", "224.0.0.20", "224.0.0.2O", []string{
			"multicast group 224.0.0.20 of vrrp_instance VI_1 would become 224.0.0.18",
			"multicast group 224.0.0.20 of vrrp_instance VI_2 would become 224.0.0.18"}},
		{"no_accept", "no_accept", "no_acept", []string{"no_accept on of vrrp_instance VI_1 would become off"}},
		{"tracked script", "        chk\n", "        chkk\n", []string{
			"tracked script chk of vrrp_instance VI_1 would be removed"}},
		{"script", "vrrp_script chk", "vrrp_scrip chk", []string{
			"tracked script chk of vrrp_instance VI_1 would be removed"}},
		{"track block", "track_script {", "track_scrip {", []string{
			"tracked script chk of vrrp_instance VI_1 would be removed"}},
		{"a group's interface", "track_interface {", "track_interfce {", []string{
			"tracked interface eth7 of vrrp_sync_group G would be removed"}},
		{"forwarding", "lb_kind DR", "lb_kind DRR", []string{
			"lb_kind DR of [198.51.100.100]:tcp:80 would become NAT"}},
		{"scheduler", "lb_algo wrr", "lb_alg wrr", []string{
			"lb_algo wrr of [198.51.100.100]:tcp:80 would become wlc"}},
		{"persistence", "persistence_timeout 60", "persistence_timout 60", []string{
			"persistence_timeout 60 of [198.51.100.100]:tcp:80 would become 0"}},
		{"check", "TCP_CHECK {", "TCP_CHEK {", []string{
			"check TCP_CHECK of real server [10.9.0.1]:tcp:80 of [198.51.100.100]:tcp:80 would be removed"}},

		{"a lower priority that is meant", "priority 150", "priority 50", nil},
		{"a word elsewhere", "router_id lb1", "router_idd lb1", nil},
		{"a finding that raises", "priority 150", "priority 150\n prioritty 5", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			changed := strings.Replace(agreed, tc.old, tc.new, 1)
			opts := load.Options{FS: syntax.Memory{}}
			before, beforeFindings := load.LoadText("test.conf", agreed, opts)
			after, afterFindings := load.LoadText("test.conf", changed, opts)
			if conf.HasErrors(beforeFindings) || conf.HasErrors(afterFindings) {
				t.Fatalf("errors: %v %v", beforeFindings, afterFindings)
			}
			var got []string
			for _, l := range diff.Losses(before, after, beforeFindings, afterFindings) {
				text, _, _ := strings.Cut(l.String(), ", and there is a new finding")
				got = append(got, text)
			}
			if d := cmp.Diff(tc.want, got); d != "" {
				t.Errorf("(-want +got)\n%s\nfindings: %v", d, afterFindings)
			}
		})
	}
}

// TestEmptyFile: a file that was cut takes everything down without any finding.
func TestEmptyFile(t *testing.T) {
	opts := load.Options{FS: syntax.Memory{}}
	before, _ := load.LoadText("test.conf", agreed, opts)
	for _, text := range []string{"", "# nothing\n", "global_defs {\n router_id lb1\n}\n"} {
		after, findings := load.LoadText("test.conf", text, opts)
		got := diff.Losses(before, after, nil, findings)
		if len(got) != 1 || !strings.Contains(got[0].String(), "no vrrp_instance and no virtual_server") {
			t.Errorf("%q: %v", text, got)
		}
		if again := diff.Losses(after, after, findings, findings); len(again) > 0 {
			t.Errorf("%q again: %v", text, again)
		}
	}
}

// TestCauseRatherThanConsequence: the finding that is named is the wrong letter,
// not what comes of it.
func TestCauseRatherThanConsequence(t *testing.T) {
	opts := load.Options{FS: syntax.Memory{}}
	before, beforeFindings := load.LoadText("test.conf", agreed, opts)
	after, findings := load.LoadText("test.conf", strings.Replace(agreed, "virtual_ipaddress", "virtual_ipadress", 1),
		opts)
	got := diff.Losses(before, after, beforeFindings, findings)
	if len(got) == 0 || !strings.Contains(got[0].String(), "virtual_ipadress") {
		t.Errorf("%v", got)
	}
}
