package reload_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/supervisor/reload"
)

type text string

func (t text) Digest() string { return string(t) }

// script runs a machine and writes what it does in words.
type script struct {
	t   *testing.T
	m   *reload.Machine
	now time.Time
}

func begin(t *testing.T) *script {
	return &script{t: t, m: reload.New(text("A")), now: time.Unix(1000, 0)}
}

// step tells the machine something and expects effects, in words.
func (s *script) step(in reload.Input, want ...string) {
	s.t.Helper()
	var got []string
	for _, e := range s.m.Step(s.now, in, nil) {
		got = append(got, words(e))
	}
	if g, w := strings.Join(got, "; "), strings.Join(want, "; "); g != w {
		s.t.Errorf("%+v:\n got %s\nwant %s", in, g, w)
	}
}

func (s *script) after(d time.Duration) { s.now = s.now.Add(d) }

func words(e reload.Effect) string {
	switch e := e.(type) {
	case reload.ReadFile:
		return "read file"
	case reload.ReadHistory:
		return fmt.Sprint("read ", e.Number)
	case reload.Apply:
		return fmt.Sprintf("apply %v as %d (%s)", e.Config, e.Generation,
			[]string{"file", "history", "not confirmed"}[e.Reason])
	case reload.Remember:
		if e.Unconfirmed {
			return "remember unconfirmed"
		}
		return "remember"
	case reload.MarkConfirmed:
		return "mark confirmed"
	case reload.Answer:
		o := e.Outcome
		if !o.Applied {
			return fmt.Sprintf("%d: refused, %s", e.ID, o.Refused)
		}
		w := fmt.Sprintf("%d: applied %v", e.ID, o.Config)
		if o.Overdue {
			w += " overdue"
		}
		if len(o.Problems) > 0 {
			w += " but " + strings.Join(o.Problems, ", ")
		}
		if !o.ConfirmUntil.IsZero() {
			w += fmt.Sprint(" until ", o.ConfirmUntil.Unix())
		}
		return w
	case reload.AnswerConfirm:
		return fmt.Sprintf("%d: confirmed %v", e.ID, e.Waited)
	case reload.Refused:
		return "refused: " + e.Why
	case reload.AwaitConfirmation:
		return fmt.Sprintf("await, else %v", e.Back)
	case reload.Unconfirmed:
		return fmt.Sprintf("%v not confirmed", e.Config)
	case reload.InForce:
		if e.Overdue {
			return "overdue"
		}
		return "in force"
	case reload.TellReloading:
		return "RELOADING"
	case reload.TellReady:
		return "READY"
	}
	return fmt.Sprintf("%T", e)
}

func file(id uint64) reload.Input {
	return reload.Asked{Request: reload.Request{ID: id}}
}

func rollback(id uint64, number int) reload.Input {
	return reload.Asked{Request: reload.Request{ID: id, Number: number}}
}

func onProbation(id uint64, d time.Duration) reload.Input {
	return reload.Asked{Request: reload.Request{ID: id, Confirm: d}}
}

func read(c text) reload.Input { return reload.Read{Config: c} }

var signal = file(0)

// A reload and its one answer.
func TestReload(t *testing.T) {
	s := begin(t)
	s.step(file(1), "RELOADING", "read file")
	s.step(read("B"), "apply B as 2 (file)", "remember")
	if !s.m.Busy() {
		t.Error("not busy while workers apply it")
	}
	s.step(reload.Deployed{Generation: 1})
	s.step(reload.Deployed{Generation: 2, Problems: []string{"no eth9"}}, "in force", "1: applied B but no eth9", "READY")
	s.step(reload.Deployed{Generation: 2})
}

// A file that is being read may be older than the request.
func TestARequestInTheMiddleOfAReadingReadsAgain(t *testing.T) {
	s := begin(t)
	s.step(file(1), "RELOADING", "read file")
	s.step(file(2))
	s.step(signal)
	s.step(read("B"), "RELOADING", "read file")
	s.step(read("C"), "apply C as 2 (file)", "remember")
	s.step(reload.Deployed{Generation: 2}, "in force", "1: applied C", "2: applied C", "READY")
}

func TestRefusals(t *testing.T) {
	s := begin(t)
	s.step(file(1), "RELOADING", "read file")
	s.step(reload.Read{Config: text("B"), Refused: "B has errors"}, "1: refused, B has errors", "refused: B has errors",
		"READY")
	s.step(signal, "RELOADING", "read file")
	s.step(reload.Read{Config: text("B"), Refused: "B has errors"}, "refused: B has errors", "READY")
	s.step(reload.Asked{Request: reload.Request{ID: 2, Expect: "B"}}, "RELOADING", "read file")
	s.step(read("C"), "2: refused, the text has changed since the plan was made: look at the plan again", "READY")
	s.step(rollback(3, 7), "RELOADING", "read 7")
	s.step(reload.Read{Refused: "there is no configuration 7"},
		"3: refused, there is no configuration 7", "refused: there is no configuration 7", "READY")
	if s.m.Generation() != 1 || s.m.Current() != text("A") {
		t.Errorf("%v is in force", s.m.Current())
	}
}

// A letter and a HUP: what costs something that runs needs somebody who says so.
func TestLoss(t *testing.T) {
	s := begin(t)
	loses := reload.Read{Config: text("B"), Loss: "it loses VI_1"}
	s.step(signal, "RELOADING", "read file")
	s.step(loses, "refused: it loses VI_1", "READY")
	s.step(file(1), "RELOADING", "read file")
	s.step(loses, "1: refused, it loses VI_1", "refused: it loses VI_1", "READY")
	s.step(reload.Asked{Request: reload.Request{ID: 2, AcceptLoss: true}}, "RELOADING", "read file")
	s.step(loses, "apply B as 2 (file)", "remember")
	s.step(reload.Deployed{Generation: 2}, "in force", "2: applied B", "READY")
}

func TestRollbackBesideOthers(t *testing.T) {
	s := begin(t)
	s.step(rollback(1, 4), "RELOADING", "read 4")
	s.step(rollback(2, 5), "2: refused, another configuration is being read: ask again")
	s.step(file(3), "3: refused, another configuration is being read: ask again")
	s.step(read("D"), "apply D as 2 (history)", "remember")
	s.step(file(4), "RELOADING", "read file")
	s.step(rollback(5, 4), "5: refused, another configuration is being read: ask again")
	s.step(reload.Deployed{Generation: 2}, "in force", "1: applied D")
	s.step(read("A"), "apply A as 3 (file)", "remember")
	s.step(reload.Deployed{Generation: 3}, "in force", "4: applied A", "READY")

	// A signal is never lost.
	s.step(rollback(6, 4), "RELOADING", "read 4")
	s.step(signal)
	s.step(read("D"), "6: refused, a signal asked for the file at the same time: ask again", "RELOADING", "read file")
	s.step(read("E"), "apply E as 4 (file)", "remember")
}

func TestConfirmation(t *testing.T) {
	s := begin(t)
	s.step(reload.Confirmed{ID: 1}, "1: confirmed false")
	s.step(onProbation(2, time.Minute), "RELOADING", "read file")
	s.step(read("B"), "apply B as 2 (file)", "await, else A", "remember unconfirmed")
	s.step(reload.Deployed{Generation: 2}, "in force", "2: applied B until 1060", "READY")
	s.step(reload.Confirmed{ID: 3}, "mark confirmed", "3: confirmed true")
	s.after(time.Hour)
	s.step(reload.Tick{})
}

func TestWithoutConfirmation(t *testing.T) {
	s := begin(t)
	s.step(onProbation(1, time.Minute), "RELOADING", "read file")
	s.step(read("B"), "apply B as 2 (file)", "await, else A", "remember unconfirmed")
	s.step(reload.Deployed{Generation: 2}, "in force", "1: applied B until 1060", "READY")
	if got := s.m.Deadline(); !got.Equal(s.now.Add(time.Minute)) {
		t.Errorf("deadline %v", got)
	}
	s.after(59 * time.Second)
	s.step(reload.Tick{})
	// Its time begins anew; what comes back stays the same.
	s.step(onProbation(2, 5*time.Second), "RELOADING", "read file")
	s.step(read("C"), "apply C as 3 (file)", "await, else A", "remember unconfirmed")
	s.step(reload.Deployed{Generation: 3}, "in force", "2: applied C until 1064", "READY")
	// A signal does not know of the probation.
	s.step(signal, "RELOADING", "read file")
	s.step(read("D"), "apply D as 4 (file)", "await, else A", "remember unconfirmed")
	s.after(5 * time.Second)
	s.step(reload.Tick{}, "RELOADING", "D not confirmed", "apply A as 5 (not confirmed)", "remember")
	s.step(reload.Confirmed{ID: 3}, "3: confirmed false")
	s.step(reload.Deployed{Generation: 5}, "in force", "READY")
	// Whoever reloads without --confirm is there and content.
	s.step(onProbation(4, time.Minute), "RELOADING", "read file")
	s.step(read("B"), "apply B as 6 (file)", "await, else A", "remember unconfirmed")
	s.step(file(5), "RELOADING", "read file")
	s.step(read("B"), "apply B as 7 (file)", "remember")
	s.after(time.Hour)
	s.step(reload.Deployed{Generation: 7}, "in force", "4: applied B", "5: applied B", "READY")
}

// The end of a probation in the middle of a reading waits for it; until then it
// is not too late to confirm.
func TestTheEndOfAProbationDuringAReading(t *testing.T) {
	for _, confirm := range []bool{false, true} {
		s := begin(t)
		s.step(onProbation(1, time.Second), "RELOADING", "read file")
		s.step(read("B"), "apply B as 2 (file)", "await, else A", "remember unconfirmed")
		s.step(reload.Deployed{Generation: 2}, "in force", "1: applied B until 1001", "READY")
		s.step(signal, "RELOADING", "read file")
		s.after(2 * time.Second)
		s.step(reload.Tick{})
		if !s.m.Deadline().IsZero() {
			t.Error("it wants a Tick that changes nothing")
		}
		bad := reload.Read{Config: text("C"), Refused: "errors"}
		if confirm {
			s.step(reload.Confirmed{ID: 2}, "mark confirmed", "2: confirmed true")
			s.step(bad, "refused: errors", "READY")
			continue
		}
		s.step(bad, "refused: errors", "RELOADING", "B not confirmed", "apply A as 3 (not confirmed)", "remember")
	}
}

func TestOverdue(t *testing.T) {
	s := begin(t)
	s.step(file(1), "RELOADING", "read file")
	s.step(read("B"), "apply B as 2 (file)", "remember")
	s.after(5 * time.Second)
	s.step(file(2), "RELOADING", "read file")
	s.step(read("C"), "apply C as 3 (file)", "remember")
	s.after(15 * time.Second)
	s.step(reload.Tick{}, "1: applied C overdue")
	s.after(5 * time.Second)
	s.step(reload.Tick{}, "2: applied C overdue", "overdue", "READY")
	s.step(reload.Deployed{Generation: 3}, "in force")
}

// While another program takes over nothing begins, and no signal is lost.
func TestHold(t *testing.T) {
	s := begin(t)
	s.step(onProbation(1, time.Second), "RELOADING", "read file")
	s.step(read("B"), "apply B as 2 (file)", "await, else A", "remember unconfirmed")
	s.step(reload.Deployed{Generation: 2}, "in force", "1: applied B until 1001", "READY")
	s.step(reload.Hold{})
	s.after(time.Second)
	s.step(reload.Tick{})
	s.step(file(2), "2: refused, an upgrade is under way: ask again")
	s.step(signal)
	s.step(signal)
	state := s.m.State()
	if !state.Signalled || state.Back != text("A") || state.Generation != 2 {
		t.Errorf("state %+v", state)
	}
	s.step(reload.Release{}, "RELOADING", "read file")
	s.step(read("B"), "apply B as 3 (file)", "await, else A", "remember unconfirmed",
		"RELOADING", "B not confirmed", "apply A as 4 (not confirmed)", "remember")

	s.m = reload.Resume(state)
	s.step(reload.Tick{}, "RELOADING", "B not confirmed", "apply A as 3 (not confirmed)", "remember")
}

func TestStop(t *testing.T) {
	s := begin(t)
	s.step(file(1), "RELOADING", "read file")
	s.step(read("B"), "apply B as 2 (file)", "remember")
	s.step(file(2), "RELOADING", "read file")
	s.step(reload.Stop{}, "2: refused, director is stopping", "1: applied B but director is stopping")
	s.step(read("C"))
	s.step(reload.Deployed{Generation: 2})
	s.step(file(3), "3: refused, director is stopping")
	s.step(signal)
}

// Requests that nobody reads the answers of are no way to fill the memory.
func TestManyRequests(t *testing.T) {
	s := begin(t)
	answers := 0
	for id := range uint64(10_000) {
		for _, e := range s.m.Step(s.now, file(id), nil) {
			if _, ok := e.(reload.Answer); ok {
				answers++
			}
		}
		s.m.Step(s.now, signal, nil)
	}
	if answers < 9_000 {
		t.Errorf("%d requests wait", 10_000-answers)
	}
}
