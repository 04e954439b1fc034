package vrrp

import (
	"time"

	"github.com/lvs-director/director/vrrp/machine"
)

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
		e.log.Warn("this process did not run for so long that another may have become MASTER", "instance", i.cfg.Name,
			"late", now.Sub(d.Due()).Round(time.Millisecond).String(), "times", n)
	}
	e.drain(s)
	s.looked = e.opts.Clock.Now()
	return true
}
