package netns_test

import (
	"errors"
	"fmt"
	"net"
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

// TestDo: what is looked at is that namespace's; this process stays where it is.
func TestDo(t *testing.T) {
	name := named(t)
	var links []net.Interface
	if err := netns.Do(name, func() (err error) { links, err = net.Interfaces(); return err }); err != nil {
		t.Fatal(err)
	}
	if len(links) != 1 || links[0].Name != "lo" || links[0].Flags&net.FlagUp != 0 {
		t.Errorf("the interfaces are %v, want lo alone, down", links)
	}
	if inside, err := netns.Inside(name); inside || err != nil {
		t.Errorf("after: inside %t, %v", inside, err)
	}
	failed := errors.New("failed")
	if err := netns.Do(name, func() error { return failed }); !errors.Is(err, failed) {
		t.Errorf("error %v", err)
	}
	called := false
	if err := netns.Do("", func() error { called = true; return nil }); err != nil || !called {
		t.Errorf("without a name: called %t, %v", called, err)
	}
	if err := netns.Do("no-such-namespace", func() error { return nil }); err == nil {
		t.Error("a namespace that is not there was entered")
	}
}

// TestIdentity: a namespace that is made again under its name is another one.
func TestIdentity(t *testing.T) {
	name := named(t)
	first, err := netns.Identity(name)
	if err != nil || first == 0 {
		t.Fatalf("identity %d, %v", first, err)
	}
	hold, err := os.Open("/run/netns/" + name) // its number is not given to another meanwhile
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Close()
	if out, err := exec.Command("ip", "netns", "del", name).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if gone, err := netns.Identity(name); gone != 0 || err != nil {
		t.Errorf("deleted: identity %d, %v", gone, err)
	}
	if out, err := exec.Command("ip", "netns", "add", name).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if again, err := netns.Identity(name); again == 0 || again == first || err != nil {
		t.Errorf("made again: identity %d after %d, %v", again, first, err)
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
