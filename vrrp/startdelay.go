package vrrp

import (
	"time"

	"github.com/lvs-director/director/conf"
)

// delayStart keeps VRRP silent and deaf for a while after director's start
// (vrrp_startup_delay) and the host's (vrrp_delay_after_boot). A process that
// takes the place of one that died has begun long ago.
func (e *Engine) delayStart(g *conf.Global, now time.Time) {
	wait, why := g.StartupDelay, "vrrp_startup_delay"
	if e.opts.SinceBoot != nil && g.DelayAfterBoot > 0 {
		if left := g.DelayAfterBoot - e.opts.SinceBoot(); left > wait {
			wait, why = left, "vrrp_delay_after_boot"
		}
	}
	if wait <= 0 {
		return
	}
	e.silent = why
	e.begins = timer{kind: startDue}
	e.deadlines.Set(&e.begins, now.Add(wait))
	e.log.Info("VRRP starts after a delay", "reason", why, "after", wait.Round(time.Millisecond).String())
}

// begin ends the delay.
func (e *Engine) begin(now time.Time) {
	e.silent = ""
	for _, i := range e.order {
		e.evaluate(i, now)
	}
}
