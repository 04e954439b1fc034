package checkers_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/checkers"
	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// TestVerdictsAreKeptApart: not checked, alive, unknown and dead are four things.
func TestVerdictsAreKeptApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		result := probe.Result{OK: true, Reason: "fine"}
		l := newLab(func(probe.Target) probe.Result { return result })
		c := tcpChecker()
		c.Retries = 0
		c.Warmup = 5 * time.Second
		l.Apply(config([]conf.Checker{c}), nil)
		set := func(r probe.Result) {
			l.do(func() { result = r })
			pause(20 * time.Second)
		}
		set(probe.Result{OK: true, Reason: "fine"})
		set(probe.Result{Local: true, Reason: "no such device"})
		set(probe.Result{OK: true, Reason: "fine"})
		set(probe.Result{Reason: "refused"})
		set(probe.Result{Local: true, Reason: "no such device"})
		l.Close()
		var got []string
		for _, e := range l.events {
			got = append(got, fmt.Sprint(e.Verdict(), " ", e.Up))
		}
		// One that is dead stays dead: nothing else is known of it.
		diff(t, "verdicts", []string{
			"not checked yet true", "alive true", "unknown true", "alive true", "dead false", "dead false",
		}, got)
		if u := l.events[2].Unknown; len(u) != 1 || u[0].Reason != "no such device" || u[0].At.IsZero() {
			t.Errorf("unknown: %+v", u)
		}
	})
}

// TestServersThatRefuseOurTLS: a server with which this program never agreed on TLS is judged by what
// was wanted of it, and one with which it did is dead, whatever a reload does in between.
func TestServersThatRefuseOurTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const text = "TLS handshake: it refuses all"
		pass := probe.Result{OK: true, Unagreed: true, Warning: text, Reason: text}
		result := pass
		l := newLab(func(probe.Target) probe.Result { return result })
		c := tcpChecker()
		c.Kind, c.Retries, c.HTTP = conf.SSLGet, 0, &conf.HTTPCheck{URLs: []conf.HTTPURL{{Path: "/"}}}
		l.Apply(config([]conf.Checker{c}), nil)
		set := func(r probe.Result) {
			pause(20 * time.Second)
			l.do(func() { result = r })
		}
		set(probe.Result{Local: true, Unagreed: true, Reason: text})
		set(probe.Result{Reason: "refused"})
		set(pass)
		set(probe.Result{OK: true, Reason: "status 200"})
		l.Apply(config([]conf.Checker{c}, []conf.Checker{tcpChecker()}), nil)
		set(pass)
		pause(20 * time.Second)
		l.Close()
		var got []string
		for _, e := range l.events {
			if strings.HasPrefix(e.RealServer, "[10.0.0.2]") {
				got = append(got, fmt.Sprint(e.Verdict(), " ", e.Up, " ", len(e.Warnings)))
			}
		}
		diff(t, "verdicts", []string{
			"not checked yet true 0", "alive true 1", "unknown true 1", "dead false 0", "alive true 1", "alive true 0",
			"dead false 0",
		}, got)
		if last := l.events[len(l.events)-1]; !strings.HasSuffix(last.Reason, text+" (it took that before)") {
			t.Errorf("the reason is %q", last.Reason)
		}
	})
}

// TestUnknownCountsDown: unknown_counts down takes a server out after as many runs as may fail.
func TestUnknownCountsDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		result := probe.Result{OK: true, Reason: "fine"}
		l := newLab(func(probe.Target) probe.Result { return result })
		c := tcpChecker()
		c.UnknownDown = true
		l.Apply(config([]conf.Checker{c}), nil)
		pause(5 * time.Second)
		l.do(func() { result = probe.Result{Local: true, Reason: "no such device"} })
		pause(40 * time.Second)
		l.do(func() { result = probe.Result{OK: true, Reason: "fine"} })
		pause(20 * time.Second)
		l.Close()
		var got []string
		for _, e := range l.events {
			got = append(got, fmt.Sprint(e.Verdict(), " ", e.Up))
		}
		diff(t, "verdicts", []string{
			"not checked yet true", "alive true", "unknown true", "unknown false", "alive true",
		}, got)
	})
}

// TestFailuresWhileThisProcessWasLate say nothing: the checks are made again soon.
func TestFailuresWhileThisProcessWasLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l *lab
		runs := 0
		l = newLab(func(probe.Target) probe.Result {
			runs++
			switch runs {
			case 4, 5:
				return probe.Result{Reason: "connect to 10.0.0.2:80: no answer within 5s"}
			case 6:
				time.Sleep(6 * time.Second) // the goroutine of the schedule stands still
			}
			return probe.Result{OK: true, Reason: "fine"}
		})
		l.took = time.Second
		c := tcpChecker()
		c.Retries = 0
		l.Apply(config([]conf.Checker{c}, []conf.Checker{c}, []conf.Checker{c}), nil)
		pause(20 * time.Second)
		l.Close()
		for _, e := range l.events {
			if e.Verdict() != event.Alive && e.Verdict() != event.NotChecked {
				t.Fatalf("taken down since this process was late: %+v", e)
			}
		}
		// Both are made again within two seconds of the end of the pause.
		if len(l.begun) != 8 || l.log.Len() > 0 {
			t.Errorf("%d runs: %v\n%s", len(l.begun), l.begun, l.log.String())
		}
	})
}

// TestAlwaysLate: a host that is late for ever judges in the end.
func TestAlwaysLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(func(probe.Target) probe.Result {
			return probe.Result{Local: true, Late: true, Reason: "this process did not run for some time"}
		})
		l.Apply(config([]conf.Checker{tcpChecker()}), nil)
		pause(30 * time.Second)
		l.Close()
		if last := l.events[len(l.events)-1]; last.Verdict() != event.CannotTell {
			t.Errorf("%+v", last)
		}
	})
}

// TestDeadWhileAlwaysLate: a server that does not answer leaves the table also where this process is late again
// and again. A repetition is a chance for the server, and three of them in a row are enough.
func TestDeadWhileAlwaysLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(func(target probe.Target) probe.Result {
			if target.Checker.ConnectPort == 80 {
				return probe.Result{Reason: "connect to 10.0.0.2:80: connection refused"}
			}
			time.Sleep(700 * time.Millisecond) // the goroutine of the schedule stands still
			return probe.Result{OK: true, Reason: "fine"}
		})
		l.took = 3 * time.Second
		dead := tcpChecker()
		dead.Retries = 0
		servers := [][]conf.Checker{{dead}}
		for port := range uint16(4) {
			slow := tcpChecker()
			slow.ConnectPort, slow.Interval = 81+port, 100*time.Millisecond
			servers = append(servers, []conf.Checker{slow})
		}
		l.Apply(config(servers...), nil)
		pause(time.Minute)
		l.Close()
		up := true
		for _, e := range l.events {
			if strings.Contains(e.RealServer, "10.0.0.2") {
				up = e.Up
			}
		}
		if up {
			t.Errorf("it is up after a minute of refusals: %v", l.upAndDown())
		}
	})
}

// TestFrozenCheck: a run without an end is shown and started anew.
func TestFrozenCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(verdicts(true))
		l.took = 24 * time.Hour
		l.Apply(config([]conf.Checker{tcpChecker()}), nil)
		pause(2 * time.Minute)
		l.do(func() { l.took = time.Millisecond })
		pause(2 * time.Minute)
		l.Close()
		diff(t, "events", []string{
			"up initial: not checked yet",
			"up initial: not checked yet",
			"up: TCP_CHECK 10.0.0.2:80: fine",
		}, l.upAndDown())
		if u := l.events[1].Unknown; len(u) != 1 || !strings.Contains(u[0].Reason, "started anew") {
			t.Errorf("unknown: %+v", u)
		}
		l.do(func() {
			if l.overlaps > 0 || l.cancelled < 1 {
				t.Errorf("%d overlaps, %d cancelled", l.overlaps, l.cancelled)
			}
		})
	})
}

// TestHistory: results are asked for, not told; a reload keeps them, and so does a successor.
func TestHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(verdicts(true))
		l.Apply(config([]conf.Checker{tcpChecker()}, []conf.Checker{tcpChecker()}), nil)
		pause(405 * time.Second)
		if len(l.results) != 2 {
			t.Errorf("%d results were told, want the first of each checker", len(l.results))
		}
		ask := func(q checkers.Question) (list []event.CheckHistory) {
			l.Ask(q, func(answer []event.CheckHistory) { list = answer })
			synctest.Wait()
			return list
		}
		l.Apply(config([]conf.Checker{tcpChecker()}), nil)
		list := ask(checkers.Question{VirtualServers: []string{vs}})
		if len(list) != 1 || len(list[0].Results) != 20 || list[0].Runs != 41 {
			t.Fatalf("history: %+v", list)
		}
		for i, r := range list[0].Results {
			if r.Verdict != event.Alive || r.Took != time.Millisecond || r.Reason != "fine" ||
				i > 0 && !r.At.After(list[0].Results[i-1].At) {
				t.Errorf("result %d: %+v", i, r)
			}
		}
		if latest := ask(checkers.Question{Latest: true}); len(latest) != 1 || len(latest[0].Results) != 1 {
			t.Errorf("latest: %+v", latest)
		}
		if none := ask(checkers.Question{RealServers: []string{"another"}}); len(none) != 0 {
			t.Errorf("of another: %+v", none)
		}
		l.Close()

		warm := tcpChecker()
		warm.Warmup = 100 * time.Hour
		l = newLab(verdicts(true))
		l.Apply(config([]conf.Checker{warm}), nil)
		l.Remember(list)
		diff(t, "the history of the one before", list, ask(checkers.Question{}))
		l.Close()
	})
}

// TestFlapsAreFolded: a server that flaps has few lines of log, and the last one is right.
func TestFlapsAreFolded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up := false
		l := newLab(func(probe.Target) probe.Result {
			up = !up
			return probe.Result{OK: up, Reason: "so"}
		})
		c := tcpChecker()
		c.Retries, c.Interval = 0, time.Second
		l.Apply(config([]conf.Checker{c}), nil)
		pause(10 * time.Minute)
		l.Close()
		lines := strings.Count(l.log.String(), "\n")
		if lines > 30 || !strings.Contains(l.log.String(), "changes_not_logged=") {
			t.Errorf("%d lines:\n%s", lines, l.log.String())
		}
		if len(l.events) < 500 {
			t.Errorf("%d events", len(l.events))
		}
	})
}

// TestFailedTogetherIsLogged once, when the last real server of a virtual server has failed with the others.
func TestFailedTogetherIsLogged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead := map[string]bool{}
		l := newLab(func(target probe.Target) probe.Result {
			if at := target.Checker.ConnectIP.String(); dead[at] {
				return probe.Result{Reason: "connect to " + at + ":80: no route to host"}
			}
			return probe.Result{OK: true, Reason: "fine"}
		})
		var all [][]conf.Checker
		at := tcpChecker().ConnectIP
		for range 3 {
			c := tcpChecker()
			c.ConnectIP, c.Retries = at, 0
			all, at = append(all, []conf.Checker{c}), at.Next()
		}
		l.Apply(config(all...), nil)
		pause(15 * time.Second)
		kill := func(wait time.Duration, servers ...string) {
			l.do(func() {
				clear(dead)
				for _, s := range servers {
					dead[s] = true
				}
			})
			pause(wait)
		}
		count := func() int { return strings.Count(l.log.String(), `msg="all real servers have failed together"`) }
		for i, step := range []struct {
			wait    time.Duration
			servers string
			lines   int
		}{
			{20 * time.Second, "10.0.0.2 10.0.0.3", 0},
			{20 * time.Second, "10.0.0.2 10.0.0.3 10.0.0.4", 1},
			{200 * time.Second, "10.0.0.2 10.0.0.3 10.0.0.4", 1},
			{20 * time.Second, "10.0.0.2", 1},
			{100 * time.Second, "10.0.0.2 10.0.0.3", 1},
			{20 * time.Second, "10.0.0.2 10.0.0.3 10.0.0.4", 1}, // each by itself
			{20 * time.Second, "", 1},
			{20 * time.Second, "10.0.0.2 10.0.0.3 10.0.0.4", 2},
		} {
			kill(step.wait, strings.Fields(step.servers)...)
			if n := count(); n != step.lines {
				t.Errorf("step %d: %d lines, want %d\n%s", i, n, step.lines, l.log.String())
			}
		}
		l.Close()
		want := `level=WARN msg="all real servers have failed together" virtual_server=` + vs +
			` in_common="all 3 real servers failed within 20s, with the same reason: TCP_CHECK no route to host, ` +
			`all in 10.0.0.0/24"`
		if !strings.Contains(l.log.String(), want) {
			t.Errorf("no line %s in\n%s", want, l.log.String())
		}

		again := newLab(func(probe.Target) probe.Result { return probe.Result{Reason: "no route to host"} })
		again.Apply(config(all...), checkers.SnapshotOf(l.events[len(l.events)-3:]))
		pause(60 * time.Second)
		again.Apply(config(all...), nil)
		pause(20 * time.Second)
		again.Close()
		if text := again.log.String(); strings.Contains(text, "together") {
			t.Errorf("a restart and a reload say it again:\n%s", text)
		}
	})
}
