//go:build linux

package integration_test

import (
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/integration/guest"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// TestStepsOfTheWallClock: a step of the wall clock by an hour, forward and back, changes no state
// and delays no advertisement.
func TestStepsOfTheWallClock(t *testing.T) {
	stage.Require(t)
	if !guest.Inside() {
		t.Skip("SKIP: the wall clock is this machine's own outside the guest")
	}
	l, hosts, daemons := lifePair(t)
	time.Sleep(time.Second)
	states := [2]int{changes(daemons[0], time.Time{}), changes(daemons[1], time.Time{})}
	for _, step := range []time.Duration{time.Hour, -2 * time.Hour, time.Hour, 200 * time.Millisecond,
		-200 * time.Millisecond} {
		now := time.Now().Add(step)
		tv := unix.NsecToTimeval(now.UnixNano())
		if err := unix.Settimeofday(&tv); err != nil {
			t.Fatalf("set the clock: %v", err)
		}
		l.Steady(time.Second, "dir1 alone holds the address", func() bool {
			return has(t, hosts[0], "eth0") && !has(t, hosts[1], "eth0")
		})
	}
	for i, d := range daemons {
		if n := changes(d, time.Time{}); n != states[i] {
			t.Errorf("%d changes of state on %s while the clock was set, want none", n-states[i], hosts[i].Name)
		}
	}
}

// TestSleepingWorkers: the vrrp process of a host does not run for two
// seconds, twenty intervals.
func TestSleepingWorkers(t *testing.T) {
	stage.Require(t)
	const sleep = 2 * time.Second
	nap := func(t *testing.T, d *pair.Daemon) (woke time.Time) {
		t.Helper()
		pid := d.Worker(pair.VRRP)
		if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		time.Sleep(sleep)
		woke = time.Now()
		if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		return woke
	}
	t.Run("a backup, whose master lives", func(t *testing.T) {
		l, hosts, daemons := lifePair(t)
		since := time.Now()
		nap(t, daemons[1])
		l.Steady(time.Second, "dir2 stays BACKUP", func() bool { return !has(t, hosts[1], "eth0") })
		if n := changes(daemons[1], since); n != 0 {
			t.Errorf("%d changes of state", n)
		}
	})
	t.Run("a master that is the better one", func(t *testing.T) {
		l, hosts, daemons := lifePair(t)
		seen := hosts[1].Capture("eth0")
		woke := nap(t, daemons[0])
		if !daemons[1].Printed(time.Time{}, "to=MASTER") {
			t.Fatal("dir2 has not taken over from the sleeping master")
		}
		l.Until(5*time.Second, "dir1 alone holds the address", func() bool {
			return has(t, hosts[0], "eth0") && !has(t, hosts[1], "eth0")
		})
		time.Sleep(500 * time.Millisecond)
		all := pair.Advertisements(seen, woke)
		back, after := pair.From(all, "192.0.2.2"), pair.From(all, "192.0.2.3")
		if len(back) == 0 {
			t.Fatal("dir1 does not advertise")
		}
		if n := len(after); n > 0 {
			both := after[n-1].Time.Sub(back[0].Time)
			l.Logf("two masters for %v after dir1 woke", both)
			if both > 100*time.Millisecond+slack/4 {
				t.Errorf("two masters for %v", both)
			}
		}
	})
	t.Run("a master that lets its successor be", func(t *testing.T) {
		l, hosts, daemons := lifePair(t, "nopreempt", "timer_expired_backup")
		seen := hosts[1].Capture("eth0")
		woke := nap(t, daemons[0])
		l.Until(5*time.Second, "dir1 is BACKUP", func() bool {
			return daemons[0].Printed(woke, "to=BACKUP") && !has(t, hosts[0], "eth0")
		})
		l.Steady(time.Second, "dir2 stays MASTER", func() bool {
			return has(t, hosts[1], "eth0") && !has(t, hosts[0], "eth0")
		})
		if n := len(pair.From(pair.Advertisements(seen, woke), "192.0.2.2")); n != 0 {
			t.Errorf("dir1 has sent %d advertisements after it woke", n)
		}
	})
}
