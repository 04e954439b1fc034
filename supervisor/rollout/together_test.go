package rollout_test

import (
	"slices"
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
