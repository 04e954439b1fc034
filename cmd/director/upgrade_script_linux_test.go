package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestUpgradeHandsAScriptOver: a notify script that does not end does not hold up
// an upgrade. It runs on, can still print, and its end is seen by the next program.
func TestUpgradeHandsAScriptOver(t *testing.T) {
	n := newNode(t)
	begun, gate := filepath.Join(n.dir, "begun"), filepath.Join(n.dir, "gate")
	tell := n.program("tell", strings.NewReader("#!/bin/sh\necho $$ > "+begun+
		"\nwhile [ ! -e "+gate+" ]; do sleep 0.1; done\necho the gate is open\nexit 3\n"))
	n.writeText("global_defs {\n script_user root\n}\nvrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n" +
		" version 3\n advert_int 0.1\n notify_master " + tell + "\n virtual_ipaddress {\n  " + vip1 + "\n }\n}\n")
	n.start()
	n.until("the script runs", func() bool { _, err := os.Stat(begun); return err == nil })
	n.until("it is in service", func() bool { return strings.Contains(n.log.String(), "msg=\"in service\"") })
	n.says(0, "upgrade", "the workers run on")
	n.says(0, "status", "MASTER", "notify_master of INSTANCE VI_1 has been running for")
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	n.until("its end is seen", func() bool {
		return strings.Contains(n.log.String(), `reason="exit status 3" output="the gate is open"`)
	})
	if running := strings.Count(n.log.String(), "script failed"); running != 1 {
		t.Errorf("the end was seen %d times", running)
	}
}
