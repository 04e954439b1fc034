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
