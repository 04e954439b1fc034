package vrrp

import (
	"time"

	"github.com/lvs-director/director/deadline"
	"github.com/lvs-director/director/vrrp/machine"
	"github.com/lvs-director/director/vrrp/vmac"
)

// kind says what a deadline is for. The first ones are the machine's timers.
type kind uint8

const (
	advertDue = kind(machine.AdverTimer)
	downDue   = kind(machine.DownTimer)
)

const (
	// socketRetry: a socket that could not be opened is tried again.
	socketRetry = kind(machine.Timers) + iota
	// linkLasts: a state of an interface has lasted.
	linkLasts
	// routesSuspect: it has to be looked whether routes are still there.
	routesSuspect
	// startDue: vrrp_startup_delay is over.
	startDue
	// extraDue: the periodic announcements of garp_extra_if.
	extraDue
	// vmacRetry: a virtual MAC interface that could not be made is tried again.
	vmacRetry
	// vmacSweep: so is the removal of those that nobody wants.
	vmacSweep
	// vmacInspect: their settings are looked at.
	vmacInspect
	// conflictCheck: virtual addresses are looked for where they should not be.
	conflictCheck
	// heartbeatDue: it is time to say that this goroutine runs.
	heartbeatDue
	// socketLook: a socket with dense traffic is looked at.
	socketLook
	// tableAwaited: the addresses of an instance have waited for the table for long enough.
	tableAwaited
)

// timer is something that has to be done at a time. It lives in what it is about;
// the heap holds pointers.
type timer struct {
	deadline.Entry
	kind kind
	inst *instance       // for the machine's timers, extraDue and tableAwaited
	sock *socket         // for socketRetry and socketLook
	link *linkDelay      // for linkLasts
	vmac *vmac.Interface // for vmacRetry
}

// deadlines has the earliest on top. Moving one costs no allocation.
type deadlines = deadline.Heap[*timer]

// arm sets the timer to the first deadline. One that is set too early only
// wakes the engine once for nothing; moving it each time would cost a system
// call for every advertisement received.
func (e *Engine) arm() {
	due, ok := e.deadlines.Next()
	if e.opts.Companion != nil {
		if at, wanted := e.opts.Companion.Next(); wanted && (!ok || at.Before(due)) {
			due, ok = at, true
		}
	}
	if !ok || (!e.armed.IsZero() && !due.Before(e.armed)) {
		return
	}
	if err := e.timer.Set(due); err != nil {
		e.log.Error("failed to set the timer: VRRP does not work", "error", err)
		return
	}
	e.armed = due
}

// companionTurns is how many pieces of its work a companion does before the engine takes in
// something else.
const companionTurns = 16

// fireCompanion has the companion do what is due. Between two pieces the engine does what is due of its own.
func (e *Engine) fireCompanion() {
	if e.opts.Companion == nil {
		return
	}
	for range companionTurns {
		if at, ok := e.opts.Companion.Next(); !ok || e.opts.Clock.Now().Before(at) {
			return
		}
		e.opts.Companion.Fire()
		e.fire()
	}
}

// companionReady is nil without a companion.
func (e *Engine) companionReady() <-chan int {
	if e.opts.Companion == nil {
		return nil
	}
	return e.opts.Companion.Ready()
}

// fire does all that is due.
func (e *Engine) fire() {
	batch := false // an advertisement has left: others may join it early
	for {
		d, ok := e.deadlines.First()
		if !ok {
			return
		}
		now := e.opts.Clock.Now()
		var early time.Duration
		if batch && d.kind == advertDue {
			early = machine.EarlyAdvertisement(d.inst.params.AdvertInterval)
		}
		if now.Add(early).Before(d.Due()) {
			return
		}
		if d.kind == downDue && !e.expired(d, now) {
			continue
		}
		if d.kind == advertDue && e.readBeforeAdvertising(d, now) {
			continue
		}
		e.deadlines.Remove(d)
		switch d.kind {
		case socketRetry:
			e.open(d.sock)
		case extraDue:
			e.announceExtra(d.inst, now)
		case startDue:
			e.begin(now)
		case tableAwaited:
			e.log.Warn("the IPVS table has not answered: the virtual addresses come without waiting for it", "instance",
				d.inst.cfg.Name, "waited", tablePatience)
			e.goForAddresses(d.inst)
		case linkLasts:
			e.linkLasted(d.link, now)
		case socketLook:
			e.look(d.sock)
		case conflictCheck:
			e.findConflicts(now)
		case heartbeatDue:
			e.beat(now)
		case vmacRetry:
			e.vmacRetryDue(d.vmac)
		case vmacSweep:
			e.vmacs.Sweep()
		case vmacInspect:
			e.inspectVMACs(now)
		case routesSuspect:
			e.verifyRoutes(now)
		default:
			if d.kind == advertDue && d.inst.sock != nil {
				d.inst.sock.late.add(now.Sub(d.Due()))
			}
			batch = batch || d.kind == advertDue
			e.step(d.inst, now, machine.Input{Kind: machine.TimerFired, Timer: machine.Timer(d.kind)})
		}
	}
}

// expired says whether the master of d's instance is really silent. It is not
// when its advertisement waits in the socket and only this process is late.
func (e *Engine) expired(d *timer, now time.Time) bool {
	i := d.inst
	if !e.allowed {
		i.held = true
		e.deadlines.Remove(d)
		return false
	}
	if s := i.sock; s != nil && s.conn != nil && now.Sub(s.looked) > lookAgain {
		e.drain(s)
		s.looked = e.opts.Clock.Now() // after it: a flood must not have it drained again and again
		return false
	}
	// A process that has slept longer than an interval (a suspended machine)
	// may be ahead of the packets that are about to arrive.
	if interval := i.machine.AdvertInterval(); !i.graced && now.Sub(d.Due()) > interval {
		i.graced = true
		e.deadlines.Set(d, now.Add(interval))
		return false
	}
	return true
}
