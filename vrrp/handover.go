package vrrp

import (
	"context"
	"maps"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/machine"
)

// HandOver has the named instances leave their mastership to other routers,
// and all other ones take part in the election. Each hand-over has a number,
// not 0: one that has come to its end by itself, because there was no other
// router, is not begun again by telling it again. The members of a sync group
// go together. It may be called before Apply brings the instances.
func (e *Engine) HandOver(ctx context.Context, numbers map[string]uint64) error {
	return e.do(ctx, func() { e.handOver(maps.Clone(numbers)) })
}

func (e *Engine) handOver(numbers map[string]uint64) {
	e.handovers = numbers
	now := e.opts.Clock.Now()
	done := make(map[*instance]bool)
	for _, i := range e.order {
		if !done[i] {
			e.takeHandOver(i, now)
		}
		for _, member := range i.together() {
			done[member] = true
		}
	}
}

// takeHandOver begins or ends the hand-over of an instance and of its group.
func (e *Engine) takeHandOver(of *instance, now time.Time) {
	number := uint64(0)
	for _, i := range of.together() {
		number = max(number, e.handovers[i.cfg.Name])
	}
	in := machine.Input{Kind: machine.HandOver}
	if number == 0 {
		in.Kind = machine.TakePart
	}
	g := of.group
	if g != nil {
		g.following = true // each gives its own mastership away
	}
	for _, i := range of.together() {
		if i.handover == number {
			continue
		}
		i.handover = number
		e.step(i, now, in)
		if i.started {
			e.tellAgain(i)
		}
	}
	if g == nil {
		return
	}
	g.following = false
	if of.machine.State() == event.Backup && number != 0 {
		g.reason, g.quiet = machine.HandedOver.String(), false
	}
	e.tellGroup(g, now)
}
