package supervisor

import (
	"runtime/debug"
	"testing"
	"testing/synctest"
	"time"
)

// TestGarbageIsCollectedRarelyWhileReading, and as before from then on, however often something is read.
func TestGarbageIsCollectedRarelyWhileReading(t *testing.T) {
	const usual = 120
	before := debug.SetGCPercent(usual)
	defer debug.SetGCPercent(before)
	percent := func() int {
		p := debug.SetGCPercent(usual)
		debug.SetGCPercent(p)
		return p
	}
	synctest.Test(t, func(t *testing.T) {
		var g garbage
		for range 2 {
			g.spare()
			time.Sleep(readingTime / 2)
			g.spare()
			time.Sleep(readingTime - time.Millisecond)
			if p := percent(); p != gcWhileReading {
				t.Errorf("%d %% while a configuration is read, want %d", p, gcWhileReading)
			}
			time.Sleep(2 * time.Millisecond)
			synctest.Wait()
			if p := percent(); p != usual {
				t.Errorf("%d %% some time after a configuration, want %d", p, usual)
			}
		}
	})
}

// TestGarbageHasBounds: a large heap does not grow many times over while a configuration is read.
func TestGarbageHasBounds(t *testing.T) {
	for _, heap := range []uint64{0, 1 << 20, 16 << 20, 64 << 20, 128 << 20, 1 << 30, 8 << 30} {
		p := percentFor(heap)
		if p < 100 || p > gcWhileReading {
			t.Errorf("%d %% with %d bytes", p, heap)
		}
		if room := heap / 100 * uint64(p); room > max(heap, readingRoom) {
			t.Errorf("%d bytes of garbage beside %d", room, heap)
		}
	}
}
