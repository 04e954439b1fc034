//go:build linux

package native_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// slack is what a busy machine may add to the RFC's times. The benchmarks, not the tests, measure
// how near director comes to these times.
const slack = 500 * time.Millisecond

// TestPairs plays failover both ways with every combination of director and
// keepalived in the roles of better and worse router, over VRRP 2 and 3.
func TestPairs(t *testing.T) {
	director, keepalived := stage.Director(), stage.Keepalived()
	for _, version := range []int{2, 3} {
		for _, kinds := range [][2]pair.Kind{{director, director}, {director, keepalived}, {keepalived, director}} {
			name := fmt.Sprintf("v%d/%s over %s", version, kinds[0].Name(), kinds[1].Name())
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				testFailoverBothWays(t, vrrpOnly(t), version, kinds)
			})
		}
	}
}

func testFailoverBothWays(t *testing.T, site *pair.Site, version int, kinds [2]pair.Kind) {
	r := site.Run(t, kinds, func(_ int, c *pair.Config) {
		c.Version, c.Service = version, false
		if version == 3 {
			c.Interval = 200 * time.Millisecond
		}
	})
	down, skew := r.Configs[1].MasterDownInterval(), r.Configs[1].SkewTime()

	// The better one is asked to stop: the worse takes over after its skew.
	asked := r.Daemons[0].Terminate()
	r.UntilMaster(1, skew+slack)
	r.Daemons[0].WaitEnd(5 * time.Second)
	r.UntilLeft(0, asked)

	// It comes back and takes over.
	r.StartDaemon(0, kinds[0])
	r.UntilMaster(0, 10*time.Second)

	// It is killed and sends nothing: the worse takes over after its down interval, not before.
	r.Dirs[0].Crash()
	last := lastHeard(r, 1, r.AdvertSource(0))
	r.UntilMaster(1, down+slack)
	took := r.FirstSent(1, last).Sub(last)
	r.Lab.Logf("last advertisement of %s to first of %s: %v, RFC %v", kinds[0].Name(), kinds[1].Name(), took, down)
	if took < down-time.Millisecond {
		t.Errorf("%s took over after %v, before its down interval of %v", kinds[1].Name(), took, down)
	}
	r.Dirs[0].Boot()
	r.StartDaemon(0, kinds[0])
	r.UntilMaster(0, 10*time.Second)

	// The worse one dies and returns, and nothing moves.
	quiet := time.Now()
	r.Daemons[1].KillAll()
	r.Daemons[1].WaitEnd(5 * time.Second)
	r.StartDaemon(1, kinds[1])
	r.Lab.Steady(down+slack, "dir1 stays MASTER", func() bool { return r.Holds(0) && !r.HoldsAny(1) })
	if sent := r.Advertised(1, quiet); len(sent) > 0 {
		t.Errorf("the backup sent advertisements: %+v", sent)
	}
	expectWellFormed(t, r, version, kinds)
}

// lastHeard is when the last advertisement of a router reached director i.
func lastHeard(r *pair.Running, i int, source string) time.Time {
	heard := pair.From(pair.Advertisements(r.Dirs[i].Capture("eth0"), time.Time{}), source)
	if len(heard) == 0 {
		return time.Time{}
	}
	return heard[len(heard)-1].Time
}

// expectWellFormed has tcpdump look at all that the director halves of the
// pair have sent.
func expectWellFormed(t *testing.T, r *pair.Running, version int, kinds [2]pair.Kind) {
	t.Helper()
	for i, kind := range kinds {
		if kind.Name() != "director" {
			continue
		}
		sent := slices.DeleteFunc(r.Advertised(i, time.Time{}), func(a pair.Advertisement) bool { return !a.Outgoing })
		for _, a := range sent {
			if a.Version != version || a.VRID != 51 || a.Interval != r.Configs[i].Interval {
				t.Errorf("%s sent %+v", r.Dirs[i].Name, a)
			}
		}
		decodeWithTcpdump(t, r.Dirs[i].Capture("eth0"), r.AdvertSource(i), version)
	}
}
