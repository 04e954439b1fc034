//go:build linux

package integration_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// finding is one of "director doctor --json".
type finding struct{ Severity, Code, Cause, Evidence, Cure string }

// TestDoctor: on a healthy director the doctor reports nothing worse than a note. For each single
// fault it names the cause, the evidence and a cure.
func TestDoctor(t *testing.T) {
	s := openShop(t)
	conf := service(at2(80), []string{"lb_algo rr", "lb_kind NAT", "protocol TCP"}, "198.51.100.11 8080",
		"198.51.100.12 8080") + service(at2(81), dr("rr"), nearServers("192.0.2.", 81, 3)...)
	s.open(conf)
	mark := service("fwmark 77", []string{"lb_algo rr", "lb_kind DR"}, "192.0.2.11 0")
	examine := func(conf string) (list []finding) {
		t.Helper()
		file := s.director.WriteFile("doctor.conf", conf)
		out, _ := s.director.Output(s.daemon.AskCommand("doctor", "-f", file, "--json")...) // 1 and 2 mean findings
		var report struct{ Findings []finding }
		if err := json.Unmarshal([]byte(out), &report); err != nil {
			t.Fatalf("director doctor --json: %v\n%s", err, out)
		}
		return report.Findings
	}
	for _, f := range examine(conf) {
		if f.Severity != "note" {
			t.Errorf("the doctor reports on a healthy director: %+v", f)
		}
	}
	for _, fault := range []struct {
		name        string
		make, mend  func()
		conf        string
		code, names string
	}{
		{"no forwarding", func() { s.director.Sysctl("net.ipv4.ip_forward", "0") },
			func() { s.director.Sysctl("net.ipv4.ip_forward", "1") }, conf, "ip-forward", "net.ipv4.ip_forward = 0"},
		{"strict reverse path", func() { s.director.Sysctl("net.ipv4.conf.eth0.rp_filter", "1") },
			func() { s.director.Sysctl("net.ipv4.conf.eth0.rp_filter", "0") }, conf, "rp-filter",
			"net.ipv4.conf.eth0.rp_filter = 1"},
		{"a real server answers ARP", func() { s.near[1].Sysctl("net.ipv4.conf.all.arp_ignore", "0") },
			func() { s.near[1].Sysctl("net.ipv4.conf.all.arp_ignore", "1") }, conf, "arp",
			"the real server 192.0.2.12 answers ARP for the virtual address " + shopVIP},
		{"a real server without the gateway", func() { s.inner[1].Run("ip", "route", "del", "default") },
			func() { s.inner[1].Route("default", "198.51.100.1") }, conf, "nat-gateway", "the real server 198.51.100.12"},
		{"a mark that no rule sets", func() {}, func() {}, conf + mark, "mark", "no rule of nftables sets the mark 77"},
	} {
		fault.make()
		found := false
		for _, f := range examine(fault.conf) {
			text := f.Cause + "; " + f.Evidence
			if f.Code == fault.code && strings.Contains(text, fault.names) && f.Cure != "" {
				found = true
				t.Logf("%s: %s: %s; cure: %s", fault.name, f.Severity, text, f.Cure)
			} else if f.Severity != "note" {
				t.Errorf("%s: the doctor also reports: %+v", fault.name, f)
			}
		}
		if !found {
			t.Errorf("%s is not found: %+v", fault.name, examine(fault.conf))
		}
		fault.mend()
	}
	t.Logf("as he prints it:\n%s", s.director.Run(s.daemon.AskCommand("doctor", "-f", s.director.WriteFile("doctor.conf",
		conf))...))
}

// TestRefusedServers (lvs-cases B3 to B6): a real server that the kernel refuses delays no virtual
// address and affects only its own virtual server. Status reports that a virtual server whose
// weights are all 0 serves nobody. A weight above 65535 keeps its meaning. One mark in both
// families is two virtual servers.
func TestRefusedServers(t *testing.T) {
	stage.RequireIpvsadm(t)
	s := openShop(t)
	const vip = "192.0.2.101"
	instance := fmt.Sprintf("vrrp_instance VI_1 {\n    interface eth0\n    virtual_router_id 51\n    priority 200\n"+
		"    virtual_ipaddress {\n        %s/24\n    }\n}\n", vip)
	twoMarks := service("fwmark 5", []string{"lb_algo rr", "lb_kind DR"}, "192.0.2.11 0", "192.0.2.12 0") +
		service("fwmark 5", []string{"ip_family inet6", "lb_algo rr", "lb_kind DR"}, "2001:db8:1::11 0")
	refusing := service(at2(81), dr("rr"), append(nearServers("192.0.2.", 81, 1), "224.0.0.9 81",
		"255.255.255.255 81")...) +
		service(at2(85), dr("rr"), "224.0.0.9 85")
	conf := instance + refusing + service(at2(82), dr("rr"), nearServers("192.0.2.", 82, 2, 0, 0)...) +
		service(at2(83), dr("wrr"), nearServers("192.0.2.", 83, 2, 100000, 1)...) + twoMarks
	started := time.Now()
	s.daemon = pair.Start(t, stage.Director(), s.director, conf)
	// 3 advertisement intervals and the skew.
	s.Until(3*time.Second+time.Second*56/256+3*time.Second, "the virtual address is there", func() bool {
		return s.director.HasAddress("eth0", vip)
	})
	s.Logf("the virtual address is there after %v", time.Since(started).Round(10*time.Millisecond))
	s.untilWeights(5*time.Second, 81, map[string]int{"near1": 1})
	s.untilWeights(5*time.Second, 83, map[string]int{"near1": 100000, "near2": 1})
	t.Logf("the table:\n%s", stage.RunIpvsadm(s.director, "-Ln"))

	st := s.status()
	quorum := map[string]bool{}
	alive := map[string]int{}
	for _, vs := range st.VirtualServers {
		quorum[vs.Name], alive[vs.Name] = vs.Quorum, vs.Alive
	}
	t.Logf("quorums: %v; problems: %v", quorum, st.Problems)
	service := func(port int) string { return fmt.Sprintf("[%s]:tcp:%d", shopVIP, port) }
	for name, want := range map[string]bool{
		service(81): true, service(82): false, service(83): true, service(85): false, "FWM 5": true, "FWM 5 inet6": true,
	} {
		if got, there := quorum[name]; !there || got != want {
			t.Errorf("the quorum of %s: %v (reported: %v), want %v", name, got, there, want)
		}
	}
	if alive[service(81)] != 1 || alive[service(85)] != 0 {
		t.Errorf("real servers that serve: %v, want 1 and 0 of those with refused ones", alive)
	}
	out, err := s.director.Output(s.daemon.AskCommand("status")...)
	if err == nil || !strings.Contains(err.Error(), "exit status 2") {
		t.Errorf("status: %v, want exit status 2: two virtual servers serve nobody\n%s", err, out)
	}
	t.Log(out)
	for _, text := range []string{"REFUSED", service(82), service(85)} {
		if !strings.Contains(out, text) {
			t.Errorf("status does not name %s", text)
		}
	}
}
