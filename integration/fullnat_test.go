//go:build linux

package integration_test

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/guest"
	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/integration/traffic"
)

// unloadIPVS removes the modules of IPVS, which only the guest can do: outside of it they are this
// machine's own. The services of an earlier test go with its namespaces, which takes a moment.
func unloadIPVS(l *lab.Lab) {
	l.Until(15*time.Second, "ip_vs is unloaded", func() bool {
		text, err := os.ReadFile("/proc/modules")
		if err != nil {
			return false
		}
		left := false
		for line := range strings.Lines(string(text)) {
			if name := strings.Fields(line)[0]; strings.HasPrefix(name, "ip_vs") {
				left = true
				_ = exec.Command("rmmod", name).Run() // in the next round, if another one uses it
			}
		}
		return !left
	})
}

// TestFullNATOverItsLife (lvs-cases L24): client and real servers are in one network, so that
// every answer has to be sent back through the director. The kernel has no ip_vs when director
// starts. A reload takes the virtual server away and brings it back, all processes are killed, and
// director stops: each time its rules and the setting of the kernel are there exactly while they
// are needed.
func TestFullNATOverItsLife(t *testing.T) {
	stage.Require(t)
	l := lab.New(t)
	front := l.Network("front")
	client, director := l.Host("client"), l.Host("dir1")
	client.Attach(front, "eth0", "192.0.2.10/24")
	director.Attach(front, "eth0", "192.0.2.2/24", pair.VIP+"/32")
	director.Sysctl("net.ipv4.ip_forward", "1")
	for i := range 2 {
		h := l.Host(fmt.Sprintf("rs%d", i+1))
		h.Attach(front, "eth0", fmt.Sprintf("192.0.2.%d/24", 11+i))
		traffic.ServeWeb(h, 80)
	}
	if guest.Inside() {
		unloadIPVS(l)
	}
	vs := func(kind string, port int) string {
		return service(fmt.Sprintf("%s %d", pair.VIP, port), []string{"lb_algo rr", "lb_kind " + kind, "protocol TCP"},
			"192.0.2.11 80", "192.0.2.12 80")
	}
	with, without := vs("FNAT", 80)+vs("NAT", 81), vs("NAT", 81)
	d := pair.Start(t, stage.Director(), director, with)
	conntrack := func() string {
		value, _ := director.Output("cat", "/proc/sys/net/ipv4/vs/conntrack")
		return strings.TrimSpace(value)
	}
	asked := traffic.StartClient(client, "tcp", pair.Service)
	served := func(what string) {
		t.Helper()
		began := time.Now()
		l.Until(30*time.Second, what+": both real servers answer", func() bool {
			return asked.AnsweredBy("rs1", began) >= 10 && asked.AnsweredBy("rs2", began) >= 10
		})
		began = time.Now()
		l.Until(30*time.Second, what+": 50 answers", func() bool { return asked.AnsweredSince(began, 50) })
		if seen := asked.Between(began, time.Now()); failures(l, seen) > 0 {
			t.Errorf("%s: %v", what, seen)
		}
		if tables := nftTables(t, director); len(tables) != 1 || conntrack() != "1" {
			t.Errorf("%s: nftables tables %v and vs.conntrack %s, want one table and 1", what, tables, conntrack())
		}
	}
	clean := func(what string) {
		t.Helper()
		l.Until(20*time.Second, what+": no rule is left, and vs.conntrack is 0 again", func() bool {
			return len(nftTables(t, director)) == 0 && conntrack() == "0"
		})
	}
	served("started")
	d.Reload(without)
	clean("the virtual server is gone")
	d.Reload(with)
	served("it is back")
	asked.Signal(syscall.SIGSTOP)
	d.KillAll()
	d = pair.Start(t, stage.Director(), director, with)
	asked.Signal(syscall.SIGCONT)
	served("killed and started")
	d.KillAll()
	d = pair.Start(t, stage.Director(), director, without)
	clean("killed, and started without it")
	d.Reload(with)
	served("and with it once more")
	d.Stop(20 * time.Second)
	clean("stopped")
	if left := pair.Table(director); len(left) > 0 {
		t.Errorf("services are still in the table:\n%s", pair.FormatTable(left))
	}
}
