package checkers_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
)

// A virtual server that is suspended is not checked, and what is known of it stays; after it the
// checks run at once. Another virtual server with the same check goes on with it.
func TestSuspendedChecksRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		result := probe.Result{OK: true, Reason: "fine"}
		l := newLab(func(probe.Target) probe.Result { return result })
		cfg := config([]conf.Checker{tcpChecker()})
		id := cfg.VirtualServers[0].ID()
		runs := func() (n int) {
			l.do(func() { n, l.begun = len(l.begun), nil })
			return n
		}
		l.Suspend(map[conf.ServiceID]bool{id: true})
		l.Apply(cfg, nil)
		pause(time.Minute)
		if n := runs(); n != 0 {
			t.Errorf("%d checks of a virtual server that is suspended from the start", n)
		}
		l.Suspend(nil)
		pause(time.Second)
		if n := runs(); n != 1 {
			t.Errorf("%d checks in the first second, want 1", n)
		}
		l.do(func() { result = probe.Result{Reason: "refused"}; l.took = time.Second })
		pause(9500 * time.Millisecond) // a check is under way
		l.Suspend(map[conf.ServiceID]bool{id: true})
		pause(time.Minute)
		l.do(func() {
			if len(l.begun) != 1 || l.cancelled != 1 {
				t.Errorf("checks %v, cancelled %d: want one, which is cancelled", l.begun, l.cancelled)
			}
		})
		if got := l.upAndDown(); !slices.Equal(got, []string{
			"up initial: not checked yet", "up: TCP_CHECK 10.0.0.2:80: fine",
		}) {
			t.Errorf("told %v", got)
		}
		runs()
		// A reload does not wake it; a second virtual server with the same check does, for itself.
		two := config([]conf.Checker{tcpChecker()})
		second := *two.VirtualServers[0]
		second.Key.Port = 81
		two.VirtualServers = append(two.VirtualServers, &second)
		l.Apply(cfg, nil)
		pause(time.Minute)
		if n := runs(); n != 0 {
			t.Errorf("%d checks after a reload", n)
		}
		l.Apply(two, nil)
		pause(time.Minute)
		l.do(func() {
			if len(l.begun) < 5 {
				t.Errorf("%d checks of the second virtual server", len(l.begun))
			}
			for _, e := range l.events[2:] {
				if e.VirtualServer == id.String() && !e.Up {
					t.Errorf("the suspended one was told %+v", e)
				}
			}
		})
		l.Suspend(nil)
		pause(time.Minute)
		l.Close()
		last := l.events[len(l.events)-1]
		if last.VirtualServer != id.String() || last.Up {
			t.Errorf("after it was resumed the last news is %+v", last)
		}
	})
}
