package rollout_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/lvs-director/director/supervisor/rollout"
)

// Deaths that are easily taken for another kind of death.

var errStart = errors.New("fork: cannot allocate memory")

// replaced is what a keeper says of a worker that it killed for ReplaceWorker: no
// error, but the worker cleaned nothing up.
func replaced(w rollout.Worker) rollout.Input { return rollout.Died{Worker: w, Planned: true} }

func notStarted(w rollout.Worker) rollout.Input { return rollout.Died{Worker: w, Err: errStart} }

func released(w rollout.Worker) rollout.Input { return rollout.Released{Worker: w} }

// handed starts a worker and expects to whose work it goes on with; died is
// since begin, and below zero for nobody.
func (s *script) handed(w rollout.Worker, died time.Duration, lastSent time.Duration, silenced bool) {
	s.t.Helper()
	s.pid++
	want := rollout.Predecessor{LastSent: lastSent, Silenced: silenced}
	if died >= 0 {
		want.Died = time.Unix(1000, 0).Add(died)
	}
	for _, e := range s.m.Step(s.now, rollout.Started{Worker: w, Pid: s.pid}, nil) {
		if h, ok := e.(rollout.Hand); ok && h.Worker == w {
			if h.Predecessor != want {
				s.t.Errorf("%s goes on with %+v, want %+v", w, h.Predecessor, want)
			}
			return
		}
	}
	s.t.Errorf("%s is handed nothing", w)
}

// tick lets time pass until a worker is started again.
func (s *script) tick(d time.Duration, want ...string) {
	s.t.Helper()
	s.after(d)
	s.step(rollout.Tick{}, want...)
}

// silence has the vrrp worker killed because it says nothing.
func (s *script) silence(w rollout.Worker) {
	s.t.Helper()
	s.step(rollout.Heard{Worker: w, LastSent: 7 * time.Second})
	for range 80 {
		for _, e := range s.m.Step(s.now, rollout.Round{}, nil) {
			if x, ok := e.(rollout.Examine); ok {
				s.step(rollout.Examined{Worker: w, Pid: x.Pid}, fmt.Sprintf("Kill %s %d", w, x.Pid))
				return
			}
		}
		s.after(rollout.RoundInterval)
	}
	s.t.Fatalf("the silence of %s does not count", w)
}

// giveUp has the vrrp worker die until it is given up. It ends without a Tick.
func (s *script) giveUp(want ...string) {
	s.t.Helper()
	s.step(died(rollout.VRRP), "WorkerDied vrrp again 0s", "Start vrrp")
	for _, again := range []time.Duration{100 * time.Millisecond, 400 * time.Millisecond, 1600 * time.Millisecond} {
		s.started(rollout.VRRP, "WorkerRestarted", "Hand vrrp 1 fresh resuming")
		s.step(died(rollout.VRRP), fmt.Sprint("WorkerDied vrrp again ", again))
		s.tick(again, "Start vrrp")
	}
	s.started(rollout.VRRP, "WorkerRestarted", "Hand vrrp 1 fresh resuming")
	s.step(died(rollout.VRRP), want...)
}

// A stop meets a worker that is being replaced. The kill of the replacement comes
// first, so the addresses and services are there still.
func TestAStopMeetsAReplacement(t *testing.T) {
	s := running(t)
	s.step(rollout.Replace{Workers: both.Workers}, "ReplaceWorker lvs")
	s.step(rollout.Stop{}, "Finish vrrp 102")
	s.step(replaced(rollout.LVS))
	s.step(rollout.Died{Worker: rollout.VRRP}, "Release lvs")
	s.step(released(rollout.LVS), "Exit")

	s = running(t)
	s.step(rollout.Replace{Workers: both.Workers[1:]}, "ReplaceWorker vrrp")
	s.step(rollout.Stop{}, "Finish vrrp 102")
	s.step(replaced(rollout.VRRP), "Release vrrp")
	s.step(released(rollout.VRRP), "Finish lvs 101")
	s.step(rollout.Died{Worker: rollout.LVS}, "Exit")
}

// A replacement is no failure: nobody is told of an error.
func TestAReplacementIsNoError(t *testing.T) {
	s := running(t)
	s.step(rollout.Replace{Workers: both.Workers}, "ReplaceWorker lvs")
	s.step(replaced(rollout.LVS), "Start lvs")
	w, _ := s.m.Status(rollout.LVS)
	if w.Err != nil || len(w.Deaths) != 0 || w.Phase != rollout.Starting || w.Restarts != 1 {
		t.Errorf("%+v", w)
	}
}

// A worker that cannot be started does nobody's work: its successor goes on where
// the last one ended that ran.
func TestAStartThatFailsIsNobodysDeath(t *testing.T) {
	s := running(t)
	s.step(rollout.Heard{Worker: rollout.VRRP, LastSent: 7 * time.Second})
	s.after(time.Second)
	s.step(died(rollout.VRRP), "WorkerDied vrrp again 0s", "Start vrrp")
	s.after(time.Second)
	s.step(notStarted(rollout.VRRP), "WorkerDied vrrp again 100ms")
	s.tick(time.Second, "Start vrrp")
	w, _ := s.m.Status(rollout.VRRP)
	if !errors.Is(w.Err, errStart) || len(w.Deaths) != 2 {
		t.Errorf("it counts as %+v", w)
	}
	s.handed(rollout.VRRP, time.Second, 7*time.Second, false)
}

// The first start of all fails: there is nothing to go on with, and the lvs worker
// may empty the table (lvs_flush).
func TestTheFirstStartFails(t *testing.T) {
	s := newScript(t, both)
	s.step(rollout.Begin{}, "Start lvs", "Start vrrp")
	s.step(notStarted(rollout.LVS), "WorkerDied lvs again 0s", "Start lvs")
	s.handed(rollout.LVS, -1, 0, false)
}

// Nobody goes on with addresses that are removed.
func TestAStartFailsAfterGivingUp(t *testing.T) {
	s := running(t)
	s.giveUp("WorkerDied vrrp again 10s", "Release vrrp", "Lost")
	s.step(released(rollout.VRRP))
	s.tick(10*time.Second, "Start vrrp")
	s.step(notStarted(rollout.VRRP), "WorkerDied vrrp again 10s")
	s.tick(10*time.Second, "Start vrrp")
	s.handed(rollout.VRRP, -1, 0, false)
}

// The addresses of a silent worker go before anything is started, and are tried
// again when that fails.
func TestAStartFailsAfterASilence(t *testing.T) {
	s := running(t)
	s.silence(rollout.VRRP)
	s.step(died(rollout.VRRP), "WorkerDied vrrp again 0s", "Release vrrp", "Lost")
	s.step(rollout.Released{Worker: rollout.VRRP, Err: errors.New("busy")}, "Start vrrp")
	s.step(notStarted(rollout.VRRP), "WorkerDied vrrp again 100ms", "Release vrrp", "Lost")
	s.step(released(rollout.VRRP))
	s.tick(100*time.Millisecond, "Start vrrp")
	s.handed(rollout.VRRP, -1, 0, true)
}

// A table has no peer that takes it over: it forwards on, and the successor of a
// silent lvs worker must not empty it as at the start of director.
func TestSilenceOfTheTableWorker(t *testing.T) {
	s := running(t)
	s.silence(rollout.LVS)
	at := s.now.Sub(time.Unix(1000, 0))
	s.step(died(rollout.LVS), "WorkerDied lvs again 0s", "Start lvs")
	s.handed(rollout.LVS, at, 7*time.Second, false)
}

// What is known of the silence of a worker ends with it.
func TestSilenceEndsWithTheWorker(t *testing.T) {
	s := running(t)
	s.step(rollout.Heard{Worker: rollout.VRRP})
	for range 7 {
		s.m.Step(s.now, rollout.Round{}, nil)
		s.after(rollout.RoundInterval)
	}
	s.step(rollout.Examined{Worker: rollout.VRRP, Pid: 102, Unkillable: "it is stopped"}, "Unkillable")
	s.step(rollout.Died{Worker: rollout.VRRP}, "WorkerDied vrrp again 1s")
	if w, _ := s.m.Status(rollout.VRRP); w.Silent != "" || w.Watched {
		t.Errorf("a worker that does not run is silent (%q), watched %v", w.Silent, w.Watched)
	}
}

// A worker that starts in the middle of a stop is given nothing to do.
func TestAWorkerStartsDuringAStop(t *testing.T) {
	s := running(t)
	s.step(died(rollout.LVS), "WorkerDied lvs again 0s", "Start lvs")
	s.step(rollout.Stop{}, "Finish vrrp 102")
	s.started(rollout.LVS, "WorkerRestarted")
	s.step(rollout.Deploy{Generation: 2})
	s.step(rollout.Died{Worker: rollout.VRRP}, "Finish lvs 103")
	s.step(rollout.Died{Worker: rollout.LVS}, "Release lvs")
	s.step(released(rollout.LVS), "Exit")
}

// What the old worker still does is no merit of its successor.
func TestTheOldWorkerLoadsATableDuringItsReplacement(t *testing.T) {
	s := running(t)
	s.step(rollout.Replace{Workers: both.Workers}, "ReplaceWorker lvs")
	s.step(rollout.Deploy{Generation: 2}, "Hand lvs 2")
	s.step(applied(rollout.LVS, 2))
	s.step(table(2), "Hand vrrp 2")
	s.step(applied(rollout.VRRP, 2), "Deployed 2")
	s.step(replaced(rollout.LVS), "Start lvs")
	s.started(rollout.LVS, "WorkerRestarted", "Hand lvs 2 fresh resuming")
	s.step(applied(rollout.LVS, 2))
	s.step(table(2), "WorkerReplaced", "ReplaceWorker vrrp")
}
