//go:build linux

package integration_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/integration/traffic"
)

// TestWorkerKilledWhileItWrites: the lvs worker is killed at two bad moments: while it builds a
// table in which a failed real server takes its place and is then set to weight 0, and while one
// real server has failed and another is drained. The next worker continues from there. No
// connection breaks, and director takes no leftover weight for one set by hand.
func TestWorkerKilledWhileItWrites(t *testing.T) {
	onlyLong(t)
	stage.RequireIpvsadm(t)
	s := openShop(t)
	sources := s.sources(30)
	const check = 700
	traffic.ServeNames(s.near[0], fmt.Sprintf("tcp:%d", check))
	traffic.ServeNames(s.near[1], fmt.Sprintf("tcp:%d", check)) // near3 fails its checks
	conf := global() + checked(check, service(at2(81), dr("mh"), nearServers("192.0.2.", 81, 3)...)) +
		checked(check, service(at2(82), dr("rr"), nearServers("192.0.2.", 82, 3)...))
	s.open(conf)
	down := nearWeights(map[string]int{"near3": 0})
	s.untilWeights(10*time.Second, 81, down)
	held := s.hold(81, sources)
	expectAll(t, held.First)

	for round := range 3 {
		s.ipvsadm("-C")
		// The worker rebuilds the table within a second. The test kills it as soon as the first
		// entries are there, and a little later in each round.
		var left string
		if err := s.director.Do(func() error {
			for end := time.Now().Add(10 * time.Second); time.Now().Before(end); {
				text, err := os.ReadFile("/proc/thread-self/net/ip_vs")
				if err != nil {
					return err
				}
				if len(text) > 160 {
					break
				}
			}
			time.Sleep(time.Duration(round) * 500 * time.Microsecond)
			s.daemon.KillWorker(pair.LVS)
			text, err := os.ReadFile("/proc/thread-self/net/ip_vs")
			left = string(text)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		s.Logf("round %d, what the dead worker has left:\n%s", round, left)
		s.untilWeights(15*time.Second, 81, down)
		s.untilWeights(15*time.Second, 82, map[string]int{"near1": 1, "near2": 1})
		s.expectSame("adopted", held.First, held.Ask())
		if st := s.status(); len(st.Override) > 0 {
			t.Errorf("round %d: status shows a weight set by hand, want none: %+v", round, st.Override)
		}
	}

	s.ask("drain", "192.0.2.11", "--vs", at(81))
	down["near1"] = 0
	s.untilWeights(5*time.Second, 81, down)
	s.daemon.KillWorker(pair.LVS)
	s.Steady(3*time.Second, "who failed and who is drained stay at 0", func() bool {
		return s.weights(81) == fmt.Sprint(down)
	})
	s.expectSame("killed while failed and drained", held.First, held.Ask())
	fresh := traffic.Burst{Targets: []string{at(81)}, Sources: sources, SourcePort: 3001, Count: 30}.Run(s.client)
	expectShares(t, fresh, 0, map[string]int{"near2": 30})
	s.ask("undrain", "192.0.2.11", "--vs", at(81))
	// Director waits longer and longer before it restarts a worker that dies again and again.
	s.untilWeights(20*time.Second, 81, nearWeights(map[string]int{"near3": 0}))
}
