package vrrp

import (
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/vrrp/track"
)

// linkDelay is an interface of which not every change counts at once.
type linkDelay struct {
	name string
	link track.Link
	due  timer
}

// delayLinks takes interface_up_down_delays. An interface that has had a delay
// keeps its state.
func (e *Engine) delayLinks(list []conf.InterfaceDelay, now time.Time) {
	before := e.delays
	e.delays = make(map[string]*linkDelay, len(list))
	for _, c := range list {
		d := before[c.Interface]
		if d == nil {
			d = &linkDelay{name: c.Interface}
			d.due = timer{kind: linkLasts, link: d}
		}
		d.link.Down, d.link.Up = c.Down, c.Up
		e.delays[c.Interface] = d
		e.seeLink(c.Interface, now)
	}
	for name, d := range before {
		if e.delays[name] == nil {
			e.deadlines.Remove(&d.due)
		}
	}
}

// seeLinks takes what has changed of interfaces, before instances are judged.
func (e *Engine) seeLinks(c change, now time.Time) {
	if c.all {
		for name := range e.delays {
			e.seeLink(name, now)
		}
		return
	}
	for _, name := range c.names {
		e.seeLink(name, now)
	}
}

func (e *Engine) seeLink(name string, now time.Time) {
	d := e.delays[name]
	if d == nil {
		return
	}
	if on := e.interfaces.byName[name]; on != nil {
		d.link.See(now, on.Up)
	} else {
		d.link.Forget()
	}
	if due := d.link.Due(); due.IsZero() {
		e.deadlines.Remove(&d.due)
	} else {
		e.deadlines.Set(&d.due, due)
	}
}

// linkLasted is called when a state has lasted.
func (e *Engine) linkLasted(d *linkDelay, now time.Time) {
	d.link.Elapse(now)
	for _, i := range e.users[d.name] {
		e.evaluate(i, now)
	}
}

// isUp says whether an interface exists and works, or counts as such.
func (e *Engine) isUp(name string) bool {
	i := e.interfaces.byName[name]
	if i == nil {
		return false
	}
	if d := e.delays[name]; d != nil {
		return d.link.IsUp()
	}
	return i.Up
}
