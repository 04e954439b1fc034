package rollout_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/supervisor/reload"
	"github.com/lvs-director/director/supervisor/rollout"
)

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
