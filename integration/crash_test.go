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

// TestKeepalivedPairNAT is the reference: the lab, its client and its figures
// shown on a pair of Debian's keepalived.
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

// testHostCrash: the master host is lost. The backup holds all virtual
// addresses when the RFC's time is over, the client is answered by the same
// real servers, and the host takes over again when it is back.
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

// expectSmooth looks at what a change that nobody should notice did to the
// client: connections of the old master may break, new ones are answered.
func expectSmooth(t *testing.T, r *pair.Running, what string, since time.Time) {
	t.Helper()
	seen := r.Web.Between(since, time.Now())
	r.Lab.Logf("%s: %v", what, seen)
	expectGap(t, r, what, seen, 0)
}

// expectTakeover waits for director 2 to take over after the loss of its
// master, and looks at what the client went through.
func expectTakeover(t *testing.T, r *pair.Running, what string, broken time.Time) {
	t.Helper()
	allowed := r.Configs[1].MasterDownInterval()
	r.Lab.Until(allowed+slack, "dir2 holds the virtual addresses", func() bool { return r.Holds(1) })
	r.UntilAnswered(5 * time.Second)
	seen := r.Web.Between(broken, time.Now())
	r.Lab.Logf("%s: %v; the RFC allows %v", what, seen, allowed)
	expectGap(t, r, what, seen, allowed)
}

// expectGap fails when the client was without an answer for longer than it may
// be, and the slack.
func expectGap(t *testing.T, r *pair.Running, what string, seen traffic.Summary, allowed time.Duration) {
	t.Helper()
	if lasted := r.Lasting(seen); lasted > allowed+slack {
		t.Errorf("%s: the client had no answer for %v, more than %v (starved: %v)", what, seen.LongestGap, allowed+slack,
			seen.LongestGap-lasted)
	}
}

// TestProcessesKilledWithLinksUp: the daemon of the master is killed with all
// its processes while its kernel lives on. Nobody can take the addresses off
// that host, and it goes on answering ARP for them; the backup takes over all
// the same, its gratuitous ARP moves the clients, and the daemon cleans up
// when it is started again.
func TestProcessesKilledWithLinksUp(t *testing.T) {
	forKinds(t, func(t *testing.T, kind pair.Kind) {
		site := pair.New(t, pair.NAT, 2)
		r := site.Run(t, both(kind), func(_ int, c *pair.Config) { c.Options = []string{"nopreempt"} })

		broken := r.Daemons[0].KillAll()
		expectTakeover(t, r, "all processes killed", broken)
		if !r.HoldsAny(0) {
			t.Error("dir1's addresses are gone: this scenario is about a host that keeps them")
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
