package vrrp

import (
	"context"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/track"
)

// Track tells the states of scripts, files, processes and virtual servers. It
// may do so before Apply brings the configuration that names them.
func (e *Engine) Track(ctx context.Context, states ...event.TrackerState) error {
	return e.do(ctx, func() { e.track(states) })
}

func (e *Engine) track(states []event.TrackerState) {
	now := e.opts.Clock.Now()
	for _, s := range states {
		k := track.Key{Kind: s.Kind, Name: s.Name}
		e.trackers[k] = s
		for _, i := range e.watchers[k] {
			e.evaluate(i, now)
		}
	}
}

// tracked is what an instance tracks, with what it is like now.
func (e *Engine) tracked(t track.References) []track.Item {
	return t.Items(e.isUp, e.trackers)
}

// wait keeps an instance from starting, and says what it waits for.
func (e *Engine) wait(i *instance, why string) {
	if i.state.Reason != why {
		i.state.Reason = why
		e.tellAgain(i)
	}
}
