//go:build linux

package integration_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/traffic"
)

// settle is how long a row looks on after an event is over.
const settle = 4 * time.Second

// row judges the outcomes of a load: at least so many percent of the connections have to stay.
func (e *ecmp) row(what string, o traffic.Outcomes, percent float64) {
	e.t.Helper()
	e.Logf("%s: %.1f %% of the connections stay (at least %g %%); %v", what, 100*o.Kept(), percent, o)
	if o.Count == 0 || o.Answers == 0 {
		e.t.Errorf("%s: there was no load", what)
	}
	if 100*o.Kept() < percent {
		e.t.Errorf("%s: %.1f %% of the connections stay, want at least %g %%: %s", what, 100*o.Kept(), percent, o.First)
	}
}

// smooth judges a load that must not notice anything.
func (e *ecmp) smooth(what string, o traffic.Outcomes) {
	e.t.Helper()
	e.row(what, o, 100)
	if o.NewLost+o.Refused+o.Moved > 0 {
		e.t.Errorf("%s: want no connection lost, refused or moved: %v", what, o)
	}
}

// TestECMP plays what happens to one of three directors: no connection notices a drain, a stop, a start and an
// upgrade; a director that hangs withdraws by itself.
func TestECMP(t *testing.T) {
	e := openECMP(t, 3, false, "mh", "mh-port")
	load := e.load()
	time.Sleep(settle)
	e.smooth("nothing happens", load.SoFar())

	began := time.Now()
	e.ask(0, "handover", "edge")
	took := e.untilPaths(began, 10*time.Second, "dir1 is drained", e.gateways(0))
	e.Logf("a drained director: the router uses it no longer after %v", took.Round(time.Millisecond))
	time.Sleep(settle)
	e.smooth("one of three is drained", load.SoFar())

	e.ask(0, "resume", "edge")
	e.untilPaths(time.Now(), 20*time.Second, "dir1 is back", e.gateways())
	time.Sleep(settle)
	e.smooth("it is back", load.SoFar())

	began = e.daemons[1].Terminate()
	took = e.untilPaths(began, 10*time.Second, "dir2 stops", e.gateways(1))
	e.Logf("a director that stops: the router uses it no longer after %v", took.Round(time.Millisecond))
	e.daemons[1].WaitEnd(30 * time.Second)
	time.Sleep(settle)
	e.smooth("one of three is stopped", load.SoFar())
	e.start(1)
	e.untilPaths(time.Now(), 60*time.Second, "dir2 is back", e.gateways())
	time.Sleep(settle)
	e.smooth("it is started again", load.SoFar())

	e.ask(2, "upgrade")
	e.Steady(2*e.lifetime, "an upgrade withdraws nothing", func() bool { return e.uses(e.gateways()) })
	e.smooth("one of three is upgraded", load.SoFar())

	if err := syscall.Kill(e.daemons[2].Pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	took = e.untilPaths(began, e.lifetime+2*time.Second+slack, "dir3 hangs", e.gateways(2))
	e.Logf("a director that hangs: the router uses it no longer after %v (min_lifetime %v)", took.Round(time.Millisecond),
		e.lifetime)
	time.Sleep(settle)
	e.smooth("one of three hangs", load.SoFar())
	if err := syscall.Kill(e.daemons[2].Pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	e.untilPaths(time.Now(), 30*time.Second, "dir3 goes on", e.gateways())

	e.dirs[0].Crash()
	began = time.Now()
	took = e.untilPaths(began, e.session.Hold+2*time.Second+slack, "dir1's host is lost", e.gateways(0))
	e.Logf("a host that is lost, without BFD: the router uses it no longer after %v (hold time %v)",
		took.Round(time.Millisecond), e.session.Hold)
	time.Sleep(2 * settle)
	o := load.End()
	e.row("one of three hosts is lost, without BFD", o, 99)
	e.Logf("stalls were over %v after the loss", o.LastSlow.Sub(began).Round(time.Millisecond))
}
