package checkers_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

const (
	vs = "[10.0.0.1]:tcp:80"
	rs = "[10.0.0.2]:tcp:80"
)

func TestUpAndDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(verdicts(true, false, true, false, false, false, true))
		l.Apply(config([]conf.Checker{tcpChecker()}), nil)
		pause(61 * time.Second)
		l.Close()
		// Pauses count from the end of a run, which takes a millisecond, to the next tick.
		diff(t, "runs", []string{
			"0s 10.0.0.2:80", "10s 10.0.0.2:80", "12s 10.0.0.2:80", "22s 10.0.0.2:80",
			"24s 10.0.0.2:80", "34s 10.0.0.2:80", "44s 10.0.0.2:80", "54s 10.0.0.2:80",
		}, l.begun)
		const check = "TCP_CHECK 10.0.0.2:80: "
		diff(t, "events", []string{
			"up initial: not checked yet", "up: " + check + "fine",
			"down: " + check + "connection refused", "up: " + check + "fine",
		}, l.upAndDown())
		down := l.events[2]
		want := event.CheckResult{
			VirtualServer: vs, RealServer: rs, Checker: "TCP_CHECK 10.0.0.2:80", Verdict: event.Dead,
			Reason: "connection refused", At: down.Since, Took: time.Millisecond,
		}
		diff(t, "failed checks", []event.CheckResult{want}, down.Failed)
		if at := down.Since.Sub(l.began); at != 24001*time.Millisecond {
			t.Errorf("down since %v", at)
		}
		if down.Weight != 3 || len(l.results) != 5 {
			t.Errorf("weight %d, %d results", down.Weight, len(l.results))
		}
		diff(t, "log", `level=WARN msg="real server is down" virtual_server=[10.0.0.1]:tcp:80 real_server=[10.0.0.2]:tcp:80 from=up to=down reason="TCP_CHECK 10.0.0.2:80: connection refused"
level=INFO msg="real server is up" virtual_server=[10.0.0.1]:tcp:80 real_server=[10.0.0.2]:tcp:80 from=down to=up reason="TCP_CHECK 10.0.0.2:80: fine"
`, l.log.String())
	})
}

func TestLogAllFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := tcpChecker()
		c.LogAll = true
		l := newLab(verdicts(true, false, true))
		l.Apply(config([]conf.Checker{c}), nil)
		pause(30 * time.Second)
		l.Close()
		diff(t, "log", `level=INFO msg="check failed, trying again" virtual_server=[10.0.0.1]:tcp:80 real_server=[10.0.0.2]:tcp:80 checker="TCP_CHECK 10.0.0.2:80" reason="connection refused" failure=1 retries=1
`, l.log.String())
	})
}

// TestAllCheckersMustAgree: a server is alive while none of its checkers is down.
func TestAllCheckersMustAgree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := tcpChecker(), tcpChecker()
		b.ConnectPort, b.Alpha = 81, true
		good := map[uint16]bool{80: true, 81: false}
		l := newLab(func(t probe.Target) probe.Result {
			return probe.Result{OK: good[t.Checker.ConnectPort], Reason: fmt.Sprint(t.Checker.ConnectPort)}
		})
		l.Apply(config([]conf.Checker{a, b}, nil), nil)
		set := func(port uint16, ok bool) {
			l.do(func() { good[port] = ok })
			pause(30 * time.Second)
		}
		pause(time.Second)
		set(81, true)
		set(80, false)
		set(81, false)
		set(80, true)
		set(81, true)
		l.Close()
		var got []string
		for _, e := range l.events {
			text := fmt.Sprint(e.RealServer, " up=", e.Up)
			for _, f := range e.Failed {
				text += " " + f.Checker
			}
			got = append(got, text)
		}
		diff(t, "events", []string{
			"[10.0.0.2]:tcp:80 up=false TCP_CHECK 10.0.0.2:81", // alpha, before its first run
			"[10.0.0.3]:tcp:80 up=true",                        // nothing checks it
			"[10.0.0.2]:tcp:80 up=false TCP_CHECK 10.0.0.2:81", // first result of each
			"[10.0.0.2]:tcp:80 up=false TCP_CHECK 10.0.0.2:81",
			"[10.0.0.2]:tcp:80 up=true",
			"[10.0.0.2]:tcp:80 up=false TCP_CHECK 10.0.0.2:80",
			"[10.0.0.2]:tcp:80 up=false TCP_CHECK 10.0.0.2:80 TCP_CHECK 10.0.0.2:81",
			"[10.0.0.2]:tcp:80 up=false TCP_CHECK 10.0.0.2:81",
			"[10.0.0.2]:tcp:80 up=true",
		}, got)
		if n := strings.Count(l.log.String(), "\n"); n != 3 {
			t.Errorf("%d log lines, want one for each of 3 changes:\n%s", n, l.log.String())
		}
	})
}

// TestSlowRuns: a run longer than the interval delays the next one and never meets it.
func TestSlowRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(verdicts(true))
		l.took = 25 * time.Second
		l.Apply(config([]conf.Checker{tcpChecker()}), nil)
		pause(80 * time.Second)
		l.Close()
		diff(t, "runs", []string{"0s 10.0.0.2:80", "35s 10.0.0.2:80", "1m10s 10.0.0.2:80"}, l.begun)
		synctest.Wait()
		if l.overlaps != 0 || l.cancelled != 1 {
			t.Errorf("%d overlaps, %d cancelled; want none and the one under way at the end", l.overlaps, l.cancelled)
		}
	})
}

// Checks of servers that were added at different times begin together: on average at their time.
func TestChecksBeginTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const delay, least = 5 * time.Second, 80 * time.Millisecond
		l := newLab(verdicts(true))
		c := tcpChecker()
		var servers [][]conf.Checker
		for range 500 {
			c.Warmup, c.Interval = delay, delay
			servers = append(servers, []conf.Checker{c})
		}
		l.Apply(config(servers...), nil)
		pause(10 * delay)
		l.Close()
		times := map[string]int{}
		for _, run := range l.begun {
			at, _, _ := strings.Cut(run, " ")
			times[at]++
		}
		if most := int(10 * delay / least); len(times) > most || len(l.begun) < 500*8 || len(l.begun) > 500*11 {
			t.Errorf("%d checks began at %d times, want at most %d", len(l.begun), len(times), most)
		}
	})
}
