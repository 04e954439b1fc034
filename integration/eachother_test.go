//go:build linux

package integration_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/integration/traffic"
)

// eachOther is a pair of directors that are the only real servers of each other.
type eachOther struct {
	*pair.Site
	t       *testing.T
	kind    string // lb_kind
	daemons [2]*pair.Daemon
	web     *traffic.Client
}

// The ports of their virtual servers: an address, a match list, and one that is asked all the time.
const (
	eachOtherPort  = 81
	eachOtherMatch = 82
)

// begin prepares both hosts as real servers and starts the directors, dir1 first.
func (e *eachOther) begin() {
	for i, h := range e.Dirs {
		h.Run(stage.Director().Path, "realserver", pair.VIP, "--method", strings.ToLower(e.kind), "--apply", "--state-dir",
			filepath.Join(h.Dir(), "realserver"))
		traffic.ServeNames(h, fmt.Sprint("tcp:", eachOtherPort), fmt.Sprint("tcp:", eachOtherMatch))
		traffic.ServeWeb(h, 80)
		e.daemons[i] = pair.Start(e.t, stage.Director(), h, e.conf(i))
		if i == 0 {
			e.Lab.Until(30*time.Second, "dir1 is MASTER", func() bool { return e.Holds(0) })
		}
	}
	e.until(0)
}

func (e *eachOther) conf(i int, more ...string) string {
	c := e.DefaultConfig(i)
	c.Service, c.Interval = false, 200*time.Millisecond
	text := c.Text(e.Site)
	for _, port := range []int{80, eachOtherPort, eachOtherMatch} {
		head := fmt.Sprint(pair.VIP, " ", port)
		if port == eachOtherMatch {
			head = "match each-other"
		}
		lines := append([]string{"delay_loop 1", "lb_algo rr", "lb_kind " + e.kind}, more...)
		if port == eachOtherMatch {
			lines = append(lines, fmt.Sprintf("match {\n %s tcp %d\n}", pair.VIP, port))
		} else {
			lines = append(lines, "protocol TCP")
		}
		text += "virtual_server " + head + " {\n" + strings.Join(lines, "\n") + "\n"
		for n := range e.Dirs {
			text += fmt.Sprintf("real_server %s %d {\n weight 1\n TCP_CHECK {\n connect_port %d\n connect_timeout 2\n }\n}\n",
				pair.DirectorAddress(n), port, port)
		}
		text += "}\n"
	}
	return text
}

// table is how many services the table of a director has, and how many real servers that get connections.
func (e *eachOther) table(i int) (services, servers int) {
	_ = e.Dirs[i].Do(func() error {
		data, err := os.ReadFile("/proc/thread-self/net/ip_vs")
		for line := range strings.Lines(string(data)) {
			words := strings.Fields(line)
			switch {
			case strings.HasPrefix(line, "TCP "), strings.HasPrefix(line, "FWM "):
				services++
			case len(words) > 3 && words[0] == "->" && words[3] != "0" && words[3] != "Weight":
				servers++
			}
		}
		return err // without IPVS there is no table yet
	})
	return services, servers
}

// services is how many services the table of a director has.
func (e *eachOther) services(i int) int {
	n, _ := e.table(i)
	return n
}

// ask asks 40 times for each of the two virtual servers.
func (e *eachOther) ask() (answered [2]int, all traffic.Answers) {
	for n, port := range []int{eachOtherPort, eachOtherMatch} {
		answers := traffic.Burst{
			Targets: []string{fmt.Sprintf("%s:%d", pair.VIP, port)}, Count: 40, Together: 4,
		}.Run(e.Client)
		answered[n] = len(answers) - len(answers.Failed())
		all = append(all, answers...)
	}
	return answered, all
}

// expectForty fails unless all are answered, and by both directors.
func (e *eachOther) expectForty(when string) {
	e.t.Helper()
	answered, all := e.ask()
	e.t.Logf("%s: %v of 40 answered, by %v", when, answered, all.ByServer())
	if answered != [2]int{40, 40} || len(all.ByServer()) != 2 {
		e.t.Errorf("%s: %v of 40 are answered, by %v", when, answered, all.ByServer())
	}
}

func (e *eachOther) until(master int) {
	e.t.Helper()
	what := fmt.Sprintf("dir%d alone has the address and the virtual servers with both real servers", master+1)
	e.Lab.Until(20*time.Second, what, func() bool {
		services, servers := e.table(master)
		return e.Holds(master) && !e.HoldsAny(1-master) && services == 3 && servers == 6 && e.services(1-master) == 0
	})
}

// TestDirectorsAreRealServers (lvs-cases B7): two directors are the real servers of each other, by
// DR. What the MASTER passes to the BACKUP is answered there: 40 of 40 connections, before and after
// a takeover, across a reload, and no more requests fail at a takeover than are under way.
func TestDirectorsAreRealServers(t *testing.T) {
	stage.Require(t)
	e := &eachOther{Site: pair.New(t, pair.DR, 0), t: t, kind: "DR"}
	e.begin()
	e.expectForty("dir1 is MASTER")
	out, err := e.Dirs[1].Output(e.daemons[1].StatusCommand()...)
	if err != nil || strings.Count(out, "2 of 2 up, elsewhere") != 3 ||
		!strings.Contains(out, "VI_1 is BACKUP on this host") {
		t.Errorf("status of the BACKUP (%v):\n%s", err, out)
	}
	e.web = traffic.StartClient(e.Client, "tcp", pair.Service)
	e.Lab.Until(20*time.Second, "answers", func() bool { return e.web.AnsweredSince(time.Now().Add(-time.Second), 10) })

	took := func(what string, since time.Time) {
		t.Helper()
		e.Lab.Until(20*time.Second, "answers after: "+what, func() bool {
			return e.web.AnsweredSince(time.Now().Add(-500*time.Millisecond), 10)
		})
		// Without a sync daemon a takeover resets what is under way, at each of the two moves.
		expectAnswered(t, &pair.Running{Site: e.Site}, what, e.web.Between(since, time.Now()), 4*inFlight)
	}
	since := time.Now()
	e.daemons[0].Reload(strings.Replace(e.conf(0), "priority 200", "priority 50", 1))
	e.daemons[1].Reload(e.conf(1))
	e.until(1)
	took("takeover by dir2", since)
	e.expectForty("dir2 is MASTER")

	since = time.Now()
	e.daemons[0].Reload(e.conf(0))
	e.until(0)
	took("takeover by dir1", since)
	e.expectForty("dir1 is MASTER again")

	since = time.Now()
	for i := range e.daemons {
		e.daemons[i].Reload(strings.ReplaceAll(e.conf(i), "weight 1", "weight 5"))
	}
	e.Lab.Until(10*time.Second, "the new weights are in the table", func() bool {
		for _, s := range pair.Table(e.Dirs[0]) {
			for _, rs := range s.Servers {
				if rs.Weight != 5 {
					return false
				}
			}
		}
		return e.services(0) == 3
	})
	e.Lab.Steady(time.Second, "the BACKUP has no virtual server after a reload", func() bool { return e.services(1) == 0 })
	took("a reload", since)
	e.expectForty("after a reload")

	// The lvs worker of the BACKUP starts again, and has nothing in the table by itself.
	e.daemons[1].KillWorker("lvs")
	e.daemons[0].KillWorker("lvs")
	e.Lab.Until(10*time.Second, "new workers", func() bool {
		return e.daemons[0].Worker("lvs") != 0 && e.daemons[1].Worker("lvs") != 0
	})
	e.Lab.Steady(3*time.Second, "the tables stay", func() bool { return e.services(0) == 3 && e.services(1) == 0 })
	e.expectForty("with new lvs workers")

	// What it would be without: packets circle.
	for i := range e.daemons {
		e.daemons[i].Reload(e.conf(i, "only_on_master false"))
	}
	e.Lab.Until(10*time.Second, "both have the virtual servers", func() bool {
		return e.services(0) == 3 && e.services(1) == 3
	})
	answered, _ := e.ask()
	t.Logf("with only_on_master false: %v of 40 answered", answered)
	if answered[0] == 40 && answered[1] == 40 {
		t.Error("with only_on_master false all are answered too: this test shows nothing")
	}
}

// TestDirectorsAreRealServersByTUN: the same by TUN, at a takeover there and back. By IPv6 it is no part of
// the suite: Linux 6.1 does not let go of the interface, and so never of the namespace, of an IPVS host
// that is a real server of its own IPv6 service.
func TestDirectorsAreRealServersByTUN(t *testing.T) {
	stage.Require(t)
	if out, err := exec.Command("modprobe", "ipip").CombinedOutput(); err != nil {
		t.Fatalf("modprobe ipip: %v: %s", err, out)
	}
	e := &eachOther{Site: pair.New(t, pair.DR, 0), t: t, kind: "TUN"}
	e.begin()
	e.expectForty("dir1 is MASTER")
	e.daemons[0].Reload(strings.Replace(e.conf(0), "priority 200", "priority 50", 1))
	e.until(1)
	e.expectForty("dir2 is MASTER")
	e.daemons[0].Reload(e.conf(0))
	e.until(0)
	e.expectForty("dir1 is MASTER again")
}

// TestSuspendedChecks: the checks of a virtual server with ha_suspend rest while its address is not
// on this host, whoever adds or removes it there, and status says so.
func TestSuspendedChecks(t *testing.T) {
	s := openShop(t)
	const port = 80
	conf := fmt.Sprintf(`virtual_server 192.0.2.200 %d {
    delay_loop 1
    lb_algo rr
    lb_kind DR
    protocol TCP
    ha_suspend
    real_server 192.0.2.11 81 {
        TCP_CHECK {
            connect_port 79
            connect_timeout 1
            retry 0
        }
    }
}
`, port)
	s.daemon = pair.Start(t, stage.Director(), s.director, conf)
	status := func() string {
		out, _ := s.director.Output(s.daemon.StatusCommand()...) // its exit status says how it is
		return out
	}
	in := func() bool { return strings.Contains(s.table(), "C000020B:") }
	s.Until(20*time.Second, "the checks are suspended", func() bool {
		return strings.Contains(status(), "checks suspended") && in()
	})
	// Nothing listens on the port of the check: it would fail.
	s.Steady(4*time.Second, "the real server is not checked", in)
	s.director.Run("ip", "address", "add", "192.0.2.200/32", "dev", "eth0")
	began := time.Now()
	s.Until(10*time.Second, "the checks go on, and take it out", func() bool { return !in() })
	t.Logf("taken out %v after the address came", time.Since(began).Round(time.Millisecond))
	if text := status(); strings.Contains(text, "suspended") {
		t.Errorf("status with the address:\n%s", text)
	}
	s.director.Run("ip", "address", "del", "192.0.2.200/32", "dev", "eth0")
	s.Until(10*time.Second, "the checks are suspended again", func() bool {
		return strings.Contains(status(), "checks suspended")
	})
	traffic.ServeNames(s.near[0], "tcp:79") // now it would pass
	s.Steady(4*time.Second, "what was known of the real server stays", func() bool { return !in() })
	s.director.Run("ip", "address", "add", "192.0.2.200/32", "dev", "eth0")
	s.Until(10*time.Second, "the checks go on, and bring it back", in)
}
