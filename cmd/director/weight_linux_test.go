package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lvs-director/director/supervisor/control"
)

// TestDynamicWeights: a program sets the weight of a real server, and a reload, a worker that
// dies and an upgrade keep it; a run that takes too long, and one of a program that hangs,
// change nothing of it.
func TestDynamicWeights(t *testing.T) {
	n := newNode(t)
	status, turn := filepath.Join(n.dir, "status"), filepath.Join(n.dir, "turns")
	set := func(text string) {
		t.Helper()
		if err := os.WriteFile(status+".new", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(status+".new", status); err != nil {
			t.Fatal(err)
		}
	}
	script := n.program("check", strings.NewReader("#!/bin/sh\necho >>"+turn+"\nread s <"+status+
		"\n[ $s = hang ] && exec sleep 1000\necho disk is fine\nexit $s\n"))
	config := func(weight int) {
		n.writeText(fmt.Sprintf("vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n virtual_ipaddress {\n  "+
			vip1+"\n }\n}\nvirtual_server 10.77.0.10 80 {\n delay_loop 0.2\n lb_algo wrr\n lb_kind NAT\n protocol TCP\n"+
			" real_server 10.77.0.20 80 {\n  weight %d\n  MISC_CHECK {\n   misc_path %q\n   misc_timeout 0.5\n"+
			"   misc_dynamic\n   retry 1000\n   delay_before_retry 0.2\n   user root\n  }\n }\n}\n", weight, script))
	}
	server := func() control.RealServer {
		out, _ := n.do("status", "--json")
		var s control.Status
		if err := json.Unmarshal([]byte(out), &s); err != nil || len(s.VirtualServers) != 1 {
			return control.RealServer{}
		}
		return s.VirtualServers[0].RealServers[0]
	}
	weight := func(when string, want int, wants ...string) {
		t.Helper()
		n.until(fmt.Sprintf("%s: weight %d", when, want), func() bool {
			rs := server()
			var got []string
			for _, a := range rs.Asked {
				got = append(got, a.Wants)
			}
			return rs.Up && rs.Weight == want && fmt.Sprint(got) == fmt.Sprint(wants)
		})
	}
	turns := func() int {
		text, err := os.ReadFile(turn)
		if err != nil {
			return 0
		}
		return len(text)
	}
	more := func(what string, count int) {
		t.Helper()
		before := turns()
		n.until(what, func() bool { return turns() >= before+count })
	}
	set("52")
	config(10)
	n.start()
	weight("the program asks for it", 50, "weight 50")
	config(50)
	n.says(0, "reload", "")
	weight("the configured weight is the same now", 50, "weight 50")
	config(10)
	n.says(0, "reload", "")
	weight("it is another one again", 50, "weight 50")
	for range 3 {
		set("hang")
		more("runs that hang", 2)
		set("52")
		more("good runs", 2)
	}
	weight("after runs that took too long", 50, "weight 50")

	set("hang")
	more("a run that hangs", 1)
	if err := syscall.Kill(n.worker("lvs"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	more("runs of the next worker", 2)
	weight("after the death of a worker", 50, "weight 50")
	n.says(0, "upgrade --binary "+n.copyOfDirector("next"), "")
	more("runs after the upgrade", 2)
	weight("after an upgrade", 50, "weight 50")

	set("0")
	weight("the program is content with the configured weight", 10)
	set("2")
	weight("no new connections", 0, "weight 0")
	n.stop(syscall.SIGTERM)
	if text := n.log.String(); strings.Contains(text, "panic") || strings.Contains(text, "DATA RACE") {
		t.Error(text)
	}
}
