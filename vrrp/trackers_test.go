package vrrp_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/vrrptest"
)

// tell tells the node what a script is like.
func (n *node) tell(name string, up bool) {
	n.t.Helper()
	s := event.TrackerState{Kind: event.TrackScript, Name: name, Up: up,
		Reason: map[bool]string{true: "exit status 0", false: "exit status 1"}[up]}
	if err := n.engine.Track(context.Background(), s); err != nil {
		n.t.Fatal(err)
	}
	synctest.Wait()
}

func script(name string, weight int) func(*conf.Instance) {
	return func(i *conf.Instance) {
		i.TrackScripts = append(i.TrackScripts, conf.Track{Name: name, Weight: weight})
	}
}

func TestAnInstanceWaitsForItsScript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newNode(t, &vrrptest.Wire{}, "10.0.0.1/24")
		a.engine.AllowMaster()
		a.apply(with(instance("VI", 100, vip), script("chk", 0)))
		after(10 * time.Second)
		a.want("VI", event.Init)
		if got := a.state("VI"); got.Reason != "waiting for the first result of script chk" {
			t.Errorf("it says %q", got.Reason)
		}
		a.tell("chk", true)
		a.want("VI", event.Backup)
		after(4 * time.Second)
		a.want("VI", event.Master)
		a.tell("chk", false)
		a.want("VI", event.Fault)
		if got, want := a.state("VI").Reason, "tracked script chk is down (exit status 1)"; got != want {
			t.Errorf("the reason is %q, want %q", got, want)
		}
		a.tell("chk", true)
		a.want("VI", event.Backup)
	})
}

func TestAFirstFailureIsAFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newNode(t, &vrrptest.Wire{}, "10.0.0.1/24")
		a.tell("chk", false) // before the configuration that names it
		a.apply(with(instance("VI", 100, vip), script("chk", 0)))
		a.want("VI", event.Fault)
	})
}

// TestAWeightedScriptMovesTheMastership: without waiting for it, and back.
func TestAWeightedScriptMovesTheMastership(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &vrrptest.Wire{}
		a, b := pairOf(t, w, script("chk", -60), func(*conf.Instance) {})
		after(10 * time.Second)
		a.want("VI", event.Master)
		a.tell("chk", false)
		after(5 * time.Second)
		a.want("VI", event.Backup)
		b.want("VI", event.Master)
		if got := a.state("VI").Priority; got != 90 {
			t.Errorf("priority %d, want 90", got)
		}
		if a.log.count("effective priority changed", "from=150", "to=90", "script chk is down (exit status 1): -60") != 1 {
			t.Errorf("the log does not say why:\n%s", a.log)
		}
		a.tell("chk", true)
		after(5 * time.Second)
		a.want("VI", event.Master)
	})
}

// TestATrackerThatAReloadAddsIsNotWaitedFor: a MASTER stays one.
func TestATrackerThatAReloadAddsIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newNode(t, &vrrptest.Wire{}, "10.0.0.1/24")
		a.engine.AllowMaster()
		a.apply(instance("VI", 100, vip))
		after(5 * time.Second)
		a.apply(with(instance("VI", 100, vip), script("chk", 0)))
		a.want("VI", event.Master)
		a.tell("chk", false)
		a.want("VI", event.Fault)
		a.apply(instance("VI", 100, vip))
		a.want("VI", event.Backup)
	})
}
