package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/lvs-director/director/supervisor/control"
)

// TestWhatIsAskedForAsJSON: drain, weight, handover and what ends them print one document with
// --json. To end what was never begun is no failure and is said; an unknown name is one, with a
// suggestion.
func TestWhatIsAskedForAsJSON(t *testing.T) {
	n := newNode(t)
	n.writeText("vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n version 3\n advert_int 0.1\n" +
		" virtual_ipaddress {\n  " + vip1 + "\n }\n}\n" +
		"virtual_server 10.77.0.10 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n" +
		" real_server 10.77.0.20 80 {\n  weight 1\n }\n}\n")
	n.start()
	n.until("it is in service", func() bool { return strings.Contains(n.log.String(), "msg=\"in service\"") })
	n.until("the VIP is here", func() bool { return strings.Contains(n.addresses(), vip1) })

	const server = "10.77.0.20"
	overrides := func(code int, words ...string) (r control.OverrideReport) {
		t.Helper()
		n.reads(code, &r, words...)
		if r.SchemaVersion != control.SchemaVersion {
			t.Errorf("director %v: schema version %d", words, r.SchemaVersion)
		}
		return r
	}
	if r := overrides(0, "drain", server, "--for", "1h"); len(r.Changed) != 1 || len(r.Servers) != 1 || r.Drained {
		t.Errorf("drain: %+v", r)
	}
	if r := overrides(0, "undrain", server); len(r.Changed) != 1 || r.Nothing != "" {
		t.Errorf("undrain: %+v", r)
	}
	if r := overrides(0, "weight", server, "5"); len(r.Changed) != 1 || r.Changed[0].Weight != 5 {
		t.Errorf("weight: %+v", r)
	}
	if r := overrides(0, "weight", server, "--reset"); len(r.Changed) != 1 {
		t.Errorf("weight --reset: %+v", r)
	}
	if r := overrides(0, "undrain", server); len(r.Changed) != 0 || r.Nothing != "nothing was drained" {
		t.Errorf("undrain once more: %+v", r)
	}
	n.says(0, "undrain "+server, "nothing was drained")
	n.says(0, "weight "+server+" --reset", "no weight was set")
	n.says(1, "undrain 10.77.0.21 --json", "did you mean 10.77.0.20?", "! {")
	n.says(1, "drain 10.77.0.21 --json", "did you mean 10.77.0.20?", "! {")
	n.says(1, "weight 10.77.0.21 4 --json", "did you mean 10.77.0.20?", "! {")
	n.says(1, "drain "+server+" --for 9000h", "at most 8784h\n")

	var h control.HandoverReport
	n.reads(1, &h, "handover", "VI_1") // nobody is there to take over
	if len(h.Instances) != 1 || !h.Instances[0].TakenBack {
		t.Errorf("handover: %+v", h)
	}
	n.reads(0, &h, "resume", "all")
	if h.Nothing == "" || len(h.Instances) != 0 {
		t.Errorf("resume: %+v", h)
	}
	n.says(0, "resume all", "no instance is handed over")
}

// reads runs a command with --json and takes in the document that it prints.
func (n *node) reads(code int, into any, words ...string) {
	n.t.Helper()
	out, got := n.do(words[0], append(words[1:], "--json")...)
	at := strings.Index(out, "{") // notes come before
	if got != code || at < 0 {
		n.t.Fatalf("director %v: exit status %d, want %d\n%s", words, got, code, out)
	}
	if err := json.Unmarshal([]byte(out[at:]), into); err != nil {
		n.t.Fatalf("director %v: %v\n%s", words, err, out)
	}
}
