//go:build linux

package integration_test

import (
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/integration/traffic"
)

// slack is what the guest's emulated processors may add to a failover that
// the RFC times.
const slack = time.Second

// TestKeepalivedPairNAT is the reference: it runs the lab, its client and its measurements with a
// pair of Debian's keepalived.
func TestKeepalivedPairNAT(t *testing.T) {
	stage.Require(t)
	testHostCrash(t, pair.NAT, stage.Keepalived())
}

func TestPairNAT(t *testing.T) {
	stage.Require(t)
	testHostCrash(t, pair.NAT, stage.Director())
}

func TestPairDR(t *testing.T) {
	stage.Require(t)
	testHostCrash(t, pair.DR, stage.Director())
}

// testHostCrash: the host of the master fails. The backup holds all virtual addresses within the
// RFC's time, the same real servers answer the client, and the host takes over again when it is
// back.
func testHostCrash(t *testing.T, method pair.Method, kind pair.Kind) {
	site := pair.New(t, method, 2)
	r := site.Run(t, both(kind), nil)

	broken := time.Now()
	r.Dirs[0].Crash()
	expectTakeover(t, r, "host crash", broken)
	for _, server := range r.Servers {
		if r.Web.AnsweredBy(server.Name, broken) == 0 {
			t.Errorf("no answer of %s after the crash", server.Name)
		}
	}

	back := time.Now()
	r.Dirs[0].Boot()
	r.StartDaemon(0, kind)
	r.UntilMaster(0, 20*time.Second)
	r.UntilAnswered(5 * time.Second)
	expectSmooth(t, r, "return", back)
}

// expectSmooth checks what a planned change did to the client: connections through the old master
// may break, new ones are answered.
func expectSmooth(t *testing.T, r *pair.Running, what string, since time.Time) {
	t.Helper()
	seen := r.Web.Between(since, time.Now())
	r.Lab.Logf("%s: %v", what, seen)
	expectGap(t, r, what, seen, 0)
}

// expectTakeover waits until director 2 has taken over from the lost master, and checks what the
// client saw.
func expectTakeover(t *testing.T, r *pair.Running, what string, broken time.Time) {
	t.Helper()
	allowed := r.Configs[1].MasterDownInterval()
	r.Lab.Until(allowed+slack, "dir2 holds the virtual addresses", func() bool { return r.Holds(1) })
	r.UntilAnswered(5 * time.Second)
	seen := r.Web.Between(broken, time.Now())
	r.Lab.Logf("%s: %v; the RFC allows %v", what, seen, allowed)
	expectGap(t, r, what, seen, allowed)
}

// expectGap fails if the client had no answer for longer than allowed plus slack.
func expectGap(t *testing.T, r *pair.Running, what string, seen traffic.Summary, allowed time.Duration) {
	t.Helper()
	if lasted := r.Lasting(seen); lasted > allowed+slack {
		t.Errorf("%s: the client had no answer for %v, more than %v (starved: %v)", what, seen.LongestGap, allowed+slack,
			seen.LongestGap-lasted)
	}
}

// TestProcessesKilledWithLinksUp: all processes of the master's daemon are killed while its kernel
// runs on. That host keeps the addresses and still answers ARP for them. The backup takes over all
// the same, its gratuitous ARP moves the clients, and the daemon cleans up when it starts again.
func TestProcessesKilledWithLinksUp(t *testing.T) {
	forKinds(t, func(t *testing.T, kind pair.Kind) {
		site := pair.New(t, pair.NAT, 2)
		r := site.Run(t, both(kind), func(_ int, c *pair.Config) { c.Options = []string{"nopreempt"} })

		broken := r.Daemons[0].KillAll()
		expectTakeover(t, r, "all processes killed", broken)
		if !r.HoldsAny(0) {
			t.Error("dir1 has lost its addresses: this scenario needs a host that keeps them")
		}

		r.Daemons[0].WaitEnd(5 * time.Second)
		r.StartDaemon(0, kind)
		r.UntilMaster(1, 20*time.Second)
		back := time.Now()
		r.UntilAnswered(5 * time.Second)
		r.Lab.Steady(2*time.Second, "dir2 stays MASTER (nopreempt) and dir1 holds nothing", func() bool {
			return r.Holds(1) && !r.HoldsAny(0)
		})
		expectAnswered(t, r, "dir1's return as BACKUP", r.Web.Between(back, time.Now()), 0)
	})
}
