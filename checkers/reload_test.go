package checkers_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/checkers"
	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept, changed, removed := tcpChecker(), tcpChecker(), tcpChecker()
		changed.ConnectPort, removed.ConnectPort = 81, 82
		l := newLab(func(t probe.Target) probe.Result {
			return probe.Result{OK: t.Checker.ConnectPort != 81, Reason: fmt.Sprint(t.Checker.ConnectPort)}
		})
		l.took = 3 * time.Second
		l.Apply(config([]conf.Checker{kept}, []conf.Checker{changed}, []conf.Checker{removed}), nil)
		pause(14 * time.Second) // in the middle of the second runs
		l.do(func() { l.events, l.results = nil, nil })

		changed.Timeout = time.Second // another option: another checker
		next := config([]conf.Checker{kept}, []conf.Checker{changed}, nil)
		next.VirtualServers[0].RealServers[0].Weight = 9
		next.VirtualServers[0].RealServers = next.VirtualServers[0].RealServers[:2]
		// a snapshot is for new ones only
		l.Apply(next, checkers.SnapshotOf([]event.RealServerState{{VirtualServer: vs, RealServer: rs}}))
		synctest.Wait()
		l.do(func() {
			if l.cancelled != 2 {
				t.Errorf("%d runs cancelled, want those of the changed and of the removed checker", l.cancelled)
			}
		})
		// The kept one keeps its verdict, the changed one's server stays down.
		diff(t, "events", []string{
			"up: TCP_CHECK 10.0.0.2:80: 80", "down: TCP_CHECK 10.0.0.2:81: 81",
		}, l.upAndDown())
		l.do(func() {
			if w := l.events[0].Weight; w != 9 {
				t.Errorf("weight %d, want the new one", w)
			}
		})
		pause(15 * time.Second)
		l.Close()
		diff(t, "runs", []string{
			"0s 10.0.0.2:80", "0s 10.0.0.2:81", "0s 10.0.0.2:82",
			"13s 10.0.0.2:80", "13s 10.0.0.2:81", "13s 10.0.0.2:82",
			"14s 10.0.0.2:81", "26s 10.0.0.2:80", "27s 10.0.0.2:81",
		}, sorted(l.begun))
		if len(l.events) != 3 || l.events[2].Failed[0].Took != l.took {
			t.Errorf("after the reload: %+v, want one more event, with the result of the changed checker", l.events)
		}
	})
}

// sorted orders runs of the same moment.
func sorted(runs []string) []string {
	slices.SortStableFunc(runs, func(a, b string) int {
		at := func(s string) time.Duration { d, _ := time.ParseDuration(strings.Fields(s)[0]); return d }
		if at(a) != at(b) {
			return int(at(a) - at(b))
		}
		return strings.Compare(a, b)
	})
	return runs
}

// TestReloadChangesCheckers: what a reload adds or takes away does not by itself move a server the wrong way.
func TestReloadChangesCheckers(t *testing.T) {
	good, bad, alpha := tcpChecker(), tcpChecker(), tcpChecker()
	bad.ConnectPort = 81
	alpha.ConnectPort, alpha.Alpha = 82, true
	for _, test := range []struct {
		name          string
		before, after []conf.Checker
		up            bool
	}{
		{"alpha added to one in service", []conf.Checker{good}, []conf.Checker{good, alpha}, true},
		{"added to one that is down", []conf.Checker{bad}, []conf.Checker{bad, alpha}, false},
		{"the failing one replaced", []conf.Checker{bad}, []conf.Checker{alpha}, false},
		{"the failing one removed", []conf.Checker{good, bad}, []conf.Checker{good}, true},
		{"all removed", []conf.Checker{bad}, nil, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(func(t probe.Target) probe.Result { return probe.Result{OK: t.Checker.ConnectPort == 80} })
				l.Apply(config(test.before), nil)
				pause(time.Second)
				l.do(func() { l.took = time.Hour }) // no more results
				l.Apply(config(test.after), nil)
				synctest.Wait()
				l.Close()
				if got := l.events[len(l.events)-1].Up; got != test.up {
					t.Errorf("up=%v, want %v: %v", got, test.up, l.upAndDown())
				}
			})
		})
	}
}

// TestSnapshot: after a restart of the process a dead server does not come back by itself.
func TestSnapshot(t *testing.T) {
	long := time.Now().Add(-time.Hour)
	key, err := conf.ParseRealServer(vs, rs)
	if err != nil {
		t.Fatal(err)
	}
	dead := event.RealServerState{VirtualServer: vs, RealServer: rs, Since: long, Reason: "dead",
		Failed: []event.CheckResult{
			{Checker: "TCP_CHECK 10.0.0.2:80", Reason: "connection refused", At: long}}}
	lost := dead
	lost.Failed = []event.CheckResult{{Checker: "TCP_CHECK 10.0.0.2:9999"}}
	alive := event.RealServerState{Up: true, Since: long, Reason: "alive"}
	fresh := event.RealServerState{Up: true, Initial: true}
	alpha := tcpChecker()
	alpha.Alpha = true
	for _, test := range []struct {
		name    string
		checker conf.Checker
		known   event.RealServerState
		oks     []bool
		want    []string
	}{
		{"dead stays dead", tcpChecker(), dead, []bool{false}, []string{"down: dead"}},
		{"dead comes back with a success", tcpChecker(), dead, []bool{true},
			[]string{"down: dead", "up: TCP_CHECK 10.0.0.2:80: fine"}},
		{"dead by a checker that is gone", tcpChecker(), lost, []bool{false}, []string{"down: dead"}},
		{"alive stays alive, with its retries", alpha, alive, []bool{false, true}, []string{"up: alive"}},
		{"known to nobody", tcpChecker(), fresh, []bool{false}, []string{"up initial: not checked yet",
			"down: TCP_CHECK 10.0.0.2:80: connection refused"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newLab(verdicts(test.oks...))
				l.Apply(config([]conf.Checker{test.checker}), checkers.Snapshot{key: test.known})
				pause(20 * time.Second)
				l.Close()
				diff(t, "events", test.want, l.upAndDown())
				if !test.known.Initial && !l.events[0].Since.Equal(long) {
					t.Errorf("since %v, want what was known", l.events[0].Since)
				}
			})
		})
	}
}
