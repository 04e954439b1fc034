package rollout_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/supervisor/reload"
	"github.com/lvs-director/director/supervisor/rollout"
)

// The two machines, joined as the supervisor joins them, in a made-up world:
// processes that start, apply, die and hang when they like, a file that
// somebody edits, people who ask for everything at any time. What must never
// happen is checked at every step, what must come true in the end when it is
// quiet.

// text is a configuration of the world.
type text struct {
	name    string
	refused string
	loss    string
}

func (c *text) Digest() string { return c.name }

// life is a worker process of the world.
type life struct {
	pid        int
	generation uint64 // that it was handed last; 0 none
	applied    uint64
	mayMaster  bool // a vrrp worker's
	hangs      bool
	silenced   bool // killed because it hangs
	finishing  bool
}

type world struct {
	t    *testing.T
	rnd  *rand.Rand
	log  []string
	now  time.Time
	only bool // no lvs worker

	reload  *reload.Machine
	rollout *rollout.Machine

	file    *text
	history []*text
	configs map[uint64]*text // by generation

	// later is what happens at some time, in any order.
	later    []func()
	lives    map[rollout.Worker]*life
	starting map[rollout.Worker]bool
	anew     map[rollout.Worker]bool   // its predecessor was killed for its silence
	leftover map[rollout.Worker]bool   // in the kernel
	removing map[rollout.Worker]bool   // Release is under way
	table    uint64                    // the generation in the kernel
	excused  uint64                    // the last generation of which TableNotLoaded was said
	open     map[uint64]reload.Request // requests that were not answered
	confirms map[uint64]bool
	upgrades map[uint64]bool
	accepted bool // one of the waiting requests accepts a loss
	nextID   uint64
	nextPid  int
	hups     int // signals since the file was read last
	reading  int // reads under way
	ready    bool
	held     bool
	stopped  bool
	exited   bool
	lastAsk  string // what the last request that was obeyed wanted
}

func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	w.t.Fatalf(format+"\n%s", append(args, strings.Join(w.log, "\n"))...)
}

func (w *world) note(format string, args ...any) {
	w.log = append(w.log, w.now.Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{
		t: t, rnd: rand.New(rand.NewPCG(seed, 1)), now: time.Unix(1_700_000_000, 0), configs: map[uint64]*text{},
		lives: map[rollout.Worker]*life{}, starting: map[rollout.Worker]bool{}, leftover: map[rollout.Worker]bool{},
		removing: map[rollout.Worker]bool{}, anew: map[rollout.Worker]bool{}, open: map[uint64]reload.Request{},
		confirms: map[uint64]bool{},
		upgrades: map[uint64]bool{}, ready: true,
	}
	w.note("seed %d", seed)
	w.file = &text{name: "first"}
	w.history = []*text{w.file}
	w.configs[1] = w.file
	w.only = w.rnd.IntN(8) == 0
	w.reload = reload.New(w.file)
	w.rollout = rollout.New(w.options())
	w.rolloutStep(rollout.Begin{})
	return w
}

func (w *world) options() rollout.Options {
	if w.only {
		return rollout.Options{Workers: []rollout.Worker{rollout.VRRP}}
	}
	return rollout.Options{Workers: []rollout.Worker{rollout.LVS, rollout.VRRP}}
}

func (w *world) soon(do func()) { w.later = append(w.later, do) }

func (w *world) reloadStep(in reload.Input) {
	w.note("-> %T %+v", in, in)
	for _, e := range w.reload.Step(w.now, in, nil) {
		w.note("   %T %+v", e, e)
		w.carryOutReload(e)
	}
	w.check()
}

func (w *world) rolloutStep(in rollout.Input) {
	w.note("-> %T %+v", in, in)
	for _, e := range w.rollout.Step(w.now, in, nil) {
		w.note("   %T %+v", e, e)
		w.carryOutRollout(e)
	}
	w.check()
}

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
		if e.Fresh && w.anew[e.Worker] && e.Predecessor != (rollout.Predecessor{Silenced: true}) {
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
					w.die(e.Worker, fmt.Errorf("replaced"), true)
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

// check is what must always be so.
func (w *world) check() {
	for _, s := range w.rollout.Workers() {
		l := w.lives[s.Worker]
		runs := s.Phase == rollout.Running || s.Phase == rollout.Finishing && s.Pid != 0
		if runs != (s.Pid != 0) {
			w.fail("%s is in phase %d with pid %d", s.Worker, s.Phase, s.Pid)
		}
		if l != nil && s.Phase == rollout.GivenUp {
			w.fail("%s is given up and runs", s.Worker)
		}
		if s.Worker == rollout.VRRP && s.Phase == rollout.GivenUp && w.leftover[s.Worker] {
			w.fail("the vrrp worker is given up and its addresses are there")
		}
	}
	if w.reload.Generation() < w.rollout.Generation() {
		w.fail("the workers have a generation that is not in force")
	}
}

// advance lets time pass, no further than what is waited for.
func (w *world) advance(d time.Duration) {
	w.now = w.now.Add(d)
	w.rolloutStep(rollout.Tick{})
	w.reloadStep(reload.Tick{})
}

// event is something that happens.
func (w *world) event() {
	ask := func(r reload.Request) {
		w.nextID++
		r.ID = w.nextID
		w.open[r.ID] = r
		w.reloadStep(reload.Asked{Request: r})
	}
	confirm := []time.Duration{0, 0, time.Second, 5 * time.Second}[w.rnd.IntN(4)]
	switch w.rnd.IntN(20) {
	case 0, 1:
		if !w.stopped {
			w.hups++
		}
		w.reloadStep(reload.Asked{})
	case 2, 3:
		ask(reload.Request{Confirm: confirm})
	case 4:
		ask(reload.Request{Expect: w.file.name, Confirm: confirm})
	case 5, 6:
		ask(reload.Request{Number: 1 + w.rnd.IntN(len(w.history)), Confirm: confirm})
	case 7:
		w.nextID++
		w.confirms[w.nextID] = true
		w.reloadStep(reload.Confirmed{ID: w.nextID})
	case 8, 9:
		w.file = &text{name: fmt.Sprint("text", w.rnd.Uint32())}
		switch w.rnd.IntN(5) {
		case 0:
			w.file.refused = "it has errors"
		case 1:
			w.file.loss = "it loses VI_1"
		}
	case 10, 11:
		for _, name := range w.options().Workers { // one of them
			l := w.lives[name]
			if l == nil || w.rnd.IntN(2) == 0 {
				continue
			}
			if w.rnd.IntN(2) == 0 { // a signal to the whole group: it cleans up after itself
				w.leftover[name] = false
				w.die(name, nil, false)
			} else {
				w.die(name, fmt.Errorf("signal: killed"), false)
			}
			break
		}
	case 12, 13:
		w.nextID++
		w.upgrades[w.nextID] = true
		w.rolloutStep(rollout.UpgradeAsked{ID: w.nextID, Busy: w.reload.Busy()})
	case 14:
		w.advance(time.Duration(w.rnd.IntN(3000)) * time.Millisecond)
	case 15:
		w.advance(time.Duration(w.rnd.IntN(30)) * time.Second)
	case 17:
		for _, name := range w.options().Workers {
			if l := w.lives[name]; l != nil && w.rnd.IntN(4) == 0 {
				w.beat(l, name)
				l.hangs = true
			}
		}
	case 18, 19:
		for range 1 + w.rnd.IntN(8) {
			w.round([]time.Duration{500, 500, 500, 20_000}[w.rnd.IntN(4)] * time.Millisecond)
		}
	case 16:
		if at := w.reload.ConfirmUntil(); !at.IsZero() { // at the same moment
			w.now = at
			if w.rnd.IntN(2) == 0 {
				w.reloadStep(reload.Tick{})
			}
			w.nextID++
			w.confirms[w.nextID] = true
			w.reloadStep(reload.Confirmed{ID: w.nextID})
		}
	}
}

// beat is a worker that says that it lives.
func (w *world) beat(l *life, name rollout.Worker) {
	if !l.hangs {
		w.rolloutStep(rollout.Heard{Worker: name, LastSent: time.Duration(l.pid), Limit: time.Second})
	}
}

// round is a Round after some time, in which everything that lives has spoken,
// or, when it came late, nobody knows.
func (w *world) round(after time.Duration) {
	w.now = w.now.Add(after)
	if after < time.Second {
		for _, name := range w.options().Workers {
			if l := w.lives[name]; l != nil {
				w.beat(l, name)
			}
		}
	}
	w.rolloutStep(rollout.Round{})
}

// hung says that a worker hangs.
func (w *world) hung() bool {
	for _, l := range w.lives {
		if l.hangs {
			return true
		}
	}
	return false
}

// one lets one of the things happen that are about to.
func (w *world) one() {
	if len(w.later) == 0 {
		return
	}
	n := w.rnd.IntN(len(w.later))
	do := w.later[n]
	w.later = slices.Delete(w.later, n, n+1)
	do()
}

// quiet lets everything come to its end.
func (w *world) quiet() {
	for range 5000 {
		if len(w.later) > 0 {
			w.one()
			continue
		}
		if w.hung() && !w.stopped {
			w.round(500 * time.Millisecond)
			continue
		}
		at := w.reload.Deadline()
		if b := w.rollout.Deadline(); at.IsZero() || !b.IsZero() && b.Before(at) {
			at = b
		}
		if at.IsZero() {
			return
		}
		if at.After(w.now) {
			w.now = at
		}
		w.rolloutStep(rollout.Tick{})
		w.reloadStep(reload.Tick{})
	}
	w.fail("it does not become quiet")
}

// inTheEnd is what must be so when it is quiet.
func (w *world) inTheEnd() {
	if len(w.open)+len(w.confirms)+len(w.upgrades) > 0 {
		w.fail("not answered: %v %v %v", w.open, w.confirms, w.upgrades)
	}
	if w.stopped {
		if !w.exited || len(w.lives) > 0 {
			w.fail("the stop has not ended: %v", w.lives)
		}
		for name, left := range w.leftover {
			if left {
				w.fail("%s has left something behind", name)
			}
		}
		return
	}
	if w.hups > 0 {
		w.fail("a signal was not obeyed")
	}
	if !w.ready || w.reload.Busy() || w.reload.Back() != nil {
		w.fail("ready %v busy %v back %v", w.ready, w.reload.Busy(), w.reload.Back())
	}
	if got := w.reload.Current().Digest(); w.lastAsk != "" && got != w.lastAsk {
		w.fail("%s is in force, %s was asked for last", got, w.lastAsk)
	}
	for _, name := range w.options().Workers {
		l := w.lives[name]
		if l == nil || l.applied != w.reload.Generation() || w.configs[l.applied] != w.reload.Current() {
			w.fail("%s runs with %+v in the end, generation %d is in force", name, l, w.reload.Generation())
		}
		if name == rollout.VRRP && !l.mayMaster {
			w.fail("no instance may become MASTER in the end")
		}
	}
}

// TestEveryInterleaving drives both machines through schedules that hurt.
func TestEveryInterleaving(t *testing.T) {
	schedules := uint64(4000)
	if testing.Short() {
		schedules = 500
	}
	for seed := range schedules {
		w := newWorld(t, seed)
		w.accepted = false
		for n := range 20 + w.rnd.IntN(60) {
			if n%2 == 0 {
				w.event()
			}
			for range w.rnd.IntN(3) {
				w.one()
			}
			if seed%3 == 0 && !w.stopped && w.rnd.IntN(40) == 0 {
				w.stopped = true
				w.hups = 0
				w.reloadStep(reload.Stop{})
				w.rolloutStep(rollout.Stop{})
			}
		}
		w.quiet()
		w.inTheEnd()
	}
}
