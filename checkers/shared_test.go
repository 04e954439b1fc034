package checkers_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
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

// virtualServers is a configuration of virtual servers at the ports, each with the one real
// server 10.0.0.2:80 and its checkers.
func virtualServers(lists map[uint16][]conf.Checker) *conf.Config {
	cfg := new(conf.Config)
	for port, list := range lists {
		one := config(list).VirtualServers[0]
		one.Key.Port = port
		cfg.VirtualServers = append(cfg.VirtualServers, one)
	}
	slices.SortFunc(cfg.VirtualServers, func(a, b *conf.VirtualServer) int { return int(a.Key.Port) - int(b.Key.Port) })
	return cfg
}

// at is the name of the virtual server of a port.
func at(port uint16) string { return fmt.Sprintf("[10.0.0.1]:tcp:%d", port) }

// of is what is remembered of the real server of the virtual server of a port.
func (l *lab) of(port uint16) (list []event.CheckHistory) {
	l.Ask(checkers.Question{VirtualServers: []string{at(port)}},
		func(answer []event.CheckHistory) { list = answer })
	synctest.Wait()
	return list
}

// eventsOf is the sequence of events of a virtual server in short.
func (l *lab) eventsOf(port uint16) (list []string) {
	texts := l.upAndDown()
	l.do(func() {
		for i, e := range l.events {
			if e.VirtualServer == at(port) {
				list = append(list, texts[i])
			}
		}
	})
	return list
}

// TestEqualChecksRunOnce: equal checks of a real server in many virtual servers are one run,
// whose result each of them gets.
func TestEqualChecksRunOnce(t *testing.T) {
	program := conf.Checker{Kind: conf.MiscCheck, Interval: 10 * time.Second, Misc: &conf.MiscCheckParams{
		Script: conf.Script{Argv: []string{"/bin/check", "10.0.0.2"}}}}
	file := conf.Checker{Kind: conf.FileCheck, Interval: 10 * time.Second, File: &conf.FileCheckParams{Name: "f"}}
	for _, check := range []conf.Checker{tcpChecker(), program, file} {
		t.Run(string(check.Kind), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const many = 50
				check.Warmup, check.Retries, check.RetryDelay = 5*time.Second, 1, 2*time.Second
				l := newLab(verdicts(true, true, false))
				defer l.Close()
				lists := map[uint16][]conf.Checker{}
				for port := range uint16(many) {
					own := check
					if check.Misc != nil {
						misc := *check.Misc // equal, but not the same memory
						own.Misc = &misc
					}
					lists[port+1] = []conf.Checker{own}
				}
				l.Apply(virtualServers(lists), nil)
				pause(39 * time.Second)
				l.do(func() {
					if n := len(l.begun); n != 5 {
						t.Errorf("%d runs, want 5 as for one virtual server: %v", n, l.begun)
					}
				})
				for port := range uint16(many) {
					list := l.of(port + 1)
					if len(list) != 1 || len(list[0].Results) != 5 || list[0].Results[4].Took != l.took {
						t.Fatalf("history of %d: %+v", port+1, list)
					}
					if got := l.eventsOf(port + 1); len(got) != 3 || !strings.HasPrefix(got[2], "down: ") {
						t.Fatalf("events of %d: %v", port+1, got)
					}
				}
				if n := strings.Count(l.log.String(), "real server is down"); n != many {
					t.Errorf("%d lines of log, want one for each real server", n)
				}
			})
		})
	}
}

// TestReloadOfSharedChecks: a reload that adds or removes one of several equal checks leaves the
// others alone; the last one takes the run along.
func TestReloadOfSharedChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		check := tcpChecker()
		list := []conf.Checker{check}
		l := newLab(verdicts(false, false, true))
		l.took = 3 * time.Second
		l.Apply(virtualServers(map[uint16][]conf.Checker{1: list, 2: list}), nil)
		pause(14 * time.Second) // in the middle of the second run
		l.do(func() { l.events = nil })
		slow := check
		slow.Warmup = time.Hour
		// 1 goes, 3 is new, 4 is equal but for its start.
		l.Apply(virtualServers(map[uint16][]conf.Checker{2: list, 3: list, 4: {slow}}), nil)
		pause(3 * time.Second) // the second run has ended
		diff(t, "events of 2, which stays down", []string(nil), l.eventsOf(2))
		diff(t, "events of 3, which gets the result of the run", []string{
			"up initial: not checked yet", "down: TCP_CHECK 10.0.0.2:80: connection refused",
		}, l.eventsOf(3))
		diff(t, "events of 4", []string{"up initial: not checked yet"}, l.eventsOf(4))
		counts := func() []int {
			two, three := l.of(2), l.of(3)
			var begun, cancelled int
			l.do(func() { begun, cancelled = len(l.begun), l.cancelled })
			return []int{int(two[0].Runs), int(three[0].Runs), begun, cancelled}
		}
		diff(t, "results of 2 and 3, runs, cancelled ones", []int{2, 1, 2, 0}, counts())
		pause(14 * time.Second)
		diff(t, "the same after the next run", []int{3, 2, 3, 0}, counts())
		pause(9 * time.Second) // in a run
		l.Apply(virtualServers(map[uint16][]conf.Checker{3: list}), nil)
		synctest.Wait()
		l.do(func() { diff(t, "cancelled runs that somebody waits for", 0, l.cancelled) })
		l.Apply(virtualServers(nil), nil)
		l.Close()
		synctest.Wait()
		l.do(func() { diff(t, "cancelled runs that nobody waits for", 1, l.cancelled) })
	})
}

// TestChecksThatDifferAreNotShared: each behaves as it is configured.
func TestChecksThatDifferAreNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plain := tcpChecker()
		alpha, often, unknown, warm := plain, plain, plain, plain
		alpha.Alpha = true
		often.Interval = 5 * time.Second
		unknown.UnknownDown = true
		warm.Warmup = 20 * time.Second
		l := newLab(func(probe.Target) probe.Result { return probe.Result{Local: true, Reason: "no such device"} })
		l.Apply(virtualServers(map[uint16][]conf.Checker{1: {plain}, 2: {alpha}, 3: {often}, 4: {unknown}, 5: {warm}}), nil)
		pause(31 * time.Second)
		diff(t, "plain", []string{"up initial: not checked yet", "up initial: not checked yet"}, l.eventsOf(1))
		diff(t, "alpha", []string{"down initial: not checked yet", "down initial: not checked yet"},
			l.eventsOf(2))
		if down := l.eventsOf(4); !strings.HasPrefix(down[len(down)-1], "down") {
			t.Errorf("unknown_counts down: %v", down)
		}
		if n, m := l.of(1)[0].Runs, l.of(3)[0].Runs; n != 4 || m != 7 {
			t.Errorf("%d runs with a delay_loop of 10 s and %d with 5 s in 31 s", n, m)
		}
		// Another real server with the same connect_ip has a run of its own.
		l.do(func() { l.begun, l.began = nil, time.Now() })
		l.Apply(config([]conf.Checker{plain}, []conf.Checker{plain}), nil)
		pause(time.Second)
		l.Close()
		diff(t, "runs", []string{"0s 10.0.0.2:80", "0s 10.0.0.2:80"}, l.begun)
	})
}

// TestSharedChecksOfDifferentStates: one is down and begins anew with its URLs, another one is up and
// has a failure to be forgiven. The pause before the retry is as configured.
func TestSharedChecksOfDifferentStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		web := tcpChecker()
		web.Kind, web.Retries, web.RetryDelay, web.Interval = conf.HTTPGet, 1, 9*time.Second, 3*time.Second
		web.HTTP = &conf.HTTPCheck{URLs: []conf.HTTPURL{{Path: "/a"}, {Path: "/b"}}, FastRecovery: true}
		oks := []bool{true, false, true, true, true, false, false, true, true, true}
		l := newLab(verdicts(oks...))
		down, up := dead(t, 1), alive(t, 2)
		known := checkers.Snapshot{down.id: down.state, up.id: up.state}
		l.Apply(virtualServers(map[uint16][]conf.Checker{1: {web}, 2: {web}}), known)
		pause(40 * time.Second)
		l.Close()
		diff(t, "runs", []string{
			"0s 10.0.0.2:80/a", "2ms 10.0.0.2:80/b", // one has a page, the other one would wait
			"9s 10.0.0.2:80/b", "9.002s 10.0.0.2:80/a", // a failure is forgiven for 9 seconds
			"12s 10.0.0.2:80/b", "15s 10.0.0.2:80/a", "24s 10.0.0.2:80/a",
			"27s 10.0.0.2:80/a", "27.002s 10.0.0.2:80/b",
			"30s 10.0.0.2:80/a", "33s 10.0.0.2:80/b", "36s 10.0.0.2:80/a", "39s 10.0.0.2:80/b",
		}, l.begun)
		var got [3][]bool
		for _, e := range l.events {
			for port := range uint16(3) {
				if e.VirtualServer == at(port) {
					got[port] = append(got[port], e.Up)
				}
			}
		}
		// The failure of /b starts the count of pages anew.
		diff(t, "up of the one that was down", []bool{false, true, false, true}, got[1])
		diff(t, "up of the other one", []bool{true, false, true}, got[2])
	})
}

type knownServer struct {
	id    conf.RealServerID
	state event.RealServerState
}

func alive(t *testing.T, port uint16) knownServer {
	t.Helper()
	id, err := conf.ParseRealServer(at(port), rs)
	if err != nil {
		t.Fatal(err)
	}
	return knownServer{id, event.RealServerState{VirtualServer: at(port), RealServer: rs, Up: true, Reason: "known"}}
}

func dead(t *testing.T, port uint16) knownServer {
	t.Helper()
	known := alive(t, port)
	known.state.Up = false
	known.state.Failed = []event.CheckResult{{Checker: "HTTP_GET 10.0.0.2:80/a +1", Reason: "refused"}}
	return known
}

// TestManyReloadsOfSharedChecks adds and removes virtual servers at random: no run overlaps another
// one, each check goes on, and no run is left over.
func TestManyReloadsOfSharedChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(3, 4))
		judges := rand.New(rand.NewPCG(5, 6))
		l := newLab(func(probe.Target) probe.Result { return probe.Result{OK: judges.IntN(3) > 0, Reason: "so"} })
		l.took = time.Second
		for range 300 {
			lists := map[uint16][]conf.Checker{}
			for range rng.IntN(12) {
				c := tcpChecker()
				c.ConnectIP = netip.AddrFrom4([4]byte{10, 0, 1, byte(rng.IntN(3))})
				c.Warmup = time.Duration(rng.IntN(2)) * 2 * time.Second
				c.ConnectPort = 80 + uint16(c.Warmup/time.Second) // equal ones have one name
				lists[uint16(rng.IntN(10))+1] = []conf.Checker{c}
			}
			l.Apply(virtualServers(lists), nil)
			pause(time.Duration(rng.IntN(15000)) * time.Millisecond)
		}
		lists := map[uint16][]conf.Checker{}
		for port := range uint16(10) {
			lists[port+1] = []conf.Checker{tcpChecker()}
		}
		l.Apply(virtualServers(lists), nil)
		for range 20 {
			pause(12 * time.Second)
			for port := range lists {
				latest := l.of(port)[0].Results
				if ago := time.Since(latest[len(latest)-1].At); ago > 12*time.Second {
					t.Fatalf("the last result of %s came %v ago", at(port), ago)
				}
			}
		}
		l.Close()
		synctest.Wait()
		for name, n := range l.running {
			if n != 0 {
				t.Errorf("%d runs of %s are left", n, name)
			}
		}
		if l.overlaps > 0 {
			t.Errorf("%d runs overlap", l.overlaps)
		}
	})
}
