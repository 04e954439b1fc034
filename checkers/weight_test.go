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

// miscChecker is a MISC_CHECK of the program argv0.
func miscChecker(argv0 string) conf.Checker {
	return conf.Checker{Kind: conf.MiscCheck, Interval: 10 * time.Second, RetryDelay: time.Second,
		Misc: &conf.MiscCheckParams{Dynamic: true, Script: conf.Script{Argv: []string{argv0}}}}
}

// exits answers a run of a dynamic check: below 0 is a time limit that was over.
func exits(status int) probe.Result {
	if status < 0 {
		return probe.Result{Reason: "timed out"}
	}
	r := probe.Result{OK: status != 1, Reason: "exit status"}
	if status >= 2 {
		r.Wish = event.Wish{Kind: event.WishWeight, N: status - 2}
	}
	return r
}

// weights are the weights of the real servers that are up, of all events; -1 is down.
func (l *lab) weights() (list []int) {
	l.do(func() {
		for _, e := range l.events {
			w := e.Weight
			if !e.Up {
				w = -1
			}
			if n := len(list); n == 0 || list[n-1] != w {
				list = append(list, w)
			}
		}
	})
	return list
}

// TestDynamicWeights: the weight is what the last good runs asked for, however many runs
// have timed out between; a reload that does not touch the check keeps it, also one that
// sets the configured weight to what the check asks for.
func TestDynamicWeights(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		status := map[string]int{"/w1": 52, "/w2": 12}
		l := newLab(func(t probe.Target) probe.Result { return exits(status[t.Checker.Misc.Script.Argv[0]]) })
		set := func(name string, s int) {
			l.do(func() { status[name] = s })
			pause(10 * time.Second)
		}
		list := []conf.Checker{miscChecker("/w1"), miscChecker("/w2")}
		reload := func(weight int, list ...conf.Checker) {
			cfg := config(list)
			cfg.VirtualServers[0].RealServers[0].Weight = weight
			l.Apply(cfg, nil)
			synctest.Wait()
		}
		reload(10, list...)
		pause(time.Second)
		for range 5 {
			set("/w1", -1)
			set("/w1", 52)
		}
		// Of two checks each adds its difference to the configured 10: 40 and 0.
		want := []int{10, 50, -1, 50, -1, 50, -1, 50, -1, 50, -1, 50}
		diff(t, "weights", want, l.weights())

		set("/w2", 17) // 5 more
		reload(20, list...)
		reload(65, list...)
		want = append(want, 55, 45, 0)
		reload(45, list...)
		want = append(want, 20)
		set("/w1", 0) // content with the configured weight
		want = append(want, 15)
		diff(t, "weights", want, l.weights())

		// A check that is gone, or is another one, asks for nothing.
		reload(45, list[0])
		want = append(want, 45)
		diff(t, "weights", want, l.weights())
		l.Close()
		last := l.events[len(l.events)-1]
		if last.Checked || len(last.Wishes) > 0 {
			t.Errorf("no check asks for anything: %+v", last)
		}
	})
}

// TestWeightOverARestart: the next process begins with what the checks have asked for.
func TestWeightOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		status := 52
		l := newLab(func(probe.Target) probe.Result { return exits(status) })
		cfg := config([]conf.Checker{miscChecker("/w"), miscChecker("/w")})
		l.Apply(cfg, nil)
		pause(time.Second)
		l.Close()
		known := l.events[len(l.events)-1]
		diff(t, "wishes", []event.CheckWish{
			{Checker: "MISC_CHECK /w", Wish: event.Wish{Kind: event.WishWeight, N: 50}},
			{Checker: "MISC_CHECK /w #2", Wish: event.Wish{Kind: event.WishWeight, N: 50}},
		}, known.Wishes)

		next := newLab(func(probe.Target) probe.Result { return exits(status) })
		next.do(func() { next.took = time.Hour })
		next.Apply(cfg, checkers.SnapshotOf([]event.RealServerState{known}))
		synctest.Wait()
		next.Close()
		if got := next.events[0]; got.Weight != 97 || !got.Checked { // 3, and twice 47
			t.Errorf("begins with %+v", got)
		}
	})
}

// TestMiscPausesCountFromTheStart: as with keepalived; of other checks from the end.
func TestMiscPausesCountFromTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(verdicts(true))
		l.took = 4 * time.Second
		l.Apply(config([]conf.Checker{miscChecker("/w"), tcpChecker()}), nil)
		pause(29 * time.Second)
		l.do(func() { l.took = 25 * time.Second }) // longer than the pause: at once, and never twice
		pause(30 * time.Second)
		l.Close()
		diff(t, "runs", []string{
			"0s 10.0.0.2:80", "0s invalid IP:0", "10s invalid IP:0", "14s 10.0.0.2:80", "20s invalid IP:0",
			"28s 10.0.0.2:80", "30s invalid IP:0", "42s 10.0.0.2:80", "55.001s invalid IP:0",
		}, sorted(l.begun))
		if l.overlaps > 0 {
			t.Errorf("%d runs overlap another of their checker", l.overlaps)
		}
	})
}

// TestFileChanged: a check of a file looks at once, and needs no second try.
func TestFileChanged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		value := 0
		l := newLab(func(t probe.Target) probe.Result {
			return probe.Result{OK: value == 0, Withdrawn: value != 0, Reason: t.Checker.File.Name}
		})
		file := conf.Checker{Kind: conf.FileCheck, Interval: time.Minute, Retries: 3, RetryDelay: time.Minute,
			File: &conf.FileCheckParams{Name: "f"}}
		l.Apply(config([]conf.Checker{file}), nil)
		pause(10 * time.Second)
		l.do(func() { value = 1 })
		l.FileChanged("another")
		l.FileChanged("f")
		pause(time.Second)
		l.do(func() { value = 0 })
		l.FileChanged("f")
		pause(time.Second)
		l.Close()
		diff(t, "events", []string{
			"up initial: not checked yet", "up: FILE_CHECK f: f", "down: FILE_CHECK f: f", "up: FILE_CHECK f: f",
		}, l.upAndDown())
		if n := slices.Index(l.begun, ""); n >= 0 || len(l.begun) != 3 {
			t.Errorf("runs %v, want 3", l.begun)
		}
	})
}

// TestSlowStart: a real server that comes back gets its weight step by step; at the start of
// director, and when a reload changes its checks, it has all of it at once.
func TestSlowStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		up, program := true, miscChecker("/w")
		l := newLab(func(probe.Target) probe.Result { return probe.Result{OK: up} })
		reload := func(slow time.Duration, list ...conf.Checker) {
			cfg := config(list)
			cfg.VirtualServers[0].RealServers[0].SlowStart = slow
			l.Apply(cfg, nil)
			synctest.Wait()
		}
		set := func(is bool) {
			l.do(func() { up = is })
			pause(10 * time.Second)
		}
		// What it has of its weight, from when on; -1 is down.
		steps := func() (list []string) {
			l.do(func() {
				for _, e := range l.events {
					if e.Up && !e.Initial {
						list = append(list, fmt.Sprint(e.Starting))
					}
				}
				l.events = nil
			})
			return list
		}
		reload(time.Minute, program)
		pause(time.Second)
		diff(t, "at the start", []string{"0"}, steps())
		set(false)
		set(true)
		pause(time.Minute)
		diff(t, "back", strings.Fields("5 10 20 30 40 50 60 70 80 90 0"), steps())

		set(false)
		set(true)
		pause(20 * time.Second)
		set(false) // fails again on the way
		set(true)
		reload(10*time.Second, program)
		pause(10 * time.Second)
		diff(t, "interrupted, and shortened", strings.Fields("5 10 20 30 40 50 5 5 10 20 30 40 50 60 70 80 90 0"), steps())
		set(false)
		pause(time.Second)
		reload(time.Minute) // without a check it is up
		pause(time.Minute)
		diff(t, "a reload", []string{"0"}, steps())
		l.Close()
	})
}

// TestSlowStartOverARestart: the next process goes on where the one before was.
func TestSlowStartOverARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(verdicts(true))
		cfg := config([]conf.Checker{tcpChecker()})
		rs := cfg.VirtualServers[0].RealServers[0]
		rs.SlowStart = time.Minute
		known := event.RealServerState{VirtualServer: cfg.VirtualServers[0].String(), RealServer: rs.String(), Up: true,
			Weight: 3, Starting: 30, Since: time.Now().Add(-20 * time.Second)}
		l.Apply(cfg, checkers.SnapshotOf([]event.RealServerState{known}))
		pause(time.Minute)
		l.Close()
		var got []int
		for _, e := range l.events {
			got = append(got, e.Starting)
		}
		diff(t, "steps", []int{30, 40, 50, 60, 70, 80, 90, 0}, got)
	})
}
