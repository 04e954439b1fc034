package checkers_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/checkers"
	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// counted asks a schedule for what it has counted.
func (l *lab) counted() (list []event.CheckCounts, lag event.Lateness) {
	l.Count(func(c []event.CheckCounts, late event.Lateness) { l.do(func() { list, lag = c, late }) })
	synctest.Wait()
	return list, lag
}

// TestCounts: each run counts once, by its end, and a check that is configured otherwise under the same name goes on.
func TestCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		results := []probe.Result{{OK: true}, {Reason: "refused"}, {Reason: "refused"}, {Local: true, Reason: "no socket"}}
		runs := 0
		l := newLab(func(probe.Target) probe.Result {
			runs++
			return results[min(runs, len(results))-1]
		})
		l.Apply(config([]conf.Checker{tcpChecker()}, nil), nil)
		pause(30 * time.Second)
		list, lag := l.counted()
		var begun int
		l.do(func() { begun = len(l.begun) })
		want := []event.CheckCounts{{
			VirtualServer: "[10.0.0.1]:tcp:80", RealServers: []string{"[10.0.0.2]:tcp:80"},
			Checkers: []string{"TCP_CHECK 10.0.0.2:80"}, OK: []uint64{1}, Failed: []uint64{2}, Unknown: []uint64{1},
		}}
		diff(t, "counts", want, list)
		if lag.Counts[0] != uint64(begun) || lag.Sum != 0 {
			t.Errorf("%d runs have begun, in time, and the lag is %v", begun, lag)
		}
		other := tcpChecker()
		other.Retries++
		l.Apply(config([]conf.Checker{other}, nil), nil)
		synctest.Wait()
		list, _ = l.counted()
		if len(list) != 1 || list[0].OK[0] < 1 || list[0].Failed[0] < 2 {
			t.Errorf("after a reload: %+v", list)
		}
		pause(30 * time.Second)
		list, _ = l.counted()
		past := l.latest()
		if past.Passed != list[0].OK[0] || past.Failed != list[0].Failed[0] {
			t.Errorf("the last result says %d passed and %d failed, the counts %+v", past.Passed, past.Failed, list[0])
		}
		l.Close()
	})
}

// latest is the last result of the only checker.
func (l *lab) latest() (r event.CheckResult) {
	l.Ask(checkers.Question{Latest: true}, func(list []event.CheckHistory) {
		l.do(func() {
			for _, h := range list {
				r = h.Results[len(h.Results)-1]
			}
		})
	})
	synctest.Wait()
	return r
}

// TestCountsGoOn: what a schedule before this one has counted is in the results, and not in the counts: who reads
// those sees that they begin anew.
func TestCountsGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(func(probe.Target) probe.Result { return probe.Result{OK: true} })
		l.Apply(config([]conf.Checker{tcpChecker()}, nil), nil)
		l.Remember([]event.CheckHistory{{
			VirtualServer: "[10.0.0.1]:tcp:80", RealServer: "[10.0.0.2]:tcp:80", Checker: "TCP_CHECK 10.0.0.2:80", Runs: 900,
			Results: []event.CheckResult{{Verdict: event.Dead, Passed: 700, Failed: 200}},
		}})
		pause(30 * time.Second)
		list, _ := l.counted()
		past := l.latest()
		if len(list) != 1 || list[0].OK[0] < 1 || list[0].OK[0] > 100 || list[0].Failed[0] != 0 ||
			past.Passed != 700+list[0].OK[0] || past.Failed != 200 {
			t.Errorf("counts %+v, the last result %+v", list, past)
		}
		l.Close()
	})
}
