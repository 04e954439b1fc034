package probe_test

import (
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
)

// A process that was stopped, or had no processor, for longer than the timeout of
// its checks finds many answers at once: none of their servers is dead.
func TestAnswersThatWereReadLateCount(t *testing.T) {
	const checks, timeout = 200, time.Second
	p := newProber(t)
	c := &conf.Checker{Kind: conf.PingCheck, ConnectIP: netip.MustParseAddr("127.0.0.1"), Timeout: timeout}
	if r := p.Probe(t.Context(), probe.Target{Checker: c}); r.Local {
		t.Skip("SKIP: no echo request can be sent here:", r.Reason)
	}
	var mu sync.Mutex
	var failed []string
	// The callbacks run in the goroutine that reads the answers. The first one holds
	// it until all other checks can begin at once, the second until they are late.
	stalls := []time.Duration{300 * time.Millisecond, 2 * timeout}
	var done sync.WaitGroup
	done.Add(checks)
	for range checks {
		p.Start(probe.Target{Checker: c}, func(r probe.Result) {
			mu.Lock()
			defer mu.Unlock()
			if len(stalls) > 0 {
				time.Sleep(stalls[0])
				stalls = stalls[1:]
			}
			if !r.OK {
				failed = append(failed, r.Reason)
			}
			done.Done()
		})
	}
	done.Wait()
	if len(failed) > 0 {
		t.Errorf("%d of %d checks failed, the first: %s", len(failed), checks, failed[0])
	}
}

// Hundreds of echo replies that come at once all count.
func TestManyRepliesAtOnce(t *testing.T) {
	p := newProber(t)
	c := &conf.Checker{Kind: conf.PingCheck, ConnectIP: netip.MustParseAddr("127.0.0.1"), Timeout: 2 * time.Second}
	if r := p.Probe(t.Context(), probe.Target{Checker: c}); r.Local {
		t.Skip("SKIP: no echo request can be sent here:", r.Reason)
	}
	const checks = 40_000 // one identifier has 65,536 sequence numbers, of which half are used
	results := make(chan probe.Result, checks)
	for range checks {
		p.Start(probe.Target{Checker: c}, func(r probe.Result) { results <- r })
	}
	failed := 0
	for range checks {
		if r := <-results; !r.OK {
			failed++
		}
	}
	if failed > 0 {
		t.Errorf("%d of %d echo requests were not answered", failed, checks)
	}
}
