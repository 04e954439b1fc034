package rollout_test

import (
	"fmt"
	"time"

	"github.com/lvs-director/director/supervisor/reload"
	"github.com/lvs-director/director/supervisor/rollout"
)

// What happens in the world by itself: people, time, workers that hang.

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

// advance lets time pass, no further than what is waited for.
func (w *world) advance(d time.Duration) {
	w.now = w.now.Add(d)
	w.rolloutStep(rollout.Tick{})
	w.reloadStep(reload.Tick{})
}
