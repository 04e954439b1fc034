package rollout_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/lvs-director/director/supervisor/rollout"
)

// Longer stories of workers, told step by step. table_test.go has what each
// single input does.

// Each death within a minute, after a short life, makes the next start wait longer, and the
// fifth is too many. Deaths before that minute count no more.
func TestBackOff(t *testing.T) {
	s := running(t)
	for n, tc := range []struct {
		after time.Duration // since the last start
		again time.Duration
	}{
		{time.Second, 0},
		{time.Second, 100 * time.Millisecond},
		{time.Second, 400 * time.Millisecond},
		{time.Second, 1600 * time.Millisecond},
		{time.Minute, 0}, // a quiet minute
		{0, 100 * time.Millisecond},
		{0, 400 * time.Millisecond},
		{0, 1600 * time.Millisecond},
		{0, 10 * time.Second},
		{0, 10 * time.Second},
		{time.Minute - 11*time.Second, 0}, // it had lived
		{0, 400 * time.Millisecond},       // the one before the last counts still
	} {
		s.after(tc.after)
		want := []string{fmt.Sprint("WorkerDied lvs again ", tc.again)}
		if tc.again == 0 {
			want = append(want, "Start lvs")
		}
		s.step(died(rollout.LVS), want...)
		if tc.again != 0 {
			if got := s.m.Deadline(); !got.Equal(s.now.Add(tc.again)) {
				t.Errorf("death %d: deadline %v", n, got)
			}
			s.tick(tc.again - 1)
			s.tick(1, "Start lvs")
		}
		s.started(rollout.LVS, "WorkerRestarted", "Hand lvs 1 fresh resuming")
	}
}

// A worker that had lived for some time is no worker that dies at its start: its successor waits
// for nothing, or a MASTER of short intervals would lose its mastership. Five deaths in a minute are
// too many all the same.
func TestAWorkerThatHadLivedIsStartedAtOnce(t *testing.T) {
	s := running(t)
	for range 4 {
		s.after(2 * time.Second)
		s.step(died(rollout.VRRP), "WorkerDied vrrp again 0s", "Start vrrp")
		s.started(rollout.VRRP, "WorkerRestarted", "Hand vrrp 1 fresh resuming")
	}
	s.after(2 * time.Second)
	s.step(died(rollout.VRRP), "WorkerDied vrrp again 10s", "Release vrrp", "Lost")

	s = running(t)
	s.after(2 * time.Second)
	s.step(died(rollout.VRRP), "WorkerDied vrrp again 0s", "Start vrrp")
	s.after(3 * time.Second)
	s.step(notStarted(rollout.VRRP), "WorkerDied vrrp again 100ms") // that one has not lived at all
	s.tick(100*time.Millisecond, "Start vrrp")
	s.started(rollout.VRRP, "WorkerRestarted", "Hand vrrp 1 fresh resuming")
	s.after(2*time.Second - 1)
	s.step(died(rollout.VRRP), "WorkerDied vrrp again 400ms")
}

// Deaths count on after an upgrade: a program that is put in force makes nothing good.
func TestBackOffAfterAnUpgrade(t *testing.T) {
	s := running(t)
	for range 2 {
		s.do(died(rollout.LVS), time.Second, rollout.Tick{}, rollout.Started{Worker: rollout.LVS, Pid: 103})
	}
	s.m = rollout.Resume(both, s.m.State())
	s.step(died(rollout.LVS), "WorkerDied lvs again 400ms")
}

// A new configuration does not hurry a worker that is given up: the next slow try
// has it, which comes before whoever asked is told that it takes long.
func TestANewConfigurationForAWorkerThatIsGivenUp(t *testing.T) {
	s := running(t)
	s.giveUp("WorkerDied vrrp again 10s", "Release vrrp", "Lost")
	s.step(released(rollout.VRRP))
	s.step(rollout.Deploy{Generation: 2}, "Hand lvs 2")
	s.step(applied(rollout.LVS, 2))
	s.step(table(2))
	s.tick(10*time.Second, "Start vrrp")
	s.started(rollout.VRRP, "WorkerRestarted", "Hand vrrp 2 fresh")
	s.step(applied(rollout.VRRP, 2), "Deployed 2")
	// Its addresses are there again, and go again with it.
	s.step(died(rollout.VRRP), "WorkerDied vrrp again 10s", "Release vrrp", "Lost")
}

// While addresses are being withdrawn a stop lets the services stay, also those of a worker that does not run, and
// nobody else waits.
func TestAStopWithdrawsBeforeServicesGo(t *testing.T) {
	s := running(t)
	s.step(rollout.Stop{Withdrawing: true}, "Finish vrrp 102")
	s.step(rollout.Died{Worker: rollout.VRRP})
	s.step(rollout.Tick{})
	s.step(rollout.Withdrawn{}, "Finish lvs 101")
	s.step(rollout.Died{Worker: rollout.LVS}, "Exit")

	s = running(t)
	s.step(died(rollout.LVS), "WorkerDied lvs again 0s", "Start lvs")
	s.step(rollout.Stop{Withdrawing: true}, "Finish vrrp 102")
	s.step(notStarted(rollout.LVS))
	s.step(rollout.Died{Worker: rollout.VRRP})
	s.step(rollout.Withdrawn{}, "Release lvs")
	s.step(released(rollout.LVS), "Exit")
}

// Nobody but the vrrp worker is missed: without the lvs worker the table forwards.
func TestTheTableWorkerIsGivenUp(t *testing.T) {
	s := running(t)
	for range 4 {
		s.do(died(rollout.LVS), 2*time.Second, rollout.Tick{}, rollout.Started{Worker: rollout.LVS, Pid: 103})
	}
	s.step(died(rollout.LVS), "WorkerDied lvs again 10s")
	if w, _ := s.m.Status(rollout.LVS); w.Phase != rollout.GivenUp {
		t.Errorf("phase %v", w.Phase)
	}
	s.step(rollout.Deploy{Generation: 2})
	s.tick(10*time.Second, "TableNotLoaded", "Hand vrrp 2", "Start lvs")
	s.step(applied(rollout.VRRP, 2))
	s.started(rollout.LVS, "WorkerRestarted", "Hand lvs 2 fresh resuming")
	s.step(applied(rollout.LVS, 2), "Deployed 2")
}

// The limit of silence, and two rounds that agree.
func TestLimitsOfSilence(t *testing.T) {
	for _, tc := range []struct {
		worker  rollout.Worker
		limit   time.Duration
		examine time.Duration // since it was heard last
	}{
		{rollout.VRRP, 3 * time.Second, 4 * time.Second},
		{rollout.VRRP, 36 * time.Millisecond, 3 * time.Second},
		{rollout.LVS, 3 * time.Second, 31 * time.Second},
	} {
		s := running(t)
		s.step(rollout.Round{})
		s.step(rollout.Heard{Worker: tc.worker, Limit: tc.limit})
		for at := rollout.RoundInterval; at < tc.examine; at += rollout.RoundInterval {
			s.after(rollout.RoundInterval)
			s.step(rollout.Round{})
		}
		s.after(rollout.RoundInterval)
		s.step(rollout.Round{}, "Examine")
		s.step(rollout.Heard{Worker: tc.worker}) // it lives after all
		w, _ := s.m.Status(tc.worker)
		s.step(rollout.Examined{Worker: tc.worker, Pid: w.Pid})
	}
}

// The old worker dies by itself before it is replaced: a death that counts, and its
// successor runs the new program all the same.
func TestTheOldWorkerDiesBeforeItIsReplaced(t *testing.T) {
	s := running(t)
	s.step(rollout.Replace{Workers: both.Workers}, "ReplaceWorker lvs")
	s.step(died(rollout.LVS), "WorkerDied lvs again 0s", "Start lvs")
	s.started(rollout.LVS, "WorkerRestarted", "Hand lvs 1 fresh resuming")
	s.step(applied(rollout.LVS, 1))
	s.step(table(1), "WorkerReplaced", "ReplaceWorker vrrp")
	s.step(replaced(rollout.LVS), "Start lvs") // the kill was late, and meets the new one
	s.step(replaced(rollout.VRRP), "Start vrrp")
	s.started(rollout.VRRP, "WorkerRestarted", "Hand vrrp 1 fresh resuming")
	s.step(applied(rollout.VRRP, 1), "WorkerReplaced")
	if w, _ := s.m.Status(rollout.LVS); len(w.Deaths) != 1 {
		t.Errorf("%d deaths count", len(w.Deaths))
	}
}

// A worker is back in service when it has what is in force by then.
func TestAReloadDuringAReplacement(t *testing.T) {
	s := running(t)
	s.step(rollout.Replace{Workers: both.Workers[1:]}, "ReplaceWorker vrrp")
	s.step(rollout.Deploy{Generation: 2}, "Hand lvs 2")
	s.step(replaced(rollout.VRRP), "Start vrrp")
	s.started(rollout.VRRP, "WorkerRestarted", "Hand vrrp 1 fresh resuming")
	s.step(applied(rollout.VRRP, 1))
	s.step(table(1)) // late
	s.step(applied(rollout.LVS, 2))
	s.step(table(2), "Hand vrrp 2")
	s.step(applied(rollout.VRRP, 1)) // late
	s.step(applied(rollout.VRRP, 2), "Deployed 2", "WorkerReplaced")
}

// A worker that is not back in time ends the replacing, and the next one is left
// alone. An upgrade may be asked for anew.
func TestAnUpgradeAfterAReplacementThatFailed(t *testing.T) {
	s := running(t)
	s.step(rollout.Replace{Workers: both.Workers}, "ReplaceWorker lvs")
	s.step(replaced(rollout.LVS), "Start lvs")
	s.tick(rollout.ReplacePatience, "ReplaceFailed")
	s.step(rollout.UpgradeAsked{ID: 1}, "AnswerUpgrade the lvs worker does not run")
	s.started(rollout.LVS, "WorkerRestarted", "Hand lvs 1 fresh resuming")
	s.step(applied(rollout.LVS, 1))
	s.step(table(1)) // too late
	s.step(rollout.UpgradeAsked{ID: 2}, "TryProgram")
}

// Nobody ends by himself: both are killed, and what they left is removed.
func TestStopOfWorkersThatHang(t *testing.T) {
	s := running(t)
	s.step(rollout.Stop{}, "Finish vrrp 102")
	s.wait(rollout.FinishPatience - 1)
	s.wait(1, "Kill vrrp 102", "Release vrrp")
	s.step(died(rollout.VRRP)) // late
	s.step(rollout.Released{Worker: rollout.VRRP, Err: errors.New("busy")}, "Finish lvs 101")
	s.wait(rollout.FinishPatience, "Kill lvs 101", "Release lvs")
	s.step(released(rollout.LVS), "Exit")
	s.step(died(rollout.LVS))
}

// On a host that has no time for director, its workers have none either: those that are about to end are
// not killed because they take longer, up to a limit.
func TestStopOnABusyHost(t *testing.T) {
	s := running(t)
	s.step(rollout.Stop{}, "Finish vrrp 102")
	for range 4 {
		s.tick(1500 * time.Millisecond)
	}
	s.step(rollout.Died{Worker: rollout.VRRP}, "Finish lvs 101")
	s.tick(rollout.FinishLimit - 1)
	s.tick(1, "Kill lvs 101", "Release lvs")
	s.step(released(rollout.LVS), "Exit")
}

// After a stop only the worker that ends is waited for.
func TestNoTimerOutlivesAStop(t *testing.T) {
	for name, way := range map[string][]any{
		"in service":       serving,
		"the table":        join(serving, rollout.Deploy{Generation: 2}),
		"a back-off":       join(serving, rollout.Died{Worker: rollout.LVS}),
		"given up":         join(fifth, released(rollout.VRRP)),
		"a replacement":    join(serving, rollout.Replace{Workers: both.Workers}),
		"before a table":   up,
		"before the start": {rollout.Begin{}},
	} {
		s := newScript(t, both)
		s.do(join(way, rollout.Stop{}, released(rollout.VRRP), rollout.Died{Worker: rollout.VRRP, Err: errKilled},
			released(rollout.VRRP), rollout.Died{Worker: rollout.LVS, Err: errKilled}, released(rollout.LVS))...)
		if got := s.m.Deadline(); !got.IsZero() || !s.m.Stopping() || s.m.Replacing() {
			t.Errorf("%s: it wants a Tick at %v, replacing %v", name, got, s.m.Replacing())
		}
		s.after(time.Hour)
		s.step(rollout.Tick{})
	}
}
