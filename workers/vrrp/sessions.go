package vrrp

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/lvs-director/director/bfd"
	"github.com/lvs-director/director/bfd/link"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp"
	"github.com/lvs-director/director/worker"
	"github.com/lvs-director/director/workers"
)

// sessions are the BFD sessions of this process. They live in the engine's goroutine, so that
// instances that track one know at once; the supervisor is told beside that.
type sessions struct {
	set    *bfd.Set
	engine *vrrp.Engine
	out    *worker.Outbox
	told   map[string]event.TrackerState // by identity
}

func newSessions(p *workers.Process, number func() event.Number) *sessions {
	s := &sessions{out: p.Out, told: map[string]event.TrackerState{}}
	s.set = bfd.New(bfd.Options{
		Log: p.Log, Network: link.Kernel{}, Now: time.Now, Random: rand.Uint64, Number: number, Events: s.changed,
	})
	return s
}

// apply gives them their configuration, and the engine what they are like, before it has its own.
func (s *sessions) apply(ctx context.Context, c *worker.Configure) {
	_ = s.engine.Beside(ctx, func() {
		s.set.Apply(c.Config.BFDs, c.Known.BFDs, c.Causes.List()...)
		clear(s.told)
		for _, state := range s.set.States() {
			s.track(state)
		}
	})
}

// changed tells what a session is like.
func (s *sessions) changed(state event.BFDState) {
	s.out.Put("bfd "+state.ID, worker.Message{BFD: &state})
	s.track(state)
}

// track tells the engine, when what counts has changed.
func (s *sessions) track(state event.BFDState) {
	t, known := state.Tracker()
	if !state.VRRP {
		t, known = event.TrackerState{Kind: t.Kind, Name: t.Name, Ignored: true}, true
	}
	if before, has := s.told[state.ID]; !known || has && before.Name == t.Name && before.Up == t.Up &&
		before.Ignored == t.Ignored {
		return
	}
	s.told[state.ID] = t
	s.engine.TrackBeside(t)
}

// counters are what the sessions have counted.
func (s *sessions) counters(ctx context.Context) (list []event.BFDCounters) {
	_ = s.engine.Beside(ctx, func() { list = s.set.Counters() })
	return list
}
