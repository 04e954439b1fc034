//go:build linux

package native_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// TestWhy: a script that fails lowers the priority of the MASTER, which becomes BACKUP, and comes
// back. Each chain is whole, also over the death of the worker and over an upgrade in between.
func TestWhy(t *testing.T) {
	director := stage.PlainDirector()
	site := vrrpOnly(t)
	broken := filepath.Join(site.Dirs[0].Dir(), "broken")
	script := site.Dirs[0].WriteFile("check.sh", fmt.Sprintf("#!/bin/sh\ntest ! -e %s\n", broken))
	if err := os.Chmod(script, 0o755); err != nil {
		t.Fatal(err)
	}
	r := site.Run(t, [2]pair.Kind{director, stage.Keepalived()}, func(i int, c *pair.Config) {
		c.Service, c.Interval = false, 200*time.Millisecond
		if i == 0 {
			c.Before = []string{fmt.Sprintf("vrrp_script chk {\n    script %q\n    interval 0.2\n    fall 1\n    rise 1\n"+
				"    user root\n}", script)}
			c.Options = []string{"track_script {\n        chk weight -150\n    }"}
		}
	})
	ask := func(words ...string) string {
		t.Helper()
		out, err := r.Dirs[0].Output(r.Daemons[0].AskCommand(words...)...)
		if err != nil {
			t.Fatalf("director %v: %v\n%s", words, err, out)
		}
		return string(out)
	}
	why := func(what string, want ...string) {
		t.Helper()
		var last string
		r.Lab.Until(10*time.Second, what, func() bool {
			last = ask("why", "VI_1")
			lines := strings.Split(strings.TrimSpace(last), "\n")
			if len(lines) != len(want) {
				return false
			}
			for n, w := range want {
				if !strings.HasPrefix(lines[n], strings.Repeat("  ", n)) || !strings.Contains(lines[n], w) {
					return false
				}
			}
			return true
		})
		if t.Failed() {
			t.Fatalf("why VI_1 says\n%s\nwant lines with\n%s", last, strings.Join(want, "\n"))
		}
	}
	if err := os.WriteFile(broken, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r.UntilMaster(1, 10*time.Second)
	why("the chain from the script to BACKUP",
		"instance VI_1 became BACKUP (was MASTER) at ",
		"because the priority of instance VI_1 fell from ",
		"because script chk went from up to down at ")

	ask("upgrade")
	r.Daemons[0].KillWorker(pair.VRRP)
	if err := os.Remove(broken); err != nil {
		t.Fatal(err)
	}
	r.UntilMaster(0, 10*time.Second)
	why("the chain from the script to MASTER",
		"instance VI_1 became MASTER (was BACKUP) at ",
		"because the priority of instance VI_1 rose from ",
		"because script chk went from down to up at ")

	ask("handover", "VI_1")
	r.UntilMaster(1, 10*time.Second)
	why("the chain from the operator to BACKUP",
		"instance VI_1 became BACKUP (was MASTER) at ",
		"because instance VI_1 went from taking part to handed over at ",
		"because instance VI_1: handover at ")
	if got := ask("why", "VI_1"); !strings.Contains(got, "process ") {
		t.Errorf("nobody is named as who asked for the handover:\n%s", got)
	}

	all := ask("events", "--json", "--since", "1h")
	numbers := make(map[string]bool)
	for _, line := range strings.Split(all, "\n") {
		if text, ok := strings.CutPrefix(strings.TrimSpace(line), `"number": `); ok {
			if numbers[text] {
				t.Errorf("the number %s was given twice", text)
			}
			numbers[text] = true
		}
	}
	for _, want := range []string{`"worker vrrp"`, `"upgraded"`, `"script chk"`, `"command"`} {
		if !strings.Contains(all, want) {
			t.Errorf("no event says %s", want)
		}
	}
}
