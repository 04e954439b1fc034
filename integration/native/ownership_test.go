//go:build linux

package native_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
)

// TestKilledWithoutATrace: all processes of a MASTER are killed and its files are gone, as after
// the kill of a container. When it returns as BACKUP, it removes everything that it still has in
// the kernel, and nothing else.
func TestKilledWithoutATrace(t *testing.T) {
	t.Parallel()
	w := watch(t)
	const own = "203.0.113.77"
	w.a.Address("eth1", own+"/32")
	conf := func(priority int) string {
		return base(priority, "nopreempt",
			"virtual_ipaddress_excluded {\n        203.0.113.10/32 dev eth1\n    }",
			"virtual_routes {\n        203.0.113.128/25 via 198.51.100.254 dev eth1\n    }",
			"virtual_rules {\n        from 203.0.113.10 lookup 100 priority 7000\n    }")
	}
	w.startPair(conf(150), conf(100))
	held := func() []string {
		var list []string
		for iface, address := range map[string]string{"eth0": frontVIP, "eth1": "203.0.113.10"} {
			if w.a.HasAddress(iface, address) {
				list = append(list, address)
			}
		}
		if strings.Contains(w.a.Run("ip", "route"), "203.0.113.128/25") {
			list = append(list, "the route")
		}
		if strings.Contains(w.a.Run("ip", "rule"), "203.0.113.10") {
			list = append(list, "the rule")
		}
		return list
	}
	w.Until(5*time.Second, "a has all that is its own as MASTER", func() bool { return len(held()) == 4 })

	w.daemons[w.a].KillAll()
	w.daemons[w.a].WaitEnd(5 * time.Second)
	for _, dir := range []string{w.a.RunDir(), filepath.Join(w.a.Dir(), "state")} {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	w.Until(takeover, "b is MASTER", func() bool { return w.b.HasAddress("eth0", frontVIP) })
	if len(held()) != 4 {
		t.Fatalf("a holds %v: this scenario needs a host that keeps all", held())
	}
	w.start(w.a, conf(150))
	w.Until(5*time.Second, "a has given up what it had", func() bool { return len(held()) == 0 })
	w.steady(w.b, time.Second)
	if macs := w.answering("eth0", frontVIP); len(macs) != 1 || macs[0] != w.b.HardwareAddr("eth0").String() {
		t.Errorf("%v answer for %s, want b alone", macs, frontVIP)
	}
	if !w.a.HasAddress("eth1", own) || !w.a.HasAddress("eth1", "198.51.100.251") ||
		!w.a.HasAddress("eth0", "192.0.2.251") {
		t.Error("a has lost addresses of its own")
	}
}

// TestAddressOfTheHost: director leaves a virtual address that an operator has put on a BACKUP.
// Status reports it, with the command that removes it.
func TestAddressOfTheHost(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.b.Address("eth0", frontVIP+"/24")
	w.start(w.a, base(150))
	w.Until(15*time.Second, "a is MASTER", func() bool { return w.a.HasAddress("eth0", frontVIP) })
	w.start(w.b, base(100))
	w.Until(10*time.Second, "status of b has it as a problem", func() bool {
		out, err := w.ask(w.b, "status")
		return err != nil && strings.Contains(out, frontVIP) && strings.Contains(out, "ip addr")
	})
	w.daemons[w.b].Terminate()
	w.daemons[w.b].WaitEnd(5 * time.Second)
	if !w.b.HasAddress("eth0", frontVIP) {
		t.Error("director has removed an address that is the host's own")
	}
}

// TestUnicastSourceGoes: the unicast source address of a MASTER is removed. The instance goes to
// FAULT at once, and recovers by itself when the address is back.
func TestUnicastSourceGoes(t *testing.T) {
	t.Parallel()
	w := watch(t)
	unicast := func(own, peer string) []string {
		return []string{"unicast_src_ip " + own, "unicast_peer {\n        " + peer + "\n    }"}
	}
	w.startPair(base(150, unicast("192.0.2.251", "192.0.2.252")...), base(100, unicast("192.0.2.252", "192.0.2.251")...))
	// The virtual address is not a secondary one of the address that goes.
	w.a.Run("sh", "-c", "echo 1 >/proc/sys/net/ipv4/conf/eth0/promote_secondaries")
	w.a.Run("ip", "addr", "del", "192.0.2.251/24", "dev", "eth0")
	w.untilMaster(w.b, takeover)
	w.steady(w.b, 2*takeover)
	if out, err := w.ask(w.a, "status"); err == nil || !strings.Contains(out, "FAULT") ||
		!strings.Contains(out, "192.0.2.251") {
		t.Errorf("status of a (%v) does not say what is wrong:\n%s", err, out)
	}
	w.a.Run("ip", "addr", "add", "192.0.2.251/24", "dev", "eth0")
	w.untilMaster(w.a, 2*takeover)
}

// TestPrimaryAddressIsGivenUp: the kernel removes secondary addresses together with their primary
// one, and the virtual address is the primary one. When director removes it, the host keeps its own
// address.
func TestPrimaryAddressIsGivenUp(t *testing.T) {
	t.Parallel()
	w := watch(t)
	const setting = "/proc/sys/net/ipv4/conf/eth1/promote_secondaries"
	w.a.Run("sh", "-c", "echo 0 >/proc/sys/net/ipv4/conf/all/promote_secondaries; echo 0 >"+setting)
	d := w.start(w.a, base(150, "virtual_ipaddress_excluded {\n        "+backVIP+"/24 dev eth1\n    }"))
	w.Until(15*time.Second, "a is MASTER", func() bool { return w.a.HasAddress("eth1", backVIP) })
	// The network is restarted: director's address is back first.
	w.a.Run("ip", "addr", "flush", "dev", "eth1")
	w.Until(10*time.Second, "the virtual address is back", func() bool { return w.a.HasAddress("eth1", backVIP) })
	w.a.Run("ip", "addr", "add", "198.51.100.251/24", "dev", "eth1")
	w.a.Run("ip", "route", "add", "203.0.113.0/24", "via", "198.51.100.254")
	time.Sleep(200 * time.Millisecond)

	d.Terminate()
	d.WaitEnd(10 * time.Second)
	if w.a.HasAddress("eth1", backVIP) {
		t.Error("a still has the virtual address")
	}
	if !w.a.HasAddress("eth1", "198.51.100.251") {
		t.Error("a has lost its own address")
	}
	if out := w.a.Run("ip", "route"); !strings.Contains(out, "203.0.113.0/24") {
		t.Errorf("a has lost its own route:\n%s", out)
	}
	if value := strings.TrimSpace(w.a.Run("cat", setting)); value != "0" {
		t.Errorf("promote_secondaries is %s, was 0", value)
	}
}

// TestAddressIsReplaced: a virtual address replaces another on an interface that has no other
// address. The routes through it are still there, and director does not complain about its own
// change.
func TestAddressIsReplaced(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.a.Run("ip", "addr", "flush", "dev", "eth1")
	conf := func(address string) string {
		return base(150, "virtual_ipaddress_excluded {\n        "+address+"/24 dev eth1\n    }",
			"virtual_routes {\n        203.0.113.0/24 via 198.51.100.254 dev eth1\n    }")
	}
	d := w.start(w.a, conf(backVIP))
	route := func() bool { return strings.Contains(w.a.Run("ip", "route"), "203.0.113.0/24") }
	w.Until(15*time.Second, "a is MASTER with its route", route)
	changed := time.Now()
	d.Reload(conf("198.51.100.11"))
	w.Until(5*time.Second, "the address is replaced", func() bool {
		return w.a.HasAddress("eth1", "198.51.100.11") && !w.a.HasAddress("eth1", backVIP)
	})
	w.Until(2*time.Second, "the route is there", route)
	time.Sleep(2 * time.Second)
	if !route() {
		t.Error("the route is gone")
	}
	if list := complaints(d, changed); len(list) > 0 {
		t.Errorf("a complains about its own change:\n%s", strings.Join(list, "\n"))
	}
}

// TestRunDirectoryGoes: a tmp cleaner removes the run directory. Director still answers, restarts a
// worker that dies, and leaves nothing behind when it stops.
func TestRunDirectoryGoes(t *testing.T) {
	t.Parallel()
	w := watch(t)
	d := w.start(w.a, base(150))
	w.Until(15*time.Second, "a is MASTER", func() bool { return w.a.HasAddress("eth0", frontVIP) })
	if err := os.RemoveAll(pair.RunDir(w.a)); err != nil {
		t.Fatal(err)
	}
	w.Until(5*time.Second, "director answers again", func() bool {
		out, err := w.ask(w.a, "status")
		return err == nil && strings.Contains(out, "MASTER")
	})
	old := d.Worker(pair.VRRP)
	if err := os.RemoveAll(pair.RunDir(w.a)); err != nil {
		t.Fatal(err)
	}
	d.KillWorker(pair.VRRP)
	w.Until(10*time.Second, "there is a worker again", func() bool {
		return d.Worker(pair.VRRP) != old && w.a.HasAddress("eth0", frontVIP)
	})
	if err := os.RemoveAll(pair.RunDir(w.a)); err != nil {
		t.Fatal(err)
	}
	d.Terminate()
	d.WaitEnd(10 * time.Second)
	if w.a.HasAddress("eth0", frontVIP) {
		t.Error("a failed to remove its virtual address, still present")
	}
}
