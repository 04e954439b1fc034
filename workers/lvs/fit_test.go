package lvs

import (
	"log/slog"
	"runtime"
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
)

// A worker has one processor for the checks that its loop makes, and more for encrypted ones.
func TestProcessors(t *testing.T) {
	of := func(kind conf.CheckKind, count int, interval time.Duration) int {
		rs := &conf.RealServer{}
		for range count {
			rs.Checkers = append(rs.Checkers, conf.Checker{Kind: kind, Interval: interval})
		}
		l := loadOf(&conf.Config{VirtualServers: []*conf.VirtualServer{{RealServers: []*conf.RealServer{rs}}}})
		if l.checks != count {
			t.Errorf("%d checks, want %d", l.checks, count)
		}
		return l.processors(8)
	}
	for _, test := range []struct {
		kind  conf.CheckKind
		count int
		want  int
	}{
		{conf.TCPCheck, 0, 1}, {conf.TCPCheck, 40000, 1}, {conf.HTTPGet, 10000, 1}, {conf.SSLGet, 100, 1},
		{conf.SSLGet, 1000, 8},
	} {
		if got := of(test.kind, test.count, 2*time.Second); got != test.want {
			t.Errorf("%d %s every 2 s: %d processors, want %d", test.count, test.kind, got, test.want)
		}
	}
}

// A worker collects garbage rarely while it takes a configuration, and often from then on.
func TestGarbageIsCollectedRarelyWhileLoading(t *testing.T) {
	kept := make([]byte, 16<<20) // a heap that needs no room
	defer runtime.KeepAlive(kept)
	before, procs := debug.SetGCPercent(100), runtime.GOMAXPROCS(0)
	defer func() {
		debug.SetGCPercent(before)
		runtime.GOMAXPROCS(procs)
	}()
	percent := func() int {
		p := debug.SetGCPercent(100)
		debug.SetGCPercent(p)
		return p
	}
	synctest.Test(t, func(t *testing.T) {
		f := newFitter(slog.New(slog.DiscardHandler))
		defer f.stop()
		for _, loading := range []int{gcWhileStarting, gcWhileLoading} {
			f.fit(&conf.Config{})
			time.Sleep(loadingTime - time.Second)
			if p := percent(); p != loading {
				t.Errorf("%d %% soon after a configuration, want %d", p, loading)
			}
			time.Sleep(2 * time.Second)
			synctest.Wait()
			if p := percent(); p < gcPercent || p >= gcWhileLoading {
				t.Errorf("%d %% some time after a configuration, want less", p)
			}
		}
	})
}

// A small heap has room for garbage, a large one a share of its size.
func TestRoomForGarbage(t *testing.T) {
	for heap, want := range map[uint64]int{0: gcWhileLoading, 1 << 20: gcWhileLoading, gcRoom: 100, 1 << 30: gcPercent} {
		if got := percentFor(heap); got != want {
			t.Errorf("%d bytes: %d %%, want %d", heap, got, want)
		}
	}
}
