package reload_test

import (
	"testing"
	"time"

	"github.com/lvs-director/director/supervisor/reload"
)

// Longer stories, told step by step. table_test.go has what each single input does.

// Two who ask at once share one reading, and each is judged by what he asked for.
func TestRequestsThatShareAReading(t *testing.T) {
	ask := func(r reload.Request) reload.Input { return reload.Asked{Request: r} }
	loses := reload.Read{Config: text("B"), Loss: "it loses VI_1"}
	s := begin(t)
	s.step(ask(reload.Request{ID: 1, AcceptLoss: true, Expect: "B"}), "RELOADING", "read file")
	s.step(ask(reload.Request{ID: 2}))
	s.step(ask(reload.Request{ID: 3, AcceptLoss: true, Expect: "X"}))
	s.step(ask(reload.Request{ID: 4, AcceptLoss: true, Confirm: time.Minute}))
	s.step(ask(reload.Request{ID: 5, AcceptLoss: true, Confirm: 30 * time.Second}))
	s.step(loses, "RELOADING", "read file")
	s.step(loses, "2: refused, it loses VI_1",
		"3: refused, the text has changed since the plan was made: look at the plan again", "refused: it loses VI_1",
		"apply B as 2 (file)", "await, else A", "remember unconfirmed")
	s.step(reload.Deployed{Generation: 2}, "in force",
		"1: applied B until 1030", "4: applied B until 1030", "5: applied B until 1030", "READY")
	s.step(reload.Deployed{Generation: 2})
	s.step(reload.Stop{}) // all have their answer
}

// Who asks while the workers still apply the last text is answered with his own.
func TestAReloadOvertakesAnother(t *testing.T) {
	s := begin(t)
	s.step(file(1), "RELOADING", "read file")
	s.step(read("B"), "apply B as 2 (file)", "remember")
	s.step(file(2), "RELOADING", "read file")
	s.step(read("C"), "apply C as 3 (file)", "remember")
	s.step(reload.Deployed{Generation: 2}) // late: 3 is in force
	s.step(reload.Deployed{Generation: 3}, "in force", "1: applied C", "2: applied C", "READY")
}

// Who signals all the time keeps no text from the workers: the next is read when they are done.
func TestSignalsWaitForTheWorkers(t *testing.T) {
	s := begin(t)
	s.step(signal, "RELOADING", "read file")
	s.step(read("B"), "apply B as 2 (file)", "remember")
	s.step(signal)
	s.step(signal)
	s.step(reload.Deployed{Generation: 2}, "in force", "RELOADING", "read file")
	s.step(read("C"), "apply C as 3 (file)", "remember")
	s.step(signal)
	if got := s.m.Deadline(); !got.Equal(s.now.Add(reload.SignalPause)) {
		t.Errorf("it wants a Tick at %v, now is %v", got, s.now)
	}
	s.after(reload.SignalPause) // a worker hangs: the text may be what has it hang
	s.step(reload.Tick{}, "RELOADING", "read file")
	s.step(read("D"), "apply D as 4 (file)", "remember")
	s.step(signal)
	s.step(file(1), "RELOADING", "read file") // and the signal shares its reading
	s.step(reload.Read{Config: text("E"), Loss: "it loses VI_1"}, "1: refused, it loses VI_1", "refused: it loses VI_1")
	s.step(reload.Deployed{Generation: 4}, "in force", "READY")
}

// A text that is refused changes nothing, and the next signal reads anew.
func TestARefusedTextChangesNothing(t *testing.T) {
	s := begin(t)
	s.step(onProbation(1, time.Minute), "RELOADING", "read file")
	s.step(read("B"), "apply B as 2 (file)", "await, else A", "remember unconfirmed")
	s.step(reload.Deployed{Generation: 2}, "in force", "1: applied B until 1060", "READY")
	for range 2 {
		s.step(signal, "RELOADING", "read file")
		s.step(reload.Read{Refused: "no such file"}, "refused: no such file", "READY")
		if s.m.Current() != text("B") || s.m.Generation() != 2 || s.m.Busy() {
			t.Errorf("%v is in force as %d, busy %v", s.m.Current(), s.m.Generation(), s.m.Busy())
		}
		if s.m.Back() != text("A") || !s.m.ConfirmUntil().Equal(time.Unix(1060, 0)) {
			t.Errorf("%v comes back at %v", s.m.Back(), s.m.ConfirmUntil())
		}
	}
	s.step(signal, "RELOADING", "read file")
	s.step(read("C"), "apply C as 3 (file)", "await, else A", "remember unconfirmed")
}

// A confirmation may come before the workers have applied what it is about.
func TestAConfirmationWhileWorkersApply(t *testing.T) {
	s := begin(t)
	s.step(onProbation(1, time.Second), "RELOADING", "read file")
	s.step(read("B"), "apply B as 2 (file)", "await, else A", "remember unconfirmed")
	s.step(reload.Confirmed{ID: 2}, "mark confirmed", "2: confirmed true")
	s.step(reload.Confirmed{ID: 3}, "3: confirmed false")
	s.after(time.Hour)
	s.step(reload.Deployed{Generation: 2}, "in force", "1: applied B", "READY")
}

// The end comes before the workers have applied it: they apply the one before,
// and who asked hears what is in force then.
func TestAnEndWhileWorkersApply(t *testing.T) {
	s := begin(t)
	s.step(onProbation(1, time.Second), "RELOADING", "read file")
	s.step(read("B"), "apply B as 2 (file)", "await, else A", "remember unconfirmed")
	s.after(time.Second)
	s.step(reload.Tick{}, "RELOADING", "B not confirmed", "apply A as 3 (not confirmed)", "remember")
	s.step(reload.Confirmed{ID: 2}, "2: confirmed false")
	s.step(reload.Deployed{Generation: 2})
	s.step(reload.Deployed{Generation: 3}, "in force", "1: applied A", "READY")
	if !s.m.Deadline().IsZero() {
		t.Errorf("it wants a Tick at %v", s.m.Deadline())
	}
}

// A rollback during the wait is somebody's wish, and ends the wait.
func TestARollbackDuringTheWait(t *testing.T) {
	s := begin(t)
	s.step(onProbation(1, time.Second), "RELOADING", "read file")
	s.step(read("B"), "apply B as 2 (file)", "await, else A", "remember unconfirmed")
	s.step(reload.Deployed{Generation: 2}, "in force", "1: applied B until 1001", "READY")
	s.step(rollback(2, 9), "RELOADING", "read 9")
	s.step(reload.Read{Refused: "there is no configuration 9"},
		"2: refused, there is no configuration 9", "refused: there is no configuration 9", "READY")
	s.step(rollback(3, 1), "RELOADING", "read 1")
	s.step(read("A"), "apply A as 3 (history)", "remember")
	s.after(time.Hour)
	s.step(reload.Deployed{Generation: 3}, "in force", "3: applied A", "READY")
}

// A worker cannot do all of it: who asked hears what, as long as he waits.
func TestAWorkerThatCannotApply(t *testing.T) {
	problems := []string{"no eth9", "no IPVS"}
	s := begin(t)
	s.step(file(1), "RELOADING", "read file")
	s.step(read("B"), "apply B as 2 (file)", "remember")
	s.after(reload.Patience / 2)
	s.step(file(2), "RELOADING", "read file")
	s.step(reload.Deployed{Generation: 2, Problems: problems}, "in force", "1: applied B but no eth9, no IPVS")
	s.step(read("B"), "apply B as 3 (file)", "remember")
	if got := s.m.Deadline(); !got.Equal(s.now.Add(reload.Patience)) {
		t.Errorf("deadline %v", got)
	}
	s.after(reload.Patience)
	s.step(reload.Tick{}, "2: applied B overdue", "overdue", "READY")
	s.step(reload.Deployed{Generation: 3, Problems: problems}, "in force")
}

// TestResume: what another program has begun goes on in this one.
func TestResume(t *testing.T) {
	until := time.Unix(1060, 0)
	for _, tc := range []struct {
		name     string
		state    reload.State
		deadline time.Time
		tick     []string // at until
		then     []string // a confirmation
	}{
		{"nothing", reload.State{Generation: 7, Current: text("B")}, time.Time{}, nil, []string{"1: confirmed false"}},
		{"a wait", reload.State{Generation: 7, Current: text("B"), Back: text("A"), Until: until}, until,
			[]string{"RELOADING", "B not confirmed", "apply A as 8 (not confirmed)", "remember"},
			[]string{"1: confirmed false"}},
	} {
		s := begin(t)
		s.m = reload.Resume(tc.state)
		if got := s.m.State(); got != tc.state || s.m.Busy() || !s.m.Deadline().Equal(tc.deadline) {
			t.Errorf("%s: %+v, busy %v, deadline %v", tc.name, got, s.m.Busy(), s.m.Deadline())
		}
		s.after(time.Minute - 1)
		s.step(reload.Tick{})
		s.after(1)
		s.step(reload.Tick{}, tc.tick...)
		s.step(reload.Confirmed{ID: 1}, tc.then...)
	}
	s := begin(t)
	s.m = reload.Resume(reload.State{Generation: 7, Current: text("B"), Back: text("A"), Until: until, Signalled: true})
	s.step(signal, "RELOADING", "read file") // whoever resumes tells it again
	s.step(reload.Confirmed{ID: 1}, "mark confirmed", "1: confirmed true")
	s.step(read("C"), "apply C as 8 (file)", "remember")
}
