package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// node is a host with one interface, eth0, 10.77.0.1/24, in a network
// namespace of its own: that of the thread that the test is locked to, and of
// the programs that it starts. A test that has one must not have subtests.
type node struct {
	t     *testing.T
	dir   string
	file  string // the configuration
	cmd   *exec.Cmd
	ended chan error
	log   *logBuffer
}

// newNode makes the host, or skips the test.
func newNode(t *testing.T) *node {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIP: only root can make a network namespace")
	}
	runtime.LockOSThread() // for good: the thread ends with the test, and its namespace after it
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		t.Skip("SKIP: the kernel refuses a network namespace:", err)
	}
	err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: "eth1"})
	if err != nil {
		t.Fatal("making eth0: ", err)
	}
	for _, name := range []string{"lo", "eth0", "eth1"} {
		dev, err := netlink.LinkByName(name)
		if err == nil {
			err = netlink.LinkSetUp(dev)
		}
		if err == nil && name == "eth0" {
			var a *netlink.Addr
			if a, err = netlink.ParseAddr("10.77.0.1/24"); err == nil {
				err = netlink.AddrAdd(dev, a)
			}
		}
		if err != nil {
			t.Fatalf("setting up %s: %v", name, err)
		}
	}
	n := &node{t: t, dir: t.TempDir(), log: &logBuffer{}}
	n.file = filepath.Join(n.dir, "lb.conf")
	t.Cleanup(func() {
		n.stop(syscall.SIGKILL)
		if t.Failed() {
			t.Logf("log of director:\n%s", n.log)
		}
	})
	return n
}

// write makes the configuration one with these addresses.
func (n *node) write(addresses ...string) {
	n.writeText(fmt.Sprintf(`vrrp_instance VI_1 {
    interface eth0
    virtual_router_id 51
    version 3
    advert_int 0.1
    virtual_ipaddress {
        %s
    }
}
`, strings.Join(addresses, "\n        ")))
}

func (n *node) writeText(text string) {
	n.t.Helper()
	if err := os.WriteFile(n.file, []byte(text), 0o600); err != nil {
		n.t.Fatal(err)
	}
}

// dirs are the flags that every command has.
func (n *node) dirs() []string {
	return []string{"--run-dir", filepath.Join(n.dir, "run"), "--state-dir", filepath.Join(n.dir, "state")}
}

// start runs a director.
func (n *node) start(args ...string) {
	n.t.Helper()
	n.cmd = exec.Command("director", append(append([]string{"run", "-f", n.file}, n.dirs()...), args...)...)
	n.cmd.Stderr = n.log
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan error) { ended <- cmd.Wait() }(n.cmd, n.ended)
}

// stop ends the director by a signal and waits for it.
func (n *node) stop(sig syscall.Signal) {
	if n.cmd == nil {
		return
	}
	_ = n.cmd.Process.Signal(sig) // it may have ended
	select {
	case <-n.ended:
	case <-time.After(20 * time.Second):
		n.t.Error("director does not end")
	}
	n.cmd = nil
}

// do runs a command and gives what it printed, and its exit status.
func (n *node) do(name string, args ...string) (out string, code int) {
	n.t.Helper()
	cmd := exec.Command("director", append(append([]string{name}, args...), n.dirs()...)...)
	cmd.Dir = n.dir
	var b bytes.Buffer
	cmd.Stdout, cmd.Stderr = &b, &b
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		n.t.Fatal(err)
	}
	return b.String(), cmd.ProcessState.ExitCode()
}

// says runs a command and expects its exit status and what it prints.
func (n *node) says(code int, command string, want ...string) {
	n.t.Helper()
	words := strings.Fields(command)
	out, got := n.do(words[0], words[1:]...)
	if got != code {
		n.t.Errorf("director %s: exit status %d, want %d", command, got, code)
	}
	for _, w := range want {
		if absent, no := strings.CutPrefix(w, "! "); no == strings.Contains(out, strings.TrimSuffix(absent, "\n")) {
			n.t.Errorf("director %s: want %q in\n%s", command, w, out)
		}
	}
}

// has waits until eth0 has these addresses beside its own.
func (n *node) has(want ...string) {
	n.t.Helper()
	all := strings.Join(append([]string{"10.77.0.1/24"}, want...), " ")
	n.until("eth0 has "+all, func() bool { return n.addresses() == all })
}

func (n *node) addresses() string {
	n.t.Helper()
	dev, err := netlink.LinkByName("eth0")
	if err != nil {
		n.t.Fatal(err)
	}
	list, err := netlink.AddrList(dev, netlink.FAMILY_V4)
	if err != nil {
		n.t.Fatal(err)
	}
	var texts []string
	for _, a := range list {
		texts = append(texts, a.IPNet.String())
	}
	return strings.Join(texts, " ")
}

// until waits for a condition.
func (n *node) until(what string, condition func() bool) {
	n.t.Helper()
	for end := time.Now().Add(15 * time.Second); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			n.t.Fatalf("waited in vain until %s; now it has %s", what, n.addresses())
		}
	}
}

// logBuffer is a log that is written and read at the same time.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
