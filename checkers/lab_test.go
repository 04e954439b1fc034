package checkers_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
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
	var took time.Duration
	p.do(func() {
		took = p.took
		p.begun = append(p.begun, fmt.Sprint(time.Since(p.began), " ", name))
		if p.running[name]++; p.running[name] > 1 {
			p.overlaps++
		}
		r = p.judge(t)
	})
	stop := make(chan struct{})
	go func() {
		timer := time.NewTimer(took)
		defer timer.Stop()
		select {
		case <-timer.C:
			p.do(func() { p.running[name]-- })
			r.Took = took
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
