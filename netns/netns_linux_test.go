package netns_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/lvs-director/director/netns"
)

// named makes a network namespace with a name, or skips the test.
func named(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIP: only root can make a network namespace")
	}
	name := fmt.Sprintf("director-test-%d", os.Getpid())
	if out, err := exec.Command("ip", "netns", "add", name).CombinedOutput(); err != nil {
		t.Skipf("SKIP: no network namespace with a name can be made: %v: %s", err, out)
	}
	t.Cleanup(func() { exec.Command("ip", "netns", "del", name).Run() })
	return name
}

// What a thread starts after it has entered a namespace sees the devices of that
// namespace, by netlink and in /sys; this process is where it was.
func TestEnter(t *testing.T) {
	name := named(t)
	if inside, err := netns.Inside(name); inside || err != nil {
		t.Fatalf("before: inside %t, %v", inside, err)
	}
	type result struct {
		inside     bool
		links, sys string
		err        error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // and never unlocked
		var r result
		defer func() { done <- r }()
		noSys, err := netns.Enter(name)
		if r.err = err; err != nil {
			return
		}
		if noSys != nil {
			t.Log(noSys)
		}
		r.inside, r.err = netns.Inside(name)
		links, _ := exec.Command("ip", "-br", "link").Output()
		sys, _ := exec.Command("ls", "/sys/class/net").Output()
		r.links, r.sys = string(links), strings.TrimSpace(string(sys))
		if noSys != nil {
			r.sys = "lo"
		}
	}()
	r := <-done
	if r.err != nil || !r.inside {
		t.Fatalf("inside %t, %v", r.inside, r.err)
	}
	if strings.Count(r.links, "\n") != 1 || !strings.HasPrefix(r.links, "lo ") {
		t.Errorf("a program sees the links %q, want lo alone", r.links)
	}
	if r.sys != "lo" {
		t.Errorf("a program sees %q in /sys/class/net, want lo alone", r.sys)
	}
	if inside, err := netns.Inside(name); inside || err != nil {
		t.Errorf("after: inside %t, %v", inside, err)
	}
}

func TestErrorsSayWhatToDo(t *testing.T) {
	if _, err := netns.Enter("no-such-namespace"); err == nil ||
		!strings.Contains(err.Error(), "ip netns add no-such-namespace") {
		t.Errorf("error %v", err)
	}
	for _, name := range []string{"", ".", "..", "../../proc/1/ns/net", "a/b"} {
		if _, err := netns.Enter(name); err == nil || !strings.Contains(err.Error(), "not a name") {
			t.Errorf("%q: error %v", name, err)
		}
	}
}
