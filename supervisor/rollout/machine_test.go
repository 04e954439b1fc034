package rollout_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/supervisor/rollout"
)

// script runs a machine and writes what it does in words.
type script struct {
	t   *testing.T
	m   *rollout.Machine
	now time.Time
	pid int
}

func newScript(t *testing.T, o rollout.Options) *script {
	return &script{t: t, m: rollout.New(o), now: time.Unix(1000, 0), pid: 100}
}

var both = rollout.Options{Workers: []rollout.Worker{rollout.LVS, rollout.VRRP}}

func (s *script) step(in rollout.Input, want ...string) {
	s.t.Helper()
	var got []string
	for _, e := range s.m.Step(s.now, in, nil) {
		got = append(got, inWords(e))
	}
	if g, w := strings.Join(got, "; "), strings.Join(want, "; "); g != w {
		s.t.Errorf("%+v:\n got %s\nwant %s", in, g, w)
	}
}

func inWords(e rollout.Effect) string {
	return strings.TrimPrefix(fmt.Sprintf("%T", e), "rollout.") + detail(e)
}

func detail(e rollout.Effect) string {
	switch e := e.(type) {
	case rollout.Start:
		return " " + string(e.Worker)
	case rollout.Hand:
		d := fmt.Sprintf(" %s %d", e.Worker, e.Generation)
		if e.Fresh {
			d += " fresh"
		}
		if !e.Predecessor.Died.IsZero() {
			d += " resuming"
		}
		return d
	case rollout.Finish:
		return fmt.Sprintf(" %s %d", e.Worker, e.Pid)
	case rollout.Kill:
		return fmt.Sprintf(" %s %d", e.Worker, e.Pid)
	case rollout.Release:
		return " " + string(e.Worker)
	case rollout.ReplaceWorker:
		return " " + string(e.Worker)
	case rollout.WorkerDied:
		return fmt.Sprintf(" %s again %v", e.Worker, e.Again)
	case rollout.Deployed:
		return fmt.Sprint(" ", e.Generation)
	case rollout.AnswerUpgrade:
		return " " + e.Refused
	}
	return ""
}

func (s *script) after(d time.Duration) {
	s.now = s.now.Add(d)
}

// wait lets time pass with a Tick whenever the machine wants one; want is of the last one.
func (s *script) wait(d time.Duration, want ...string) {
	s.t.Helper()
	for end := s.now.Add(d); ; {
		if s.now = s.m.Deadline(); s.now.IsZero() || s.now.After(end) {
			s.now = end
		}
		if !s.now.Before(end) {
			s.step(rollout.Tick{}, want...)
			return
		}
		s.step(rollout.Tick{})
	}
}

func (s *script) started(w rollout.Worker, want ...string) {
	s.t.Helper()
	s.pid++
	s.step(rollout.Started{Worker: w, Pid: s.pid}, want...)
}

func applied(w rollout.Worker, g uint64) rollout.Input {
	return rollout.Applied{Worker: w, Generation: g}
}

func table(g uint64) rollout.Input {
	return rollout.TableLoaded{Table: rollout.Table{Generation: g}}
}

var errKilled = errors.New("signal: killed")

func died(w rollout.Worker) rollout.Input { return rollout.Died{Worker: w, Err: errKilled} }

// running is a director in service with pid 101 (lvs) and 102 (vrrp).
func running(t *testing.T) *script {
	t.Helper()
	s := newScript(t, both)
	s.step(rollout.Begin{}, "Start lvs", "Start vrrp")
	s.started(rollout.LVS, "Hand lvs 1 fresh")
	s.started(rollout.VRRP, "Hand vrrp 1 fresh")
	s.step(applied(rollout.VRRP, 1))
	s.step(applied(rollout.LVS, 1), "Deployed 1")
	if s.m.MayMaster() || s.m.InService() {
		t.Error("in service before the table is loaded")
	}
	s.step(table(1), "Proceed", "InService")
	if !s.m.MayMaster() || !s.m.Deadline().IsZero() {
		t.Errorf("may master %v, deadline %v", s.m.MayMaster(), s.m.Deadline())
	}
	return s
}

func TestStart(t *testing.T) { running(t) }

// Without an lvs worker there is no table to wait for.
func TestStartWithoutTable(t *testing.T) {
	s := newScript(t, rollout.Options{Workers: []rollout.Worker{rollout.VRRP}})
	s.step(rollout.Begin{}, "Start vrrp")
	s.started(rollout.VRRP, "Hand vrrp 1 fresh")
	s.step(applied(rollout.VRRP, 1), "Deployed 1", "InService")
	s.after(time.Hour)
	s.step(rollout.Tick{})
	s.step(rollout.Deploy{Generation: 2}, "Hand vrrp 2")
}

func TestTheTableTakesTooLong(t *testing.T) {
	s := newScript(t, both)
	s.step(rollout.Begin{}, "Start lvs", "Start vrrp")
	s.started(rollout.VRRP, "Hand vrrp 1 fresh")
	s.after(rollout.TablePatience)
	s.step(rollout.Tick{}, "TableNotLoaded", "Proceed")
}

// The table first, then the addresses.
func TestDeploy(t *testing.T) {
	s := running(t)
	s.step(rollout.Deploy{Generation: 2}, "Hand lvs 2")
	s.step(applied(rollout.LVS, 2))
	s.step(rollout.TableLoaded{Table: rollout.Table{Generation: 2, Problem: "no such scheduler"}})
	s.step(table(1))
	s.step(table(2), "Hand vrrp 2")
	s.step(applied(rollout.VRRP, 2), "Deployed 2")
	s.step(rollout.Deploy{Generation: 3}, "Hand lvs 3")
	s.after(rollout.TablePatience)
	s.step(rollout.Tick{}, "TableNotLoaded", "Hand vrrp 3")
}

// A reload before the first table is loaded reaches the vrrp worker too.
func TestDeployBeforeTheFirstTable(t *testing.T) {
	s := newScript(t, both)
	s.step(rollout.Begin{}, "Start lvs", "Start vrrp")
	s.started(rollout.VRRP, "Hand vrrp 1 fresh")
	s.started(rollout.LVS, "Hand lvs 1 fresh")
	s.step(rollout.Deploy{Generation: 2}, "Hand lvs 2")
	s.step(table(1))
	s.step(table(2), "Proceed", "Hand vrrp 2")
}

// A vrrp worker that dies while the table is awaited gets what the last one
// had; one that never had anything waits with everything.
func TestDeathWhileTheTableIsAwaited(t *testing.T) {
	s := running(t)
	s.step(rollout.Deploy{Generation: 2}, "Hand lvs 2")
	s.step(died(rollout.VRRP), "WorkerDied vrrp again 0s", "Start vrrp")
	s.started(rollout.VRRP, "WorkerRestarted", "Hand vrrp 1 fresh resuming")
	s.step(died(rollout.LVS), "WorkerDied lvs again 0s", "Start lvs")
	s.started(rollout.LVS, "WorkerRestarted", "Hand lvs 2 fresh resuming")
	s.step(table(2), "Hand vrrp 2")
}

// Five deaths within a minute are too many: what it held is removed, and tries
// go on slowly.
func TestAWorkerThatKeepsDying(t *testing.T) {
	s := running(t)
	for n, again := range []string{"0s", "100ms", "400ms", "1.6s"} {
		s.after(time.Second)
		if n == 0 {
			s.step(died(rollout.VRRP), "WorkerDied vrrp again "+again, "Start vrrp")
		} else {
			s.step(died(rollout.VRRP), "WorkerDied vrrp again "+again)
			s.after(2 * time.Second)
			s.step(rollout.Tick{}, "Start vrrp")
		}
		s.started(rollout.VRRP, "WorkerRestarted", "Hand vrrp 1 fresh resuming")
	}
	s.step(died(rollout.VRRP), "WorkerDied vrrp again 10s", "Release vrrp", "Lost")
	s.after(time.Minute)
	s.step(rollout.Tick{}) // not before its addresses are gone
	s.step(rollout.Released{Worker: rollout.VRRP}, "Start vrrp")
	s.started(rollout.VRRP, "WorkerRestarted", "Hand vrrp 1 fresh")
}

// Whoever ends by itself was asked to, by somebody who is about to ask us too.
func TestAWorkerThatEndsByItself(t *testing.T) {
	s := running(t)
	s.step(rollout.Died{Worker: rollout.VRRP}, "WorkerDied vrrp again 1s")
	s.step(rollout.Stop{}, "Finish lvs 101") // it has cleaned up after itself
	s.step(rollout.Died{Worker: rollout.LVS}, "Exit")
}

func TestStop(t *testing.T) {
	s := running(t)
	s.step(rollout.Stop{}, "Finish vrrp 102")
	s.step(died(rollout.LVS))
	s.step(rollout.Died{Worker: rollout.VRRP}, "Release lvs")
	s.step(rollout.Released{Worker: rollout.LVS}, "Exit")
}

// Addresses of a worker that was killed a moment before do not stay.
func TestStopBetweenTwoLives(t *testing.T) {
	s := running(t)
	s.step(died(rollout.VRRP), "WorkerDied vrrp again 0s", "Start vrrp")
	s.step(rollout.Stop{}, "Finish vrrp 0")
	s.started(rollout.VRRP, "Finish vrrp 103")
	s.step(rollout.Died{Worker: rollout.VRRP}, "Release vrrp")
	s.step(rollout.Released{Worker: rollout.VRRP, Err: errors.New("busy")}, "Finish lvs 101")
	s.wait(rollout.FinishPatience, "Kill lvs 101", "Release lvs")
	s.step(rollout.Released{Worker: rollout.LVS}, "Exit")
}

// keepalived's -V and -I.
func TestStopKeepsWhatIsToBeKept(t *testing.T) {
	o := both
	o.Keep = o.Workers
	s := newScript(t, o)
	s.step(rollout.Begin{}, "Start lvs", "Start vrrp")
	s.started(rollout.VRRP, "Hand vrrp 1 fresh")
	s.step(died(rollout.VRRP), "WorkerDied vrrp again 0s", "Start vrrp")
	s.step(rollout.Stop{}, "Finish vrrp 0")
	s.step(died(rollout.VRRP), "Finish lvs 0")
	s.step(died(rollout.LVS), "Exit")
}

func TestUpgradeIsRefused(t *testing.T) {
	asked := rollout.UpgradeAsked{ID: 1}
	s := newScript(t, both)
	s.step(rollout.Begin{}, "Start lvs", "Start vrrp")
	s.step(asked, "AnswerUpgrade director is not in service yet")
	s = running(t)
	s.step(rollout.UpgradeAsked{ID: 1, Busy: true},
		"AnswerUpgrade a configuration is being put in force: ask again when it is")
	s.step(asked, "TryProgram")
	s.step(rollout.UpgradeAsked{ID: 2}, "AnswerUpgrade another upgrade is under way")
	s.step(rollout.ProgramTried{Err: errors.New("no director")}, "AnswerUpgrade no director")
	s.step(asked, "TryProgram")
	s.step(died(rollout.VRRP), "WorkerDied vrrp again 0s", "Start vrrp")
	s.step(rollout.ProgramTried{}, "AnswerUpgrade the vrrp worker does not run")
	s.started(rollout.VRRP, "WorkerRestarted", "Hand vrrp 1 fresh resuming")
	s.step(asked, "AnswerUpgrade the vrrp worker does not have the configuration in force yet")
}

func TestUpgradeThatFails(t *testing.T) {
	s := running(t)
	s.step(rollout.UpgradeAsked{ID: 1}, "TryProgram")
	s.step(rollout.ProgramTried{}, "AnswerUpgrade ", "Prepare")
	s.step(rollout.Prepared{}, "Exec")
	s.step(rollout.ExecFailed{Err: errors.New("no such file")}, "UpgradeFailed")
	if s.m.Upgrading() || s.m.UpgradeProblem() != "nothing has changed: no such file" {
		t.Errorf("upgrading %v: %s", s.m.Upgrading(), s.m.UpgradeProblem())
	}
	s.step(rollout.UpgradeAsked{ID: 2}, "TryProgram")
	s.step(rollout.ProgramTried{}, "AnswerUpgrade ", "Prepare")
	s.step(rollout.Stop{}, "UpgradeFailed", "Finish vrrp 102")
	s.step(rollout.Prepared{})
}

// After an upgrade the workers are replaced one at a time, which is no death.
func TestReplace(t *testing.T) {
	s := running(t)
	s.m = rollout.Resume(both, s.m.State())
	s.step(rollout.Replace{Workers: both.Workers}, "ReplaceWorker lvs")
	s.step(rollout.UpgradeAsked{ID: 1}, "AnswerUpgrade another upgrade is under way")
	s.step(rollout.Died{Worker: rollout.LVS, Planned: true, Err: errKilled}, "Start lvs")
	s.started(rollout.LVS, "WorkerRestarted", "Hand lvs 1 fresh resuming")
	s.step(applied(rollout.LVS, 1))
	s.step(table(1), "WorkerReplaced", "ReplaceWorker vrrp")
	s.step(rollout.Died{Worker: rollout.VRRP, Planned: true, Err: errKilled}, "Start vrrp")
	s.started(rollout.VRRP, "WorkerRestarted", "Hand vrrp 1 fresh resuming")
	s.step(applied(rollout.VRRP, 1), "WorkerReplaced")
	if s.m.Replacing() || len(s.m.Replaced()) != 2 {
		t.Errorf("replaced %v", s.m.Replaced())
	}
}

func TestAReplacementThatDoesNotComeBack(t *testing.T) {
	s := running(t)
	s.m = rollout.Resume(both, s.m.State())
	s.step(rollout.Replace{Workers: both.Workers}, "ReplaceWorker lvs")
	s.step(rollout.Died{Worker: rollout.LVS, Planned: true}, "Start lvs")
	s.after(rollout.ReplacePatience)
	s.step(rollout.Tick{}, "ReplaceFailed")
	want := "the new lvs worker is not in service after 10s; the vrrp worker still runs the program before"
	if got := s.m.ReplaceProblem(); got != want || s.m.Replacing() {
		t.Errorf("%q", got)
	}
}
