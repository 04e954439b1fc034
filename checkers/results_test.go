package checkers_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/checkers"
	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
)

// TestLocalFailures say nothing of the server and are logged once.
func TestLocalFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := probe.Result{Local: true, Reason: "open a socket: too many open files"}
		l := newLab(func(probe.Target) probe.Result { return broken })
		var all [][]conf.Checker
		for range 100 {
			all = append(all, []conf.Checker{tcpChecker()})
		}
		l.Apply(config(all...), nil)
		pause(60 * time.Second)
		l.do(func() { broken = probe.Result{OK: true} })
		pause(20 * time.Second)
		l.do(func() { broken = probe.Result{Local: true, Reason: "no such device"} })
		pause(20 * time.Second)
		l.Close()
		for _, e := range l.events {
			if !e.Up {
				t.Fatalf("taken down for a failure of this host: %+v", e)
			}
		}
		if n := strings.Count(l.log.String(), "\n"); n != 2 {
			t.Errorf("%d lines of log, want 2:\n%s", n, l.log.String())
		}
	})
}

// TestURLsAndWarmup: URLs in turn; first runs spread over the warmup.
func TestURLsAndWarmup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		web := tcpChecker()
		web.Kind = conf.HTTPGet
		web.HTTP = &conf.HTTPCheck{URLs: []conf.HTTPURL{{Path: "/a"}, {Path: "/b"}}}
		l := newLab(verdicts(true))
		l.Apply(config([]conf.Checker{web}), nil)
		pause(25 * time.Second)
		l.do(func() {
			diff(t, "runs", []string{"0s 10.0.0.2:80/a", "10s 10.0.0.2:80/b", "20s 10.0.0.2:80/a"}, l.begun)
			diff(t, "name", "HTTP_GET 10.0.0.2:80/a +1", l.results[0].Checker)
			l.began, l.begun = time.Now(), nil
		})

		warm := tcpChecker()
		warm.Warmup = 10 * time.Second
		var all [][]conf.Checker
		for range 1000 {
			all = append(all, []conf.Checker{warm})
		}
		l.Apply(config(all...), nil)
		pause(warm.Warmup)
		l.Close()
		perSecond := map[string]int{}
		for _, run := range l.begun {
			at, err := time.ParseDuration(strings.Fields(run)[0])
			if err != nil {
				t.Fatal(err)
			}
			perSecond[at.Truncate(time.Second).String()]++
		}
		for second := range 10 {
			if n := perSecond[(time.Duration(second) * time.Second).String()]; n < 50 || n > 150 {
				t.Errorf("%d of 1000 first runs in second %d of 10", n, second)
			}
		}
	})
}

// TestUnknownKinds: a check that cannot be run here, alpha even, does not keep a server out for ever.
func TestUnknownKinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		unknown := conf.Checker{Kind: "OTHER_CHECK", Alpha: true}
		l := newLab(verdicts(true))
		web := tcpChecker()
		l.Apply(config([]conf.Checker{unknown}, []conf.Checker{unknown, web}), nil)
		pause(time.Second)
		l.Close()
		diff(t, "events", []string{
			"up: no checkers are configured", "up initial: not checked yet", "up: TCP_CHECK 10.0.0.2:80: fine",
		}, l.upAndDown())
		diff(t, "log", `level=WARN msg="checks of this kind are not supported: real servers are up or down without them" kind=OTHER_CHECK count=2
`, l.log.String())
	})
}

func TestNames(t *testing.T) {
	ping, web := tcpChecker(), tcpChecker()
	ping.Kind = conf.PingCheck
	web.Kind, web.ConnectIP = conf.HTTPGet, netip.MustParseAddr("2001:db8::1")
	web.HTTP = &conf.HTTPCheck{URLs: []conf.HTTPURL{{Path: "/health"}}}
	got := checkers.Names(&conf.RealServer{Checkers: []conf.Checker{tcpChecker(), ping, web, tcpChecker()}})
	diff(t, "names", []string{
		"TCP_CHECK 10.0.0.2:80", "PING_CHECK 10.0.0.2", "HTTP_GET [2001:db8::1]:80/health", "TCP_CHECK 10.0.0.2:80 #2",
	}, got)
}

// TestWarnings are told when they change, of each URL, and go when the server says nothing of them any more.
func TestWarnings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		web := tcpChecker()
		web.Kind, web.Retries = conf.SSLGet, 0
		web.HTTP = &conf.HTTPCheck{URLs: []conf.HTTPURL{{Path: "/a"}, {Path: "/b"}}}
		warning, ok := "certificate of a ends", true
		l := newLab(func(target probe.Target) probe.Result {
			r := probe.Result{OK: ok, Reason: "status 200"}
			if target.URL == 0 {
				r.Warning = warning
			}
			return r
		})
		l.Apply(config([]conf.Checker{web}), nil)
		pause(65 * time.Second)
		set := func(text string, good bool) {
			l.do(func() { warning, ok = text, good })
			pause(65 * time.Second)
		}
		set("certificate of a ends tomorrow", true)
		set("certificate of a ends tomorrow", false)
		set("certificate of a ends tomorrow", true)
		set("", true)
		l.Close()
		var got, told []string
		for _, e := range l.events {
			text := e.Verdict().String()
			for _, w := range e.Warnings {
				text += fmt.Sprint(", ", w.Checker, " ", w.URL, " ", w.Text)
			}
			got = append(got, text)
		}
		for _, r := range l.results {
			told = append(told, r.Verdict.String())
		}
		name := ", SSL_GET 10.0.0.2:80/a +1 0 certificate of a ends"
		diff(t, "events", []string{
			"not checked yet", "alive" + name, "alive" + name + " tomorrow", "dead", "alive" + name + " tomorrow", "alive",
		}, got)
		diff(t, "results", []string{"alive", "alive", "dead", "alive", "alive"}, told)

		again := newLab(func(probe.Target) probe.Result { return probe.Result{OK: true, Reason: "status 200"} })
		again.Apply(config([]conf.Checker{web}), checkers.SnapshotOf(l.events[2:3]))
		pause(25 * time.Second)
		again.Close()
		if n := len(again.events); n != 2 || len(again.events[0].Warnings) != 1 || len(again.events[1].Warnings) != 0 {
			t.Errorf("after a restart: %+v", again.events)
		}
	})
}
