package vrrp

import (
	"net/netip"
	"time"

	"github.com/lvs-director/director/vrrp/machine"
	"github.com/lvs-director/director/vrrp/resource"
)

// step tells a machine what happened and does what it asks for. Nothing that
// is done here may step a machine again.
func (e *Engine) step(i *instance, now time.Time, in machine.Input) {
	before := silence{interval: i.machine.MasterDownInterval(), master: i.machine.Master()}
	e.effects = i.machine.Step(now, in, e.effects[:0])
	var changed machine.Effect
	announced := 0
	for n := range e.effects {
		f := &e.effects[n]
		e.carryOut(i, now, f, before)
		switch f.Kind {
		case machine.Changed:
			changed = *f
		case machine.Announce:
			if f.Shared {
				announced = f.Count
			}
		}
	}
	if i.group == nil || e.stopping {
		return
	}
	// Only now may other machines be stepped: all effects of this one are done.
	if changed.Kind == machine.Changed {
		e.groupChanged(i, now, changed)
	}
	if announced > 0 {
		e.announceWith(i, announced)
	}
}

// silence is what a BACKUP waited for.
type silence struct {
	interval time.Duration
	master   netip.Addr
}

func (e *Engine) carryOut(i *instance, now time.Time, f *machine.Effect, before silence) {
	switch f.Kind {
	case machine.SendAdvertisement:
		e.send(i, now, f.Priority)
	case machine.SetTimer:
		if f.Timer == machine.DownTimer {
			i.held, i.graced = false, false
		}
		e.deadlines.Set(&i.timers[f.Timer], f.At)
	case machine.StopTimer:
		if f.Timer == machine.DownTimer {
			i.held = false
		}
		e.deadlines.Remove(&i.timers[f.Timer])
	case machine.AcquireAddresses:
		i.owns = true
		e.scheduleExtra(i, now)
		e.wish(i, resource.NoDoubt)
	case machine.ReleaseAddresses:
		e.release(i)
	case machine.Announce:
		i.announce = max(i.announce, f.Count)
		e.announce(i)
	case machine.Changed:
		e.report(i, now, f, before)
	case machine.Noted:
		e.note(i, now, f)
	}
}
