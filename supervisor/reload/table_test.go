package reload_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/supervisor/reload"
)

// The table of the machine: for each state, what each input does. An input that a
// state does not name does nothing in it. 9 is who asks now, 1 and 2 asked before.

// asks are the inputs, by the names that the table has for them.
var asks = map[string]reload.Input{
	"signal":    signal,
	"file":      file(9),
	"rollback":  rollback(9, 4),
	"read":      read("C"),
	"bad":       reload.Read{Config: text("C"), Refused: "errors"},
	"loss":      reload.Read{Config: text("C"), Loss: "loses VI_1"},
	"deployed":  reload.Deployed{Generation: 2},
	"confirmed": reload.Confirmed{ID: 9},
	"tick":      reload.Tick{},
	"hold":      reload.Hold{},
	"release":   reload.Release{},
	"stop":      reload.Stop{},
}

const (
	reads    = "RELOADING; read file"
	busy     = "9: refused, another configuration is being read: ask again"
	upgrades = "9: refused, an upgrade is under way: ask again"
	stops    = "9: refused, director is stopping"
	nothing  = "9: confirmed false"
	await    = "await, else A; remember unconfirmed"
	goesBack = "RELOADING; B not confirmed; apply A as 3 (not confirmed); remember"
)

// applied are the inputs after which B is in force and deployed, asked for by 1;
// untried is the same with a minute to confirm it.
var (
	applied = []reload.Input{file(1), read("B"), reload.Deployed{Generation: 2}}
	untried = []reload.Input{onProbation(1, time.Minute), read("B"), reload.Deployed{Generation: 2}}
)

var table = []struct {
	state  string
	before []reload.Input
	wait   time.Duration // after before
	want   map[string]string
}{
	{"idle", nil, 0, map[string]string{
		"signal":    reads,
		"file":      reads,
		"rollback":  "RELOADING; read 4",
		"confirmed": nothing,
	}},
	{"deployed", applied, time.Hour, map[string]string{
		"signal":    reads,
		"file":      reads,
		"rollback":  "RELOADING; read 4",
		"confirmed": nothing,
	}},
	{"reading the file for 1", []reload.Input{file(1)}, 0, map[string]string{
		"rollback":  busy,
		"read":      "apply C as 2 (file); remember",
		"bad":       "1: refused, errors; refused: errors; READY",
		"loss":      "1: refused, loses VI_1; refused: loses VI_1; READY",
		"confirmed": nothing,
		"stop":      "1: refused, director is stopping",
	}},
	{"reading the file for a signal", []reload.Input{signal}, 0, map[string]string{
		"rollback":  busy,
		"read":      "apply C as 2 (file); remember",
		"bad":       "refused: errors; READY",
		"loss":      "refused: loses VI_1; READY",
		"confirmed": nothing,
	}},
	{"reading the file for 1, and 2 asked meanwhile", []reload.Input{file(1), file(2)}, 0, map[string]string{
		"rollback":  busy,
		"read":      reads,
		"bad":       reads,
		"loss":      reads,
		"confirmed": nothing,
		"stop":      "1: refused, director is stopping; 2: refused, director is stopping",
	}},
	{"reading it again for 1 and 2", []reload.Input{file(1), file(2), read("B")}, 0, map[string]string{
		"rollback":  busy,
		"read":      "apply C as 2 (file); remember",
		"bad":       "1: refused, errors; 2: refused, errors; refused: errors; READY",
		"loss":      "1: refused, loses VI_1; 2: refused, loses VI_1; refused: loses VI_1; READY",
		"confirmed": nothing,
		"stop":      "1: refused, director is stopping; 2: refused, director is stopping",
	}},
	{"reading the history for 1", []reload.Input{rollback(1, 4)}, 0, map[string]string{
		"file":      busy,
		"rollback":  busy,
		"read":      "apply C as 2 (history); remember",
		"bad":       "1: refused, errors; refused: errors; READY",
		"loss":      "1: refused, loses VI_1; refused: loses VI_1; READY",
		"confirmed": nothing,
		"stop":      "1: refused, director is stopping",
	}},
	{"reading the history for 1, and a signal came", []reload.Input{rollback(1, 4), signal}, 0, map[string]string{
		"file":      busy,
		"rollback":  busy,
		"read":      "1: refused, a signal asked for the file at the same time: ask again; " + reads,
		"bad":       "1: refused, a signal asked for the file at the same time: ask again; " + reads,
		"loss":      "1: refused, a signal asked for the file at the same time: ask again; " + reads,
		"confirmed": nothing,
		"stop":      "1: refused, director is stopping",
	}},
	{"the workers apply B for 1", []reload.Input{file(1), read("B")}, reload.Patience - 1, map[string]string{
		"signal":    "",
		"file":      reads,
		"rollback":  "RELOADING; read 4",
		"deployed":  "in force; 1: applied B; READY",
		"confirmed": nothing,
		"stop":      "1: applied B but director is stopping",
	}},
	{"they have taken Patience", []reload.Input{file(1), read("B")}, reload.Patience, map[string]string{
		"signal":    "",
		"file":      reads,
		"rollback":  "RELOADING; read 4",
		"deployed":  "in force; 1: applied B; READY",
		"confirmed": nothing,
		"tick":      "1: applied B overdue; overdue; READY",
		"stop":      "1: applied B but director is stopping",
	}},
	{"B has to be confirmed", untried, time.Minute - 1, map[string]string{
		"signal":    reads,
		"file":      reads,
		"rollback":  "RELOADING; read 4",
		"confirmed": "mark confirmed; 9: confirmed true",
	}},
	// A confirmation that comes at the moment of the end counts, when the Tick did not
	// come before it. Whoever asks for another text at that moment is heard first.
	{"B was not confirmed in time", untried, time.Minute, map[string]string{
		"signal":    reads,
		"file":      reads,
		"rollback":  "RELOADING; read 4",
		"confirmed": "mark confirmed; 9: confirmed true",
		"read":      goesBack,
		"bad":       goesBack,
		"loss":      goesBack,
		"deployed":  goesBack,
		"tick":      goesBack,
		"release":   goesBack,
	}},
	{"the same while the file is read", append(untried[:3:3], signal), time.Minute, map[string]string{
		"rollback":  busy,
		"read":      "apply C as 3 (file); " + await + "; RELOADING; C not confirmed; apply A as 4 (not confirmed); remember",
		"bad":       "refused: errors; " + goesBack,
		"loss":      "refused: loses VI_1; " + goesBack,
		"confirmed": "mark confirmed; 9: confirmed true",
	}},
	{"the same while the history is read", append(untried[:3:3], rollback(2, 4)), time.Minute, map[string]string{
		"file":      busy,
		"rollback":  busy,
		"read":      "apply C as 3 (history); remember",
		"bad":       "2: refused, errors; refused: errors; " + goesBack,
		"loss":      "2: refused, loses VI_1; refused: loses VI_1; " + goesBack,
		"confirmed": "mark confirmed; 9: confirmed true",
		"stop":      "2: refused, director is stopping",
	}},
	{"held while B has to be confirmed", append(untried[:3:3], reload.Hold{}), time.Hour, map[string]string{
		"file":      upgrades,
		"rollback":  upgrades,
		"confirmed": "mark confirmed; 9: confirmed true",
		"release":   goesBack,
	}},
	{"held, and a signal came", []reload.Input{reload.Hold{}, signal}, 0, map[string]string{
		"file":      upgrades,
		"rollback":  upgrades,
		"confirmed": nothing,
		"release":   reads,
	}},
	{"held, and 1 was refused", []reload.Input{reload.Hold{}, file(1)}, 0, map[string]string{
		"file":      upgrades,
		"rollback":  upgrades,
		"confirmed": nothing,
	}},
	{"stopped while the workers apply B for 1", []reload.Input{file(1), read("B"), reload.Stop{}}, time.Hour,
		map[string]string{
			"file":      stops,
			"rollback":  stops,
			"confirmed": nothing,
		}},
	{"stopped while B has to be confirmed", append(untried[:3:3], reload.Stop{}), time.Hour, map[string]string{
		"file":      stops,
		"rollback":  stops,
		"confirmed": nothing,
	}},
}

// TestTable takes each input in each state.
func TestTable(t *testing.T) {
	for _, row := range table {
		for name, in := range asks {
			s := begin(t)
			for _, b := range row.before {
				s.m.Step(s.now, b, nil)
			}
			s.after(row.wait)
			var got []string
			for _, e := range s.m.Step(s.now, in, nil) {
				got = append(got, words(e))
			}
			if g := strings.Join(got, "; "); g != row.want[name] {
				t.Errorf("%s: %s:\n got %s\nwant %s", row.state, name, g, row.want[name])
			}
		}
		for name := range row.want {
			if asks[name] == nil {
				t.Errorf("%s: there is no input %s", row.state, name)
			}
		}
	}
}
