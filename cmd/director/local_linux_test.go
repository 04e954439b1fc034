package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestLocalConfig: what stands in the second file comes into force with the first one, at the start, by a
// reload and after an upgrade; a plan, a refused reload, the history and a rollback are of both.
func TestLocalConfig(t *testing.T) {
	n := newNode(t)
	const first, second, third, fourth = "10.77.0.101/24", "10.77.0.111/24", "10.77.0.112/24", "10.77.0.113/24"
	local := filepath.Join(n.dir, "local.conf")
	says := func(name, address string) {
		t.Helper()
		// It adds an instance, and a word to the one that the main file has.
		text := fmt.Sprintf("vrrp_instance VI_1 {\n    notify_release /bin/true root\n}\nvrrp_instance VI_2 {\n"+
			"    interface eth0\n    virtual_router_id 52\n    version 3\n    advert_int 0.1\n"+
			"    virtual_ipaddress {\n        %s\n    }\n}\n", address)
		if err := os.WriteFile(filepath.Join(n.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	digest := func() string {
		t.Helper()
		out, _ := n.do("status", "--json")
		var r struct {
			Digest string `json:"digest"`
		}
		if err := json.Unmarshal([]byte(out), &r); err != nil || r.Digest == "" {
			t.Fatalf("%v in %s", err, out)
		}
		return r.Digest
	}
	n.write(first)
	says("local.conf", second)
	n.start("--local-config", local)
	n.has(first, second)
	before := digest()

	says("local.conf", third)
	n.says(0, "status", "differs from what runs")
	n.says(0, "plan", third, second)
	n.says(0, "reload", "in force as generation 2")
	n.has(first, third)
	if now := digest(); now == before {
		t.Errorf("the digest is still %s", now)
	}
	n.says(0, "plan", "nothing would change")
	says("other.conf", fourth)
	n.says(0, "plan --local-config other.conf", fourth)
	n.says(0, "plan", "! "+fourth)

	// An error names the file that has it, and changes nothing.
	if err := os.WriteFile(local, []byte("vrrp_instance VI_2 {\n    virtual_router_id 999\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	n.says(1, "reload", local+":2:")
	if err := os.Remove(local); err != nil {
		t.Fatal(err)
	}
	n.says(1, "reload", "local.conf")
	n.has(first, third)

	// The history has both texts, and goes back to both.
	n.says(0, "history", "2 *", "\n1  ")
	n.says(0, "history 1", "notify_release", second, first)
	n.says(0, "rollback 1")
	n.has(first, second)

	says("local.conf", fourth)
	n.says(0, "upgrade --binary "+n.copyOfDirector("next"))
	n.has(first, second)
	n.says(0, "plan", fourth)
	n.says(0, "reload")
	n.has(first, fourth)
	n.stop(syscall.SIGTERM)
}
