package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// procFile is a file of a process in /proc.
func procFile(t *testing.T, pid int, name string) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, name))
	if err != nil {
		t.Error(err)
	}
	return strings.TrimSuffix(strings.ReplaceAll(string(text), "\x00", " "), "\n")
}

// TestProcessNames: ps shows which process is which and what the director was
// started with, after a worker's death and after an upgrade as well.
func TestProcessNames(t *testing.T) {
	n := newNode(t)
	n.write(vip1)
	n.start()
	n.has(vip1)
	check := func(when string) []int {
		t.Helper()
		pids, _ := n.pids()
		for i, want := range []string{"director", "director: vrrp", "director: lvs"} {
			if got := procFile(t, pids[i], "comm"); got != want {
				t.Errorf("%s: process %d is named %q, want %q", when, pids[i], got, want)
			}
			if got := procFile(t, pids[i], "cmdline"); !strings.Contains(got, "run -f "+n.file) {
				t.Errorf("%s: the command line of %s is %q", when, want, got)
			}
		}
		return pids
	}
	pids := check("after the start")
	// A director by another name does not take this one's processes for keepalived's.
	second := exec.Command("director", "run", "-f", n.file, "--run-dir", n.dir+"/other", "--state-dir", n.dir+"/state")
	out, err := second.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "the same virtual_router_id 51 on eth0") ||
		strings.Count(string(out), "(pid ") != 1 ||
		!strings.Contains(string(out), fmt.Sprintf("director (pid %d", pids[0])) {
		t.Errorf("a second director: %v\n%s", err, out)
	}
	if err := syscall.Kill(pids[1], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	n.until("the vrrp worker is back", func() bool {
		now, restarts := n.pids()
		return restarts == 1 && now[1] != 0 && now[1] != pids[1]
	})
	check("after a worker's death")
	n.says(0, "upgrade --binary "+n.copyOfDirector("director.new"), "goes on as pid")
	check("after an upgrade")
}

// TestLogLevel: the workers log what the supervisor was told to log.
func TestLogLevel(t *testing.T) {
	n := newNode(t)
	n.write(vip1)
	n.start("--log-level", "error")
	n.has(vip1)
	n.stop(syscall.SIGTERM)
	if n.log.String() != "" {
		t.Errorf("more than errors is logged:\n%s", n.log)
	}
}
