//go:build linux

package native_test

import (
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// TestVRRPWorkerKilled: at an interval of 100 ms the worker is back before its
// peer misses it, and no address moves. At 10 ms it may be too late, but the
// addresses never stay on both.
func TestVRRPWorkerKilled(t *testing.T) {
	director := stage.PlainDirector()
	for _, interval := range []time.Duration{100 * time.Millisecond, 10 * time.Millisecond} {
		t.Run(interval.String(), func(t *testing.T) {
			site := vrrpOnly(t)
			r := site.Run(t, [2]pair.Kind{director, director}, func(_ int, c *pair.Config) {
				c.Service, c.Interval = false, interval
			})
			old := r.Daemons[0].Worker(pair.VRRP)
			for attempt := 1; ; attempt++ {
				killed := r.Daemons[0].KillWorker(pair.VRRP)
				if interval < 100*time.Millisecond || staysMaster(r, killed) {
					break
				}
				if starved := r.Lab.Starved(killed, time.Now()); starved < interval/2 || attempt == 5 {
					t.Fatalf("dir2 took over, or sent advertisements (this machine kept the lab waiting for %v)", starved)
				}
				r.UntilMaster(0, 20*time.Second) // a machine that was busy elsewhere says nothing of director
			}
			expectNeverLongOnBoth(t, r, 3*time.Second)
			if now := r.Daemons[0].Worker(pair.VRRP); now == old {
				t.Errorf("worker vrrp still has process %d", now)
			}
		})
	}
}

// staysMaster watches dir1 for two seconds after its worker was killed.
func staysMaster(r *pair.Running, killed time.Time) bool {
	for end := killed.Add(2 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if !r.Holds(0) || r.HoldsAny(1) {
			return false
		}
	}
	return len(r.Advertised(1, killed)) == 0
}

// expectNeverLongOnBoth watches the pair for some time. Both may have an
// address for as long as it takes one of them to hear the other and let go.
func expectNeverLongOnBoth(t *testing.T, r *pair.Running, length time.Duration) {
	t.Helper()
	const tooLong = 500 * time.Millisecond
	end, since := time.Now().Add(length), time.Now()
	for time.Now().Before(end) || r.HoldsAny(0) && r.HoldsAny(1) {
		if !r.HoldsAny(0) || !r.HoldsAny(1) {
			since = time.Now()
		}
		if both := time.Since(since); both > tooLong+r.Lab.Starved(since, time.Now()) {
			t.Fatalf("both routers have had the virtual addresses for %v", both)
		}
		time.Sleep(5 * time.Millisecond)
	}
	r.Lab.Until(time.Second, "one router holds the virtual addresses", func() bool { return r.Holds(0) != r.Holds(1) })
}

// TestSupervisorKilledNatively: after the death of its supervisor the worker sends priority 0, so
// the peer waits for its skew time alone.
func TestSupervisorKilledNatively(t *testing.T) {
	director := stage.Director()
	site := vrrpOnly(t)
	r := site.Run(t, [2]pair.Kind{director, director}, func(_ int, c *pair.Config) { c.Service = false })
	killed := r.Daemons[0].KillMain()
	r.UntilMaster(1, r.Configs[1].SkewTime()+slack)
	r.UntilLeft(0, killed)
}
