package rollout_test

import (
	"fmt"
	"slices"

	"github.com/lvs-director/director/supervisor/reload"
	"github.com/lvs-director/director/supervisor/rollout"
)

// What the two machines decide, carried out in the world.

func (w *world) carryOutReload(e reload.Effect) {
	switch e := e.(type) {
	case reload.ReadFile:
		w.reading++
		w.hups = 0
		w.soon(func() { // what is read is as old as the beginning of the reading, or younger
			c := w.file
			w.soon(func() {
				w.reading--
				w.reloadStep(reload.Read{Config: c, Refused: c.refused, Loss: c.loss})
			})
		})
	case reload.ReadHistory:
		w.reading++
		c := w.history[e.Number-1]
		w.soon(func() { w.reading--; w.reloadStep(reload.Read{Config: c, Refused: c.refused}) })
	case reload.Apply:
		c := e.Config.(*text)
		if w.held {
			w.fail("generation %d is applied while another program takes over", e.Generation)
		}
		if c.refused != "" || c.loss != "" && e.Reason == reload.FromFile && !w.accepted {
			w.fail("%s is in force, which was refused", c.name)
		}
		if e.Reason == reload.NotConfirmed && w.reading > 0 {
			w.fail("the configuration before comes back in the middle of a reading")
		}
		w.configs[e.Generation] = c
		w.lastAsk = c.name
		w.rolloutStep(rollout.Deploy{Generation: e.Generation})
	case reload.Remember:
		w.history = append(w.history, e.Config.(*text))
	case reload.Answer:
		r, ok := w.open[e.ID]
		if !ok {
			w.fail("request %d was answered twice", e.ID)
		}
		delete(w.open, e.ID)
		if e.Outcome.Applied == (e.Outcome.Refused != "") {
			w.fail("request %d: %+v", e.ID, e.Outcome)
		}
		if e.Outcome.Applied && r.Expect != "" && e.Outcome.Config.Digest() != r.Expect &&
			e.Outcome.Generation == w.reload.Generation() && len(w.configs) == int(e.Outcome.Generation)-1 {
			w.fail("request %d expected %s and got %s", e.ID, r.Expect, e.Outcome.Config.Digest())
		}
	case reload.AnswerConfirm:
		if !w.confirms[e.ID] {
			w.fail("confirmation %d was answered twice", e.ID)
		}
		delete(w.confirms, e.ID)
		if e.Waited && w.reload.Back() != nil {
			w.fail("what was confirmed is still on probation")
		}
	case reload.TellReloading:
		w.ready = false
	case reload.TellReady:
		w.ready = true
	}
}

func (w *world) carryOutRollout(e rollout.Effect) {
	switch e := e.(type) {
	case rollout.Start:
		if w.lives[e.Worker] != nil || w.starting[e.Worker] || w.removing[e.Worker] {
			w.fail("%s is started beside another life of it", e.Worker)
		}
		w.starting[e.Worker] = true
		w.soon(func() {
			w.starting[e.Worker] = false
			if w.exited {
				return // nobody is left to start it
			}
			if w.rnd.IntN(10) == 0 {
				w.rolloutStep(rollout.Died{Worker: e.Worker, Err: fmt.Errorf("cannot be started")})
				return
			}
			w.nextPid++
			w.lives[e.Worker] = &life{pid: w.nextPid}
			w.rolloutStep(rollout.Started{Worker: e.Worker, Pid: w.nextPid})
		})
	case rollout.Hand:
		l := w.lives[e.Worker]
		if l == nil {
			w.fail("a configuration is handed to %s, which does not run", e.Worker)
		}
		if w.configs[e.Generation] == nil {
			w.fail("generation %d was never in force", e.Generation)
		}
		if e.Fresh && e.Worker == rollout.VRRP && w.anew[e.Worker] &&
			e.Predecessor != (rollout.Predecessor{Silenced: true}) {
			w.fail("%s may resume after its predecessor was killed for its silence", e.Worker)
		}
		if e.Fresh && e.Worker == rollout.VRRP {
			l.mayMaster = w.rollout.MayMaster()
		}
		if e.Worker == rollout.VRRP && !w.only && l.mayMaster && e.Generation > max(w.table, w.excused) {
			w.fail("the vrrp worker has generation %d before the table, which has %d", e.Generation, w.table)
		}
		l.generation, w.leftover[e.Worker] = e.Generation, true
		w.soon(func() { w.apply(e.Worker, l, e.Generation) })
	case rollout.Proceed:
		l := w.lives[rollout.VRRP]
		if l == nil || !w.only && w.excused == 0 && w.table == 0 {
			w.fail("instances may become MASTER before there is a table")
		}
		l.mayMaster = true
	case rollout.TableNotLoaded:
		w.excused = w.rollout.Generation()
	case rollout.Finish:
		if l := w.lives[e.Worker]; l != nil {
			l.finishing = true
			w.soon(func() {
				if w.lives[e.Worker] == l && !l.hangs {
					w.leftover[e.Worker] = false
					w.die(e.Worker, nil, false)
				}
			})
		}
	case rollout.Kill:
		if l := w.lives[e.Worker]; l != nil {
			if !l.hangs && !w.stopped {
				w.fail("%s is killed and lives", e.Worker)
			}
			l.silenced = !w.stopped
			w.soon(func() {
				if w.lives[e.Worker] == l {
					w.die(e.Worker, fmt.Errorf("killed"), false)
				}
			})
		}
	case rollout.ReplaceWorker:
		if l := w.lives[e.Worker]; l != nil {
			w.soon(func() {
				if w.lives[e.Worker] == l {
					w.die(e.Worker, nil, true)
				}
			})
		}
	case rollout.Release:
		if s, _ := w.rollout.Status(e.Worker); s.Pid != 0 && !w.rollout.Stopping() {
			w.fail("what a running worker holds is removed")
		}
		w.removing[e.Worker] = true
		w.soon(func() {
			w.removing[e.Worker], w.leftover[e.Worker] = false, false
			w.rolloutStep(rollout.Released{Worker: e.Worker})
		})
	case rollout.Examine:
		w.rolloutStep(rollout.Examined{Worker: e.Worker, Pid: e.Pid})
	case rollout.Deployed:
		if e.Generation != w.reload.Generation() {
			w.fail("generation %d is deployed, %d is in force", e.Generation, w.reload.Generation())
		}
		for name, l := range w.lives {
			if l.applied != e.Generation {
				w.fail("generation %d is deployed, and %s has applied %d", e.Generation, name, l.applied)
			}
		}
		w.reloadStep(reload.Deployed{Generation: e.Generation, Problems: e.Problems})
	case rollout.AnswerUpgrade:
		if !w.upgrades[e.ID] {
			w.fail("upgrade %d was answered twice", e.ID)
		}
		delete(w.upgrades, e.ID)
	case rollout.TryProgram:
		w.soon(func() {
			in := rollout.ProgramTried{Busy: w.reload.Busy()}
			if w.rnd.IntN(4) == 0 {
				in.Err = fmt.Errorf("no director")
			}
			w.rolloutStep(in)
		})
	case rollout.Prepare:
		if w.reload.Busy() {
			w.fail("an upgrade begins in the middle of a reload")
		}
		w.held = true
		w.reloadStep(reload.Hold{})
		w.soon(func() { w.rolloutStep(rollout.Prepared{}) })
	case rollout.Exec:
		w.exec()
	case rollout.UpgradeFailed:
		w.held = false
		w.reloadStep(reload.Release{})
	case rollout.Exit:
		w.exited = true
	}
}

// exec puts a new program in the place of this one, or fails to.
func (w *world) exec() {
	if w.rnd.IntN(3) == 0 {
		w.rolloutStep(rollout.ExecFailed{Err: fmt.Errorf("no such file")})
		return
	}
	a, b := w.reload.State(), w.rollout.State()
	w.reload, w.rollout = reload.Resume(a), rollout.Resume(w.options(), b)
	w.held = false
	w.note("== another program runs")
	list := slices.Clone(w.options().Workers)
	w.rolloutStep(rollout.Replace{Workers: list[w.rnd.IntN(len(list)+1):]})
	if a.Signalled {
		w.reloadStep(reload.Asked{})
	}
	w.reloadStep(reload.Tick{})
}

// apply is a worker that has done what it was handed.
func (w *world) apply(name rollout.Worker, l *life, generation uint64) {
	if w.lives[name] != l || l.finishing {
		return
	}
	if l.hangs || l.applied > generation {
		return
	}
	l.applied = generation
	w.rolloutStep(rollout.Applied{Worker: name, Generation: generation})
	if name == rollout.LVS && w.lives[name] == l {
		w.soon(func() {
			if w.lives[name] == l && generation >= w.table {
				problem := ""
				if w.rnd.IntN(20) == 0 {
					problem = "no IPVS"
				} else {
					w.table = generation
				}
				w.rolloutStep(rollout.TableLoaded{Table: rollout.Table{Generation: generation, Problem: problem}})
			}
		})
	}
}

func (w *world) die(name rollout.Worker, err error, planned bool) {
	w.anew[name] = w.lives[name].silenced
	delete(w.lives, name)
	w.rolloutStep(rollout.Died{Worker: name, Err: err, Planned: planned})
}
