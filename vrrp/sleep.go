package vrrp

import (
	"time"

	"github.com/lvs-director/director/vrrp/machine"
)

// suspendedFrom is from how long on a host counts as having been suspended.
const suspendedFrom = 100 * time.Millisecond

// suspension compares the clock of all timers (CLOCK_MONOTONIC), which stands
// still while the host is suspended, with Options.SinceBoot, which does not.
type suspension struct {
	began time.Time
	gap   time.Duration // since boot minus since began
}

// begin takes the first reading.
func (s *suspension) begin(now time.Time, sinceBoot time.Duration) { s.began, s.gap = now, sinceBoot }

// slept is how long the host was suspended since the last call. The clock of
// the timers is read before and after the other one.
func (s *suspension) slept(before time.Time, sinceBoot time.Duration, after time.Time) time.Duration {
	if after.Sub(before) > suspendedFrom/2 {
		return 0 // interrupted between the readings: the next call will tell
	}
	gap := sinceBoot - after.Sub(s.began)
	grown := gap - s.gap
	if grown < suspendedFrom {
		return 0
	}
	s.gap = gap
	return grown
}

// wake is called before anything is taken in or done: a host that was suspended
// wakes as a process does that slept.
func (e *Engine) wake() {
	if e.opts.SinceBoot == nil {
		return
	}
	before := e.opts.Clock.Now()
	sinceBoot := e.opts.SinceBoot()
	now := e.opts.Clock.Now()
	slept := e.suspension.slept(before, sinceBoot, now)
	if slept == 0 {
		return
	}
	e.log.Warn("this host was suspended: another router may have become MASTER",
		"for", slept.Round(time.Millisecond).String())
	e.heartbeats.slept(slept)
	for _, i := range e.order {
		e.step(i, now, machine.Input{Kind: machine.Woke, Slept: slept})
	}
}

// readBeforeAdvertising is called when an advertisement is due, and says whether something
// has to come before it: a MASTER that overslept reads what has arrived
// meanwhile, since a claim beside that of its successor would only make a
// second MASTER. What it reads may move the deadline.
func (e *Engine) readBeforeAdvertising(d *timer, now time.Time) bool {
	i := d.inst
	if !i.machine.Overslept(now) {
		return false
	}
	s := i.sock
	if s == nil || s.conn == nil || now.Sub(s.looked) <= lookAgain {
		return false
	}
	if n, ok := i.limits.allow(machine.WokeLate.String(), now); ok {
		e.log.Warn("this process did not run for so long that another router may have become MASTER", "instance", i.cfg.Name,
			"late", now.Sub(d.Due()).Round(time.Millisecond).String(), "times", n)
	}
	e.drain(s)
	s.looked = e.opts.Clock.Now()
	return true
}
