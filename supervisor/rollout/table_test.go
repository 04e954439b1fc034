package rollout_test

import (
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/supervisor/rollout"
)

// The table of the machine: for each state, what each input does. An input that a
// state does not name does nothing in it. The lvs worker has pid 101, the vrrp
// worker 102, whoever starts next 103.

// inputs are what may happen, by the names that the table has for them.
var inputs = map[string]rollout.Input{
	"deploy":        rollout.Deploy{Generation: 2},
	"lvs starts":    rollout.Started{Worker: rollout.LVS, Pid: 103},
	"vrrp starts":   rollout.Started{Worker: rollout.VRRP, Pid: 103},
	"lvs dies":      died(rollout.LVS),
	"vrrp dies":     died(rollout.VRRP),
	"lvs ends":      rollout.Died{Worker: rollout.LVS},
	"vrrp ends":     rollout.Died{Worker: rollout.VRRP},
	"lvs applied":   applied(rollout.LVS, 1),
	"vrrp applied":  applied(rollout.VRRP, 1),
	"table":         table(1),
	"lvs released":  released(rollout.LVS),
	"vrrp released": released(rollout.VRRP),
	"tick":          rollout.Tick{},
	"replace":       rollout.Replace{Workers: both.Workers},
	"upgrade":       rollout.UpgradeAsked{ID: 9},
	"tried":         rollout.ProgramTried{},
	"prepared":      rollout.Prepared{},
	"exec fails":    rollout.ExecFailed{Err: errors.New("no such file")},
	"stop":          rollout.Stop{},
}

// do takes inputs in, and says nothing of what they do. A number is time.
func (s *script) do(list ...any) {
	for _, in := range list {
		switch in := in.(type) {
		case time.Duration:
			s.after(in)
		case rollout.Input:
			s.m.Step(s.now, in, nil)
		}
	}
}

// Ways to the states.
var (
	up = []any{
		rollout.Begin{}, rollout.Started{Worker: rollout.LVS, Pid: 101}, rollout.Started{Worker: rollout.VRRP, Pid: 102},
	}
	serving = append(up[:3:3], applied(rollout.LVS, 1), applied(rollout.VRRP, 1), table(1))
	lives   = []any{2 * time.Second, rollout.Tick{}, rollout.Started{Worker: rollout.VRRP, Pid: 102}, died(rollout.VRRP)}
	fifth   = join(serving, died(rollout.VRRP), lives, lives, lives, lives)
)

// join makes one list of lists and inputs.
func join(parts ...any) (list []any) {
	for _, p := range parts {
		if l, ok := p.([]any); ok {
			list = append(list, l...)
			continue
		}
		list = append(list, p)
	}
	return list
}

// alive is what deaths and reloads do while both workers run and none has died before.
var alive = effects{
	"deploy":    "Hand lvs 2",
	"lvs dies":  "WorkerDied lvs again 0s; Start lvs",
	"vrrp dies": "WorkerDied vrrp again 0s; Start vrrp",
	"lvs ends":  "WorkerDied lvs again 1s",
	"vrrp ends": "WorkerDied vrrp again 1s",
}

// effects are what inputs do, by their names.
type effects map[string]string

// but is e with what is different; an empty text is nothing.
func (e effects) but(different effects) effects {
	e = maps.Clone(e)
	maps.Copy(e, different)
	return e
}

const (
	notYet     = "AnswerUpgrade director is not in service yet"
	notNow     = "AnswerUpgrade a configuration is being put in force: ask again when it is"
	notTwo     = "AnswerUpgrade another upgrade is under way"
	notDown    = "AnswerUpgrade the vrrp worker does not run"
	notAtAll   = "AnswerUpgrade director is stopping"
	stopBoth   = "Finish vrrp 102"
	replaceLVS = "ReplaceWorker lvs"
)

// upgradeAsked is what comes before another program is tried.
var upgradeAsked = join(serving, rollout.UpgradeAsked{ID: 8})

var states = []struct {
	state string
	way   []any
	want  effects
}{
	{"the workers are being started", []any{rollout.Begin{}}, alive.but(effects{
		"deploy":      "", // they get it when they run
		"lvs starts":  "Hand lvs 1 fresh",
		"vrrp starts": "Hand vrrp 1 fresh",
		"upgrade":     notYet,
		"stop":        "Finish vrrp 0",
	})},
	{"they run and have applied nothing", up, alive.but(effects{
		"table":   "Proceed",
		"upgrade": notYet,
		"stop":    stopBoth,
	})},
	{"in service", serving, alive.but(effects{
		"replace": replaceLVS,
		"upgrade": "TryProgram",
		"stop":    stopBoth,
	})},
	// The table of 1 comes late and lets nobody go on; nothing is replaced before 2 is there.
	{"the table of 2 is awaited", join(serving, rollout.Deploy{Generation: 2}, rollout.TablePatience-1),
		alive.but(effects{
			"upgrade": notNow,
			"stop":    stopBoth,
		})},
	{"the vrrp worker has ended", join(serving, inputs["vrrp ends"], time.Second-1), alive.but(effects{
		"vrrp dies": "",
		"vrrp ends": "",
		"replace":   replaceLVS,
		"upgrade":   notDown,
		"stop":      "Finish lvs 101", // the other one has cleaned up after itself
	})},
	{"it has ended before it applied anything", join(up, inputs["vrrp ends"]), alive.but(effects{
		"vrrp dies": "",
		"vrrp ends": "",
		"upgrade":   notYet,
		"stop":      "Release vrrp",
	})},
	{"it is started again", join(serving, inputs["vrrp ends"], time.Second, rollout.Tick{}), alive.but(effects{
		"vrrp starts": "WorkerRestarted; Hand vrrp 1 fresh resuming",
		"vrrp dies":   "WorkerDied vrrp again 100ms",
		"replace":     replaceLVS,
		"upgrade":     notDown,
		"stop":        "Finish vrrp 0",
	})},
	{"its fifth death in a minute: its addresses go", fifth, alive.but(effects{
		"vrrp dies": "",
		"vrrp ends": "",
		"replace":   replaceLVS,
		"upgrade":   notDown, // a stop waits until they are gone
	})},
	{"it is given up", join(fifth, released(rollout.VRRP), 10*time.Second-1), alive.but(effects{
		"vrrp dies": "",
		"vrrp ends": "",
		"replace":   replaceLVS,
		"upgrade":   notDown,
		"stop":      "Release vrrp",
	})},
	{"the lvs worker is being replaced", join(serving, inputs["replace"]), alive.but(effects{
		"replace": replaceLVS,
		"upgrade": notTwo,
		"stop":    stopBoth,
	})},
	{"its successor has applied 1", join(serving, inputs["replace"], replaced(rollout.LVS), inputs["lvs starts"],
		applied(rollout.LVS, 1)), alive.but(effects{
		"table":   "WorkerReplaced; ReplaceWorker vrrp",
		"replace": replaceLVS,
		"upgrade": notTwo,
		"stop":    stopBoth,
	})},
	{"another program is tried", upgradeAsked, alive.but(effects{
		"replace": replaceLVS,
		"upgrade": notTwo,
		"tried":   "AnswerUpgrade ; Prepare",
		"stop":    notAtAll + "; " + stopBoth,
	})},
	{"an upgrade is prepared", join(upgradeAsked, inputs["tried"]), alive.but(effects{
		"replace":  replaceLVS,
		"upgrade":  notTwo,
		"prepared": "Exec",
		"stop":     "UpgradeFailed; " + stopBoth,
	})},
	{"a worker died meanwhile", join(upgradeAsked, inputs["tried"], inputs["vrrp ends"]), alive.but(effects{
		"vrrp dies": "",
		"vrrp ends": "",
		"replace":   replaceLVS,
		"upgrade":   notTwo,
		"prepared":  "UpgradeFailed",
		"stop":      "UpgradeFailed; Finish lvs 101",
	})},
	{"the other program is executed", join(upgradeAsked, inputs["tried"], inputs["prepared"]), alive.but(effects{
		"replace":    replaceLVS,
		"upgrade":    notTwo,
		"exec fails": "UpgradeFailed",
		"stop":       "UpgradeFailed; " + stopBoth,
	})},
	{"stop during the start", []any{rollout.Begin{}, rollout.Stop{}}, effects{
		"vrrp starts": "Finish vrrp 103",
		"vrrp dies":   "Release vrrp",
		"vrrp ends":   "Release vrrp", // it has applied nothing, so it may not know what to clean up
		"upgrade":     notAtAll,
	}},
	{"stop: the vrrp worker ends", join(serving, rollout.Stop{}, rollout.FinishPatience-1), effects{
		"lvs starts":  "Kill lvs 103",
		"vrrp starts": "Finish vrrp 103",
		"vrrp dies":   "Release vrrp",
		"vrrp ends":   "Finish lvs 101",
		"upgrade":     notAtAll,
	}},
	{"stop: it does not end", join(serving, rollout.Stop{}, rollout.FinishLimit, rollout.Tick{}), effects{
		"lvs starts":    "Kill lvs 103",
		"vrrp starts":   "Kill vrrp 103",
		"vrrp released": "Finish lvs 101",
		"upgrade":       notAtAll,
	}},
	{"stop: the lvs worker ends", join(serving, rollout.Stop{}, inputs["vrrp ends"]), effects{
		"lvs starts":  "Finish lvs 103",
		"vrrp starts": "Kill vrrp 103",
		"lvs dies":    "Release lvs",
		"lvs ends":    "Exit",
		"upgrade":     notAtAll,
	}},
	{"stopped", join(serving, rollout.Stop{}, inputs["vrrp ends"], inputs["lvs ends"], time.Hour), effects{
		"lvs starts":  "Kill lvs 103",
		"vrrp starts": "Kill vrrp 103",
		"upgrade":     notAtAll,
	}},
}

// TestTable takes each input in each state.
func TestTable(t *testing.T) {
	for _, row := range states {
		for name, in := range inputs {
			s := newScript(t, both)
			s.do(row.way...)
			var got []string
			for _, e := range s.m.Step(s.now, in, nil) {
				got = append(got, inWords(e))
			}
			if g := strings.Join(got, "; "); g != row.want[name] {
				t.Errorf("%s: %s:\n got %s\nwant %s", row.state, name, g, row.want[name])
			}
		}
		for name := range row.want {
			if inputs[name] == nil {
				t.Errorf("%s: there is no input %s", row.state, name)
			}
		}
	}
}
