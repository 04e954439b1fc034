//go:build linux

package native_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// What a routing daemon would see of announced addresses. Virtual servers are in TestECMP: this kernel may have no
// IPVS.

const (
	announced4 = "203.0.113.100"
	announced6 = "2001:db8:5::100"
	// lifetime is min_lifetime of these tests.
	lifetime = 3 * time.Second
)

// announcing is a director that announces two addresses.
type announcing struct {
	*lab.Lab
	t      *testing.T
	host   *lab.Host
	file   string // tracked
	daemon *pair.Daemon
}

func announceConf(file string, addresses ...string) string {
	return fmt.Sprintf(`track_file ready {
    file %s
}
announce edge {
    virtual_ipaddress {
        %s
    }
    track_file { ready }
    track_interface { eth0 }
    min_lifetime %d
    withdraw_delay 1
}
`, file, strings.Join(addresses, "\n        "), int(lifetime.Seconds()))
}

func announce(t *testing.T) *announcing {
	t.Helper()
	stage.Require(t)
	l := lab.New(t)
	a := &announcing{Lab: l, t: t, host: l.Host("dir1")}
	a.host.Attach(l.Network("front"), "eth0", "192.0.2.2/24")
	a.file = a.host.WriteFile("ready", "0\n")
	a.makeDevice()
	a.start()
	return a
}

// makeDevice makes what director would adopt where the kernel has no dummy interfaces, and leaves it to director
// where it has.
func (a *announcing) makeDevice() {
	a.t.Helper()
	if _, err := a.host.Output("ip", "link", "add", conf.AnnounceInterface, "type", "dummy"); err == nil {
		a.host.Run("ip", "link", "del", conf.AnnounceInterface)
		return
	}
	a.host.Run("ip", "link", "add", conf.AnnounceInterface, "type", "bridge")
	a.host.Run("ip", "link", "set", conf.AnnounceInterface, "alias", conf.AnnounceMark)
}

func (a *announcing) start() {
	a.t.Helper()
	a.daemon = pair.Start(a.t, stage.Director(), a.host, announceConf(a.file, announced4, announced6))
	a.until("it is announced", 15*time.Second, true)
}

// has says whether both addresses are there, or one.
func (a *announcing) has() (all, one bool) {
	v4 := a.host.HasAddress(conf.AnnounceInterface, announced4)
	v6 := a.host.HasAddress(conf.AnnounceInterface, announced6)
	return v4 && v6, v4 || v6
}

// until waits until all addresses are there, or none is.
func (a *announcing) until(what string, limit time.Duration, there bool) {
	a.t.Helper()
	a.Until(limit, what, func() bool {
		all, one := a.has()
		return there && all || !there && !one
	})
}

func (a *announcing) stays(d time.Duration, what string) {
	a.t.Helper()
	a.Steady(d, what, func() bool { all, _ := a.has(); return all })
}

// feeds says whether the local routes to both addresses are there that director makes.
func (a *announcing) feeds() bool {
	v4, _ := a.host.Output("ip", "-4", "route", "show", "table", "local", "dev", "lo", "proto", "18")
	v6, _ := a.host.Output("ip", "-6", "route", "show", "table", "local", "dev", "lo", "proto", "18")
	return strings.Contains(v4, announced4) && strings.Contains(v6, announced6)
}

// ask runs a command about the director and gives what it prints.
func (a *announcing) ask(words ...string) string {
	a.t.Helper()
	out, _ := a.host.Output(a.daemon.AskCommand(words...)...) // its exit status says how well it is
	return out
}

func (a *announcing) says(want string, words ...string) {
	a.t.Helper()
	if out := a.ask(words...); !strings.Contains(out, want) {
		a.t.Errorf("director %s: want %q in\n%s", strings.Join(words, " "), want, out)
	}
}

// watchAddresses has the kernel tell of every address that is removed from the interface.
func (a *announcing) watchAddresses() (removed func() []string) {
	p := a.host.Start("ip", "monitor", "address", "dev", conf.AnnounceInterface)
	return func() (list []string) {
		for _, line := range p.Log() {
			if strings.Contains(line.Text, "Deleted") {
				list = append(list, line.Text)
			}
		}
		return list
	}
}

// TestAnnouncedDeadMan: a process that hangs, or is killed, withdraws by doing nothing.
func TestAnnouncedDeadMan(t *testing.T) {
	t.Parallel()
	a := announce(t)
	if !a.feeds() {
		t.Error("nothing brings packets in")
	}
	a.stays(2*lifetime, "it is refreshed")
	for _, hung := range []struct {
		name    string
		pid     int
		expires bool
	}{
		{"the supervisor", a.daemon.Pid, true},
		{"the lvs worker", a.daemon.Worker(pair.LVS), true},
		{"the vrrp worker", a.daemon.Worker(pair.VRRP), false},
	} {
		if err := syscall.Kill(hung.pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if hung.expires {
			a.until(hung.name+" hangs: the addresses expire", lifetime+2*time.Second+slack, false)
			took := time.Since(began)
			a.Logf("%s hung: the addresses were gone after %v", hung.name, took.Round(10*time.Millisecond))
			if took < lifetime-time.Second {
				t.Errorf("%s hung: the addresses were gone after %v already", hung.name, took)
			}
			if !a.feeds() {
				t.Errorf("%s hung: flows in flight are reset", hung.name)
			}
		} else {
			a.stays(2*lifetime, hung.name+" hangs, and the addresses stay")
		}
		if err := syscall.Kill(hung.pid, syscall.SIGCONT); err != nil && hung.expires { // a hung vrrp worker is replaced
			t.Fatal(err)
		}
		a.until(hung.name+" goes on: it is announced again", 20*time.Second, true)
	}
	a.says("expired -> announced", "events", "edge")
	a.says("the lvs worker's table loop does not go round", "events", "edge")
	a.daemon.KillMain()
	a.until("the supervisor is killed: the addresses expire", lifetime+2*time.Second+slack, false)
}

// TestAnnouncedStays: nothing is withdrawn while a worker restarts, again and again, the program is upgraded, and
// director is killed and started again.
func TestAnnouncedStays(t *testing.T) {
	t.Parallel()
	a := announce(t)
	removed := a.watchAddresses()
	for range 4 { // a configuration that kills the lvs worker
		a.daemon.KillWorker(pair.LVS)
		a.stays(time.Second, "the lvs worker restarts")
	}
	a.says("on grace", "status")
	a.Until(20*time.Second, "the program is upgraded", func() bool {
		return strings.Contains(a.ask("upgrade"), "goes on")
	})
	a.stays(2*lifetime, "the program is upgraded")
	a.daemon.KillMain()
	a.start()
	a.stays(2*lifetime, "director was killed and started again")
	a.says("it was announced when this director began", "announce", "show")
	if list := removed(); len(list) > 0 {
		t.Errorf("removed meanwhile: %q", list)
	}
}

// TestAnnouncedAndWithdrawn: what withdraws, and in which order things go.
func TestAnnouncedAndWithdrawn(t *testing.T) {
	t.Parallel()
	a := announce(t)
	a.says("announced", "announce", "show")
	if err := os.WriteFile(a.file, []byte("1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	a.until("a tracked file withdraws", 5*time.Second, false)
	a.says("file ready has the value 1", "announce", "show")
	a.says("file ready has the value 1", "status")
	if err := os.WriteFile(a.file, []byte("0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	a.until("it is announced again", 5*time.Second, true)
	a.host.LinkDown("eth0")
	a.until("a tracked interface withdraws", 5*time.Second, false)
	a.says("interface eth0 is down", "why", "edge")
	a.host.LinkUp("eth0")
	a.until("it is announced again", 5*time.Second, true)

	a.says("withdrawn after", "handover", "edge")
	if _, one := a.has(); one || !a.feeds() {
		t.Error("an address is there still after a handover, or nothing brings in packets of flows in flight")
	}
	a.says("or you type: director resume edge", "handover", "edge", "--for", "1h")
	a.says("director resume edge ends it", "status")
	a.daemon.KillMain() // a handover outlives it
	a.daemon = pair.Start(t, stage.Director(), a.host, announceConf(a.file, announced4, announced6))
	a.Until(15*time.Second, "director is back", func() bool { return strings.Contains(a.ask("status"), "handed over") })
	if _, one := a.has(); one {
		t.Error("a restart ends a handover")
	}
	a.says("is announced again", "resume", "edge")
	a.until("it is announced again", 5*time.Second, true)

	// A reload withdraws what goes, and nothing else.
	removed := a.watchAddresses()
	a.host.WriteFile("lb.conf", announceConf(a.file, announced6, "203.0.113.101"))
	a.ask("reload", "--accept-loss")
	a.Until(10*time.Second, "another address is announced", func() bool {
		return a.host.HasAddress(conf.AnnounceInterface, "203.0.113.101") &&
			!a.host.HasAddress(conf.AnnounceInterface, announced4)
	})
	if list := removed(); slices.ContainsFunc(list, func(s string) bool { return strings.Contains(s, announced6) }) {
		t.Errorf("what stays was removed: %q", list)
	}

	// A stop withdraws first.
	a.daemon.Terminate()
	a.until("it is withdrawn", 500*time.Millisecond+slack, false)
	if !a.daemon.Running() {
		t.Error("director has ended before withdraw_delay was over")
	}
	a.Until(15*time.Second, "director has ended", func() bool { return !a.daemon.Running() })
	if out := a.host.Run("ip", "link"); strings.Contains(out, conf.AnnounceInterface) {
		t.Errorf("the interface is left:\n%s", out)
	}
	if a.feeds() {
		t.Error("a route is left")
	}
	if list, _ := filepath.Glob(filepath.Join(pair.RunDir(a.host), "*announce*")); len(list) > 0 {
		t.Errorf("files are left: %q", list)
	}
}

// TestForeignAnnounceInterface: an interface of that name which is not ours stays as it is, and director says so.
func TestForeignAnnounceInterface(t *testing.T) {
	t.Parallel()
	stage.Require(t)
	l := lab.New(t)
	a := &announcing{Lab: l, t: t, host: l.Host("dir1")}
	a.host.Attach(l.Network("front"), "eth0", "192.0.2.2/24")
	a.file = a.host.WriteFile("ready", "0\n")
	a.host.Run("ip", "link", "add", conf.AnnounceInterface, "type", "bridge")
	a.daemon = pair.Start(t, stage.Director(), a.host, announceConf(a.file, announced4, announced6)+soloConf)
	l.Until(10*time.Second, "VRRP goes on", func() bool { return a.host.HasAddress("eth0", pair.VIP) })
	l.Until(10*time.Second, "it is said", func() bool {
		return strings.Contains(a.ask("status"), "not announced: interface announce0 for announced addresses: it exists "+
			"and was not made by director")
	})
	if _, one := a.has(); one {
		t.Error("it has an address of director's")
	}
	a.host.Run("ip", "link", "del", conf.AnnounceInterface)
	a.makeDevice()
	a.until("it is announced when the other interface is gone", 40*time.Second, true)
	a.daemon.Terminate()
	l.Until(15*time.Second, "director has ended", func() bool { return !a.daemon.Running() })
}
