package checkers_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/lvs-director/director/checkers"
	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// atOnce answers each run before Start returns, in words of its own.
type atOnce struct{}

func (atOnce) Start(t probe.Target, done func(probe.Result)) func() {
	done(probe.Result{OK: true, Reason: fmt.Sprintf("connected to %s:%d", t.Checker.ConnectIP, t.Checker.ConnectPort)})
	return func() {}
}

// TestMemoryOfACheck: what a schedule keeps of each real server with one check, its whole history
// and the texts included. Ten thousand of them have 60 MB together with the table and the program.
func TestMemoryOfACheck(t *testing.T) {
	const count, most = 5000, 1600
	var lists [][]conf.Checker
	for n := range count {
		c := tcpChecker()
		c.ConnectIP = netip.AddrFrom4([4]byte{10, 1, byte(n >> 8), byte(n)})
		lists = append(lists, []conf.Checker{c})
	}
	cfg := config(lists...)
	synctest.Test(t, func(t *testing.T) {
		before := live()
		s := checkers.New(checkers.Options{
			Log: slog.New(slog.DiscardHandler), Prober: atOnce{}, Rand: rand.New(rand.NewPCG(1, 1)),
			Events: func([]event.RealServerState) {}, Results: func(event.CheckResult) {},
		})
		defer s.Close()
		s.Apply(cfg, nil)
		pause(25 * tcpChecker().Interval)
		each := (live() - before) / count
		t.Logf("%d bytes each", each)
		if each > most {
			t.Errorf("a real server with a check takes %d bytes, want %d at most", each, most)
		}
		var results int
		s.Ask(checkers.Question{}, func(list []event.CheckHistory) {
			for _, h := range list {
				results += len(h.Results)
			}
		})
		synctest.Wait()
		if results == 0 {
			t.Error("nothing is remembered")
		}
	})
	runtime.KeepAlive(cfg)
}

// live is what a garbage collection leaves, in bytes.
func live() int {
	runtime.GC()
	runtime.GC() // what the first one has freed of pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}
