//go:build linux

package native_test

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// TestHungWorker: the vrrp worker of a MASTER hangs. The peer takes over. Director removes the
// addresses of the hung worker, then replaces it. The new worker does not act as MASTER beside the
// peer.
func TestHungWorker(t *testing.T) {
	t.Parallel()
	w := watch(t)
	w.startPair(base(150, "nopreempt"), base(100, "nopreempt"))
	hung := w.daemons[w.a].Worker(pair.VRRP)
	stopped := time.Now()
	if err := syscall.Kill(hung, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	w.Until(takeover, "b is MASTER", func() bool { return w.b.HasAddress("eth0", frontVIP) })
	// Silence for longer than the shortest down interval, two seconds at least.
	w.untilMaster(w.b, 8*time.Second)
	w.Logf("a holds nothing %v after its worker was stopped", time.Since(stopped).Round(time.Millisecond))
	w.Until(5*time.Second, "a has another worker", func() bool { return w.daemons[w.a].Worker(pair.VRRP) != hung })
	w.steady(w.b, 2*time.Second)
	taken := w.firstOf("192.0.2.252", stopped)
	for _, sent := range pair.From(pair.Advertisements(w.c.Capture("eth0"), taken), "192.0.2.251") {
		if sent.Priority != 0 {
			t.Errorf("a sent an advertisement beside its peer: %+v", sent)
		}
	}
	if macs := w.answering("eth0", frontVIP); len(macs) != 1 || macs[0] != w.b.HardwareAddr("eth0").String() {
		t.Errorf("%v answer for %s, want b alone", macs, frontVIP)
	}
}

// firstOf is when c saw the first advertisement of a router since a moment.
func (w *watched) firstOf(source string, since time.Time) time.Time {
	w.t.Helper()
	list := pair.From(pair.Advertisements(w.c.Capture("eth0"), since), source)
	if len(list) == 0 {
		w.t.Fatalf("%s sent no advertisement", source)
	}
	return list[0].Time
}

// TestWholeDirectorStopped: supervisor and workers are stopped together and continue together, as
// in a frozen container. Director kills no worker for its silence, and afterwards both directors
// know one MASTER.
func TestWholeDirectorStopped(t *testing.T) {
	lengths := []time.Duration{4 * time.Second}
	if !testing.Short() {
		lengths = append(lengths, 10*time.Second)
	}
	for _, length := range lengths {
		t.Run(length.String(), func(t *testing.T) {
			t.Parallel()
			w := watch(t)
			w.startPair(base(150, "nopreempt"), base(100, "nopreempt"))
			d := w.daemons[w.a]
			pids := []int{d.Pid, d.Worker(pair.VRRP), d.Worker(pair.LVS)}
			for _, s := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
				for _, pid := range pids {
					if err := syscall.Kill(pid, s); err != nil {
						t.Fatal(err)
					}
				}
				if s == syscall.SIGSTOP {
					time.Sleep(length)
				}
			}
			w.untilMaster(w.a, 2*time.Second) // the better one of two masters
			w.steady(w.a, 4*time.Second)
			if now := []int{d.Pid, d.Worker(pair.VRRP), d.Worker(pair.LVS)}; fmt.Sprint(now) != fmt.Sprint(pids) {
				t.Errorf("the processes are %v, before they were %v", now, pids)
			}
			w.agree(w.a, "MASTER")
			w.agree(w.b, "BACKUP")
			if macs := w.answering("eth0", frontVIP); len(macs) != 1 || macs[0] != w.a.HardwareAddr("eth0").String() {
				t.Errorf("%v answer for %s, want a alone", macs, frontVIP)
			}
		})
	}
}

// agree waits until the status of a host's director has a state and no problem.
func (w *watched) agree(h *lab.Host, state string) {
	w.t.Helper()
	last := ""
	defer func() {
		if w.t.Failed() {
			w.t.Logf("the last status of %s:\n%s", h.Name, last)
		}
	}()
	w.Until(5*time.Second, "the status of "+h.Name+" is well, and "+state, func() bool {
		out, err := w.ask(h, "status")
		last = out
		return err == nil && strings.Contains(out, state)
	})
}

// TestBusyHost: sixteen busy loops do not make a worker look hung.
func TestBusyHost(t *testing.T) {
	if testing.Short() {
		t.Skip("SKIP: sixteen busy loops would disturb the other tests")
	}
	for _, interval := range []time.Duration{100 * time.Millisecond, time.Second} {
		t.Run(interval.String(), func(t *testing.T) {
			w := watch(t)
			conf := func(priority int) string {
				return strings.ReplaceAll(base(priority), fmt.Sprintf("advert_int %g", watchInterval.Seconds()),
					fmt.Sprintf("advert_int %g", interval.Seconds()))
			}
			w.startPair(conf(150), conf(100))
			before := w.workers()
			begun := time.Now()
			for range 16 {
				w.c.Start("sh", "-c", "while :; do :; done")
			}
			w.steady(w.a, 20*time.Second)
			if now := w.workers(); now != before {
				t.Errorf("the vrrp workers are %v, before they were %v", now, before)
			}
			if sent := pair.From(pair.Advertisements(w.c.Capture("eth0"), begun), "192.0.2.252"); len(sent) > 0 {
				t.Errorf("b sent advertisements: %+v", sent)
			}
			w.agree(w.a, "MASTER")
			w.agree(w.b, "BACKUP")
		})
	}
}

// TestNothingIsToldTwice: the death of a worker and an upgrade run no notify script, in any state:
// scripts run only for changes. The test covers both roles, an instance in FAULT, and groups.
func TestNothingIsToldTwice(t *testing.T) {
	t.Parallel()
	w := watch(t)
	a, toldA := w.scripts(w.a)
	b, toldB := w.scripts(w.b)
	conf := func(priority int, notify []string) string {
		group := func(name, member string) string {
			return fmt.Sprintf("vrrp_sync_group %s {\n    group {\n        %s\n    }\n    %s\n}\n", name, member, notify[0])
		}
		return group("G1", "VI_1") + group("G2", "VI_2") + base(priority, notify...) +
			instance("VI_2", 52, priority, "eth9", "203.0.113.10/24", notify...)
	}
	w.director = stage.PlainDirector() // a worker has two intervals to be back
	w.startPair(conf(150, a), conf(100, b))
	count := func(told func() string, state string) bool { return strings.Count(told(), " "+state+" ") >= 2 }
	w.Until(10*time.Second, "scripts of a are told MASTER and FAULT", func() bool {
		return count(toldA, "MASTER") && count(toldA, "FAULT")
	})
	w.Until(10*time.Second, "scripts of b are told BACKUP and FAULT", func() bool {
		return count(toldB, "BACKUP") && count(toldB, "FAULT")
	})
	before := [2]string{toldA(), toldB()}
	unchanged := func(what string) {
		t.Helper()
		w.steady(w.a, time.Second)
		for i, now := range []string{toldA(), toldB()} {
			if more := strings.TrimPrefix(now, before[i]); more != "" {
				t.Errorf("%s: scripts ran on %c, want none:\n%s", what, 'a'+i, more)
				before[i] = now
			}
		}
	}
	w.daemons[w.a].KillWorker(pair.VRRP)
	w.daemons[w.b].KillWorker(pair.VRRP)
	unchanged("a worker that died")
	other := t.TempDir() + "/director"
	install(t, other, w.director.Path)
	for _, h := range []*lab.Host{w.a, w.b} {
		if out, err := w.ask(h, "upgrade", "--binary", other); err != nil {
			t.Fatalf("director upgrade: %v\n%s", err, out)
		}
	}
	unchanged("an upgrade")
}

// TestRename: an instance that gets another name is the same one.
func TestRename(t *testing.T) {
	t.Parallel()
	w := watch(t)
	a, told := w.scripts(w.a)
	w.startPair(base(150, a...), base(100))
	w.Until(10*time.Second, "scripts of a are told MASTER", func() bool {
		return strings.Contains(told(), "INSTANCE VI_1 MASTER")
	})
	time.Sleep(200 * time.Millisecond)
	before, renamed := told(), time.Now()
	w.daemons[w.a].Reload(strings.ReplaceAll(base(150, a...), "VI_1", "VI_X"))
	w.Until(5*time.Second, "the instance has its new name", func() bool {
		out, err := w.ask(w.a, "status")
		return err == nil && strings.Contains(out, "VI_X")
	})
	w.steady(w.a, 4*watchInterval)
	if more := strings.TrimPrefix(told(), before); more != "" {
		t.Errorf("scripts ran, want none:\n%s", more)
	}
	if sent := pair.From(pair.Advertisements(w.c.Capture("eth0"), renamed), "192.0.2.252"); len(sent) > 0 {
		t.Errorf("b sent advertisements: %+v", sent)
	}
}

// TestZombies: as the first process of a container director is the parent of
// whatever its scripts leave behind, and collects it.
func TestZombies(t *testing.T) {
	t.Parallel()
	w := watch(t)
	script := w.a.WriteFile("notify.sh", "#!/bin/sh\n(sleep 0.3 &)\n(sleep 0.3 &)\nexit 0\n")
	if err := os.Chmod(script, 0o755); err != nil {
		t.Fatal(err)
	}
	conf := w.a.WriteFile("lb.conf", base(150, fmt.Sprintf("notify %q root", script)))
	p := w.a.Start("unshare", "--pid", "--fork", "--kill-child", "--mount-proc", stage.Director().Path, "run", "-f", conf,
		"--run-dir", w.a.RunDir(), "--state-dir", w.a.Dir()+"/state")
	w.Until(15*time.Second, "a is MASTER", func() bool { return w.a.HasAddress("eth0", frontVIP) })
	director := 0
	for line := range strings.Lines(w.a.Run("ps", "-o", "pid=", "--ppid", fmt.Sprint(p.Pid))) {
		fmt.Sscan(line, &director)
	}
	zombies := func() bool {
		states, _ := w.a.Output("ps", "-o", "stat=", "--ppid", fmt.Sprint(director))
		return strings.Contains(states, "Z")
	}
	w.Until(5*time.Second, "scripts have left processes that have ended", zombies)
	// Director collects a zombie that nobody waits for the second time that it sees it.
	w.Until(20*time.Second, "they are collected", func() bool { return !zombies() })
}
