package checkers_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/lvs-director/director/checkers"
	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// fakeProber answers runs as the test says, after a while.
type fakeProber struct {
	bubble
	took  time.Duration
	judge func(t probe.Target) probe.Result
	// What was seen.
	begun     []string // "5s 10.0.0.2:80/"
	running   map[string]int
	cancelled int
	overlaps  int
}

// bubble serialises what happens in the goroutines of a test.
type bubble struct {
	began time.Time
	lock  chan struct{}
}

func newBubble() bubble { return bubble{time.Now(), make(chan struct{}, 1)} }

func (b *bubble) do(f func()) {
	b.lock <- struct{}{}
	defer func() { <-b.lock }()
	f()
}

func (p *fakeProber) Start(t probe.Target, done func(probe.Result)) func() {
	name := fmt.Sprintf("%s:%d", t.Checker.ConnectIP, t.Checker.ConnectPort)
	if t.Checker.HTTP != nil {
		name += t.Checker.HTTP.URLs[t.URL].Path
	}
	var r probe.Result
	p.do(func() {
		p.begun = append(p.begun, fmt.Sprint(time.Since(p.began), " ", name))
		if p.running[name]++; p.running[name] > 1 {
			p.overlaps++
		}
		r = p.judge(t)
	})
	stop := make(chan struct{})
	go func() {
		timer := time.NewTimer(p.took)
		defer timer.Stop()
		select {
		case <-timer.C:
			p.do(func() { p.running[name]-- })
			r.Took = p.took
			done(r)
		case <-stop:
			p.do(func() { p.running[name]--; p.cancelled++ })
			done(probe.Result{Reason: "late"}) // a result after its cancel must not count
		}
	}()
	return func() { close(stop) }
}

// lab is a schedule with a fake prober and everything that came out of it.
type lab struct {
	*fakeProber
	*checkers.Schedule
	events  []event.RealServerState
	results []event.CheckResult
	log     bytes.Buffer
}

func newLab(judge func(probe.Target) probe.Result) *lab {
	l := &lab{fakeProber: &fakeProber{bubble: newBubble(), took: time.Millisecond, judge: judge,
		running: map[string]int{}}}
	l.Schedule = checkers.New(checkers.Options{
		Log: slog.New(slog.NewTextHandler(&l.log, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}})),
		Prober: l.fakeProber, Rand: rand.New(rand.NewPCG(1, 1)),
		Events:  func(list []event.RealServerState) { l.do(func() { l.events = append(l.events, list...) }) },
		Results: func(r event.CheckResult) { l.do(func() { l.results = append(l.results, r) }) },
	})
	return l
}

// upAndDown is the sequence of events in short: "0s up initial".
func (l *lab) upAndDown() (list []string) {
	var events []event.RealServerState
	l.do(func() { events = slices.Clone(l.events) })
	for _, e := range events {
		text := "down"
		if e.Up {
			text = "up"
		}
		if e.Initial {
			text += " initial"
		}
		list = append(list, text+": "+e.Reason)
	}
	return list
}

const (
	vs = "[10.0.0.1]:tcp:80"
	rs = "[10.0.0.2]:tcp:80"
)

func tcpChecker() conf.Checker {
	return conf.Checker{
		Kind: conf.TCPCheck, ConnectIP: netip.MustParseAddr("10.0.0.2"), ConnectPort: 80,
		Timeout: 5 * time.Second, Interval: 10 * time.Second, Retries: 1, RetryDelay: 2 * time.Second,
	}
}

// config is one virtual server with a real server for each list of checkers.
func config(servers ...[]conf.Checker) *conf.Config {
	v := &conf.VirtualServer{Key: conf.ServiceKey{Protocol: conf.TCP, Address: netip.MustParseAddr("10.0.0.1"), Port: 80}}
	address := netip.MustParseAddr("10.0.0.1")
	for _, list := range servers {
		address = address.Next()
		v.RealServers = append(v.RealServers, &conf.RealServer{
			Key: conf.ServerKey{Address: address, Port: 80}, Protocol: conf.TCP, Weight: 3, Checkers: list,
		})
	}
	return &conf.Config{VirtualServers: []*conf.VirtualServer{v}}
}

// verdicts answers runs from a list, the last one for ever.
func verdicts(oks ...bool) func(probe.Target) probe.Result {
	return func(probe.Target) probe.Result {
		ok := oks[0]
		if len(oks) > 1 {
			oks = oks[1:]
		}
		if ok {
			return probe.Result{OK: true, Reason: "fine"}
		}
		return probe.Result{Reason: "connection refused"}
	}
}

func diff(t *testing.T, what string, want, got any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

// pause lets time go by and everything that is due happen.
func pause(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestUpAndDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLab(verdicts(true, false, true, false, false, false, true))
		l.Apply(config([]conf.Checker{tcpChecker()}), nil)
		pause(61 * time.Second)
		l.Close()
		// Pauses count from the end of a run, which takes a millisecond.
		diff(t, "runs", []string{
			"0s 10.0.0.2:80", "10.001s 10.0.0.2:80", "12.002s 10.0.0.2:80", "22.003s 10.0.0.2:80",
			"24.004s 10.0.0.2:80", "34.005s 10.0.0.2:80", "44.006s 10.0.0.2:80", "54.007s 10.0.0.2:80",
		}, l.begun)
		const check = "TCP_CHECK 10.0.0.2:80: "
		diff(t, "events", []string{
			"up initial: not checked yet", "up: " + check + "fine",
			"down: " + check + "connection refused", "up: " + check + "fine",
		}, l.upAndDown())
		down := l.events[2]
		want := event.CheckResult{
			VirtualServer: vs, RealServer: rs, Checker: "TCP_CHECK 10.0.0.2:80", Reason: "connection refused",
			At: down.Since, Took: time.Millisecond,
		}
		diff(t, "failed checks", []event.CheckResult{want}, down.Failed)
		if at := down.Since.Sub(l.began); at != 24005*time.Millisecond {
			t.Errorf("down since %v", at)
		}
		if down.Weight != 3 || len(l.results) != 8 {
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
			diff(t, "runs", []string{"0s 10.0.0.2:80/a", "10.001s 10.0.0.2:80/b", "20.002s 10.0.0.2:80/a"}, l.begun)
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
		unknown := conf.Checker{Kind: "BFD_CHECK", Alpha: true}
		l := newLab(verdicts(true))
		web := tcpChecker()
		web.HTTP = &conf.HTTPCheck{URLs: []conf.HTTPURL{{Regex: new(conf.Regex)}}}
		l.Apply(config([]conf.Checker{unknown}, []conf.Checker{unknown, web}), nil)
		pause(time.Second)
		l.Close()
		diff(t, "events", []string{
			"up: no checkers are configured", "up initial: not checked yet", "up: TCP_CHECK 10.0.0.2:80: fine",
		}, l.upAndDown())
		diff(t, "log", `level=WARN msg="checks of this kind are not supported: real servers are up or down without them" kind=BFD_CHECK count=2
level=WARN msg="regex of a url is not supported: only its status and digest are checked" count=1
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
