package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// called has the programs of a node run on a host of that name, and in a network namespace unless
// it is empty.
func (n *node) called(name, namespace string) {
	n.t.Helper()
	argv := []string{"unshare", "--uts", "sh", "-c", "hostname " + name + ` && exec "$@"`, "sh", "director", "run",
		"-f", n.file}
	if namespace != "" {
		argv = append([]string{"ip", "netns", "exec", namespace}, argv...)
	}
	n.cmd = exec.Command(argv[0], append(argv[1:], n.dirs()...)...)
	n.cmd.Stderr = n.log
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan error) { ended <- cmd.Wait() }(n.cmd, n.ended)
}

// TestDrainsOfAPair: what is drained on one half is on the other, --local is not, and a half that
// was killed learns what it has missed.
func TestDrainsOfAPair(t *testing.T) {
	a := newNode(t)
	b := &node{t: t, dir: t.TempDir(), log: &logBuffer{}}
	b.file = filepath.Join(b.dir, "lb.conf")
	t.Cleanup(func() {
		b.stop(syscall.SIGKILL)
		if t.Failed() {
			t.Logf("log of lb2:\n%s", b.log)
		}
	})
	namespace := a.namespace("lb2", true)
	for _, words := range []string{
		"ip link set eth1 netns " + namespace, "ip -n " + namespace + " link set eth1 up",
		"ip -n " + namespace + " address add 10.77.0.2/24 dev eth1",
	} {
		args := strings.Fields(words)
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v: %s", words, err, out)
		}
	}
	key := filepath.Join(a.dir, "peer.key")
	if err := os.WriteFile(key, []byte("hex:"+strings.Repeat("5a", 32)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for n, dev, peer := a, "eth0", "10.77.0.2"; ; n, dev, peer = b, "eth1", "10.77.0.1" {
		n.writeText(fmt.Sprintf("peer %s {\n key file:%s\n}\nvrrp_instance VI_1 {\n interface %s\n virtual_router_id 51\n"+
			" virtual_ipaddress {\n 10.77.0.9/32\n }\n}\nvirtual_server 10.77.0.9 80 {\n lb_algo rr\n lb_kind NAT\n"+
			" protocol TCP\n real_server 10.77.0.3 80 {\n weight 1\n }\n}\n", peer, key, dev))
		if n == b {
			break
		}
	}
	up := func(n *node, other string) func() bool {
		return func() bool {
			for _, p := range n.status().Peers {
				if p.Host == other && p.Up {
					return true
				}
			}
			return false
		}
	}
	running := func(n *node) func() bool {
		return func() bool { text, _ := n.do("status"); return strings.Contains(text, "VI_1") }
	}
	drains := func(n *node) int { return len(n.status().Overrides) }
	a.called("lb1", "")
	b.called("lb2", namespace)
	a.until("both run", func() bool { return running(a)() && running(b)() })
	a.until("lb1 has its peer", up(a, "lb2"))
	a.until("lb2 has its peer", up(b, "lb1"))

	a.says(0, "drain 10.77.0.3 --reason update", "here and on lb2")
	if text, _ := b.do("status"); !strings.Contains(text, "10.77.0.3 has been drained for") ||
		!strings.Contains(text, "on lb1 (update)") {
		t.Errorf("lb2 shows\n%s", text)
	}
	b.says(0, "why 10.77.0.3", "real server 10.77.0.3: drain at", "peer lb1 (10.77.0.1) says of its real server 10.77.0.3",
		"because real server 10.77.0.3: drain at")
	master, backup := a, b
	instance := func(n *node) string { return n.status().Instances[0].State.String() }
	a.until("one of them is MASTER", func() bool { return instance(a) == "MASTER" || instance(b) == "MASTER" })
	if instance(b) == "MASTER" {
		master, backup = b, a
	}
	a.until("the other one is BACKUP", func() bool { return instance(backup) == "BACKUP" })
	master.says(0, "handover VI_1", "is MASTER after")
	backup.says(0, "why VI_1", "instance VI_1 became MASTER", "says of its instance VI_1",
		"mastership handed over on request", "because instance VI_1: handover at")
	master.says(0, "resume VI_1", "VI_1 takes part again: it is BACKUP, MASTER is 10.77.0.")
	b.says(0, "undrain 10.77.0.3", "no longer drained", "here and on lb1")
	if n := drains(a); n != 0 {
		t.Errorf("lb1 has %d drains", n)
	}
	a.says(0, "drain 10.77.0.3 --local", "here only (--local)")
	a.says(0, "weight 10.77.0.3 7", "here and on lb2") // comes after it
	if n, m := drains(a), drains(b); n != 2 || m != 1 {
		t.Errorf("lb1 has %d and lb2 %d", n, m)
	}

	b.stop(syscall.SIGKILL)
	a.until("lb1 misses its peer", func() bool { return !up(a, "lb2")() })
	a.says(0, "weight 10.77.0.3 --reset", "here; lb2 is not reachable, it learns it when it is back")
	a.says(0, "drain 10.77.0.3 --for 1h", "here; lb2 is not reachable, it learns it when it is back")
	b.called("lb2", namespace)
	a.until("lb2 runs again", running(b))
	a.until("lb2 has learned both", func() bool {
		list := b.status().Overrides
		return len(list) == 1 && list[0].Kind == "drain" && list[0].Elsewhere == "lb1" && !list[0].Until.IsZero()
	})
	a.stop(syscall.SIGTERM)
	b.stop(syscall.SIGTERM)
}
