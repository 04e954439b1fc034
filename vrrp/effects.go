package vrrp

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/lvs-director/director/vrrp/machine"
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
		e.queueAddresses(i, false)
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

// queueAddresses hands the instance's present wish to the address worker.
func (e *Engine) queueAddresses(i *instance, verify bool) {
	i.seq++
	job := addressJob{key: i.key, seq: i.seq, verify: verify}
	if i.owns {
		job.want = i.holdings
		if waiting, ok := e.jobs.get(i.key); ok && waiting.verify {
			job.verify = true
		}
	} else {
		job.look = i.holdings
	}
	e.jobs.put(i.key, job)
}

// release gives the addresses up, and what was still to be announced of them.
func (e *Engine) release(i *instance) {
	i.owns, i.announce, i.missing = false, 0, nil
	i.state.Missing = ""
	e.deadlines.Remove(&i.retry)
	e.scheduleExtra(i, time.Time{})
	e.announceNow = append(e.announceNow, announceJob{key: i.key}, announceJob{key: i.key, extra: true})
	if !e.keep {
		e.queueAddresses(i, false)
	}
}

// dispatch gives the address worker its next batch if it is idle.
func (e *Engine) dispatch() {
	if e.workerBusy || (e.jobs.empty() && e.sweep == nil && e.renames == nil) {
		return
	}
	work := addressWork{jobs: e.jobs.take(addressBatch), renames: e.renames}
	e.renames = nil
	if e.sweep != nil {
		work.sweep, work.keep = true, e.sweep.keep
		e.sweep = nil
	}
	e.workerBusy = true
	e.work <- work // it is idle and the channel has room for one
}

// settle takes in what the address worker has done.
func (e *Engine) settle(results []addressResult) {
	now := e.opts.Clock.Now()
	for _, r := range results {
		if r.key == staticKey {
			e.settleStatics(r, now)
			continue
		}
		i := e.instances[r.key]
		if i == nil || !i.owns {
			continue
		}
		i.settled = max(i.settled, r.seq)
		e.settleMissing(i, r, now)
		e.settleRestored(i, r, now)
		if i.announce == 0 && len(r.added) > 0 {
			e.announceTo(i, r.added, i.params.GARP.MasterRepeat)
			continue
		}
		e.announce(i)
	}
}

// settleRestored says what somebody else had removed and is there again.
func (e *Engine) settleRestored(i *instance, r addressResult, now time.Time) {
	if len(r.restored) == 0 {
		return
	}
	i.state.Restored += len(r.restored)
	if n, ok := i.limits.allow("restored", now); ok {
		e.log.Warn("virtual "+r.restored[0].kindText()+" was removed by something else and has been put back", append(r.restored[0].attrs(),
			"instance", i.cfg.Name, "number", len(r.restored), "times", n)...)
	}
	e.tellAgain(i)
}

func (e *Engine) settleMissing(i *instance, r addressResult, now time.Time) {
	if len(r.missing) == 0 {
		if len(i.missing) > 0 && r.seq == i.seq {
			i.missing = nil
			e.log.Info("all that was missing is there now", "instance", i.cfg.Name)
			i.state.Missing = ""
			e.tellAgain(i)
		}
		return
	}
	i.missing = make(map[place]bool, len(r.missing))
	for _, p := range r.missing {
		i.missing[p] = true
	}
	if n, ok := i.limits.allow("missing", now); ok {
		e.log.Error("virtual "+r.missing[0].kindText()+" could not be put into the kernel: trying again every second", append(r.missing[0].attrs(),
			"instance", i.cfg.Name, "number", len(r.missing), "error", r.err, "times", n)...)
	}
	if text := missingText(r); text != i.state.Missing {
		i.state.Missing = text
		e.tellAgain(i)
	}
	e.deadlines.Set(&i.retry, now.Add(addressRetryAfter))
}

// missingText is what is wanted and not there, for people.
func missingText(r addressResult) string {
	if more := len(r.missing) - 1; more > 0 {
		return fmt.Sprintf("%v (and %d more)", r.err, more)
	}
	return r.err.Error()
}

// announce has all addresses announced, once they are there.
func (e *Engine) announce(i *instance) {
	if i.announce == 0 || i.settled != i.seq {
		return
	}
	places := make([]place, 0, len(i.addresses))
	for _, a := range i.addresses {
		if p := placeOf(a); !i.missing[p] {
			places = append(places, p)
		}
	}
	count := i.announce
	i.announce = 0
	e.announceTo(i, places, count)
}

func (e *Engine) announceTo(i *instance, places []place, count int) {
	e.announcePlaces(announceJob{key: i.key, count: count}, places)
}

func (e *Engine) announcePlaces(job announceJob, places []place) {
	for _, p := range places {
		on := e.interfaces.byName[p.device]
		if on != nil && on.Up {
			job.targets = append(job.targets, e.pacing.targets(on.Interface, p.prefix.Addr())...)
		}
	}
	if len(job.targets) > 0 {
		e.announceNow = append(e.announceNow, job)
	}
}
