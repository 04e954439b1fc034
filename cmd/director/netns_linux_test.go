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

// namespace makes a network namespace with a name and, unless it stays empty, an
// interface eth0 with an address in it.
func (n *node) namespace(suffix string, empty bool) string {
	n.t.Helper()
	name := fmt.Sprintf("director-%d-%s", os.Getpid(), suffix)
	run := func(words string) {
		n.t.Helper()
		args := strings.Fields(words)
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			n.t.Fatalf("%s: %v: %s", words, err, out)
		}
	}
	run("ip netns add " + name)
	n.t.Cleanup(func() { _ = exec.Command("ip", "netns", "del", name).Run() }) // it may be gone
	run("ip -n " + name + " link set lo up")
	if !empty {
		run("ip -n " + name + " link add eth0 type veth peer name eth1")
		run("ip -n " + name + " link set eth0 up")
		run("ip -n " + name + " link set eth1 up")
		run("ip -n " + name + " address add 10.78.0.1/24 dev eth0")
	}
	return name
}

// inode tells network namespaces apart.
func inode(t *testing.T, path string) uint64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Sys().(*syscall.Stat_t).Ino
}

// TestNetworkNamespaces: with net_namespace director and its scripts are in that
// namespace, the VIP is there and nowhere else, and with net_namespace_ipvs the
// lvs worker is in another one; an upgrade and a worker's death change nothing.
func TestNetworkNamespaces(t *testing.T) {
	n := newNode(t)
	vrrp, lvs := n.namespace("vrrp", false), n.namespace("lvs", true)
	told := filepath.Join(n.dir, "told")
	tell := n.program("tell", strings.NewReader("#!/bin/sh\nls /sys/class/net > "+told+"\nreadlink /proc/self/ns/net "+
		">> "+told+"\n"))
	n.writeText("net_namespace " + vrrp + "\nnet_namespace_ipvs " + lvs + "\nglobal_defs {\n script_user root\n}\n" +
		"vrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n version 3\n advert_int 0.1\n" +
		" notify_master " + tell + "\n virtual_ipaddress {\n  10.78.0.10/24\n }\n}\n")
	n.start()
	addresses := func() string {
		out, err := exec.Command("ip", "-n", vrrp, "-br", "-4", "address", "show", "eth0").Output()
		if err != nil {
			t.Fatal(err)
		}
		return string(out)
	}
	isMaster := func() bool { return strings.Contains(addresses(), "10.78.0.10/24") }
	n.until("the VIP is in the namespace", isMaster)
	n.has() // and not where director was started
	n.until("the script was told", func() bool {
		text, _ := os.ReadFile(told)
		return strings.Count(string(text), "\n") >= 4
	})
	want := fmt.Sprintf("eth0\neth1\nlo\nnet:[%d]\n", inode(t, "/run/netns/"+vrrp))
	if text, _ := os.ReadFile(told); string(text) != want {
		t.Errorf("the script saw %q, want %q", text, want)
	}

	where := func(when string) {
		t.Helper()
		for name, namespace := range map[string]string{"vrrp": vrrp, "lvs": lvs} {
			pid := n.worker(name)
			if inode(t, fmt.Sprintf("/proc/%d/ns/net", pid)) != inode(t, "/run/netns/"+namespace) {
				t.Errorf("%s the %s worker (pid %d) is not in %s", when, name, pid, namespace)
			}
		}
	}
	where("at the start")
	if err := syscall.Kill(n.worker("lvs"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	n.until("the lvs worker is started again", func() bool { _, restarts := n.pids(); return restarts == 1 })
	where("after a death")
	n.until("it is in service", func() bool { return strings.Contains(n.log.String(), "msg=\"in service\"") })
	n.says(0, "upgrade", "the workers run on")
	where("after an upgrade")
	if inode(t, fmt.Sprintf("/proc/%d/ns/net", n.cmd.Process.Pid)) != inode(t, "/run/netns/"+vrrp) {
		t.Error("after an upgrade the supervisor is elsewhere")
	}

	n.stop(syscall.SIGTERM)
	if isMaster() {
		t.Errorf("after the end the namespace has %s", addresses())
	}
}

// TestNetworkNamespaceThatIsMissing: nothing is served in the wrong namespace.
func TestNetworkNamespaceThatIsMissing(t *testing.T) {
	n := newNode(t)
	n.writeText("net_namespace no-such-namespace\nvrrp_instance VI_1 {\n interface eth0\n virtual_router_id 51\n" +
		" version 3\n advert_int 0.1\n virtual_ipaddress {\n  " + vip1 + "\n }\n}\n")
	n.start()
	if err := <-n.ended; err == nil {
		t.Error("director has started")
	}
	n.cmd = nil
	if !strings.Contains(n.log.String(), "ip netns add no-such-namespace") {
		t.Error("the log does not say what to do")
	}
	n.has()
}
