package vrrp

import (
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/machine"
	"github.com/lvs-director/director/vrrp/resource"
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

// blind is since when, and how often, the kernel does not tell of changes.
type blind struct {
	since  time.Time // zero: it does
	limits limits
}

// watched says once a minute that interfaces are not watched, and then that
// they are again.
func (e *Engine) watched(event link.Event, now time.Time) {
	b := &e.blind
	switch {
	case event.Kind == link.WatchFailed:
		if b.since.IsZero() {
			b.since = now
		}
		if n, ok := b.limits.allow("watch", now); ok {
			e.log.Warn("failed to watch interfaces and addresses, trying again: changes are not noticed", "error",
				event.Err, "times", n)
		}
	case event.Kind == link.Snapshot && !b.since.IsZero():
		e.log.Info("watching interfaces and addresses again", "after",
			now.Sub(b.since).Round(time.Millisecond).String())
		b.since = time.Time{}
	}
}

// isVirtual says whether an address that was found on an interface is
// director's, and so never the interface's own. The address of an owner
// (priority 255) is the host's: who puts it there, when the owner does not
// have it, is somebody else.
func (e *Engine) isVirtual(k resource.AddressKey) bool {
	if e.leftBehind[k] {
		return true
	}
	for _, i := range e.wanters[k] {
		if i.cfg.Priority != machine.Owner || i.owns {
			return true
		}
	}
	return false
}

// boundTo is the interface that an instance's packets come and go by: its own,
// which is in a VRF or not; its VRF's, when it has only a source address; or
// none, which is any. ok is false while there is no such interface.
func (e *Engine) boundTo(i *instance, own *iface) (on *iface, ok bool) {
	switch {
	case e.private(i) != nil:
		on = e.interfaces.byName[e.private(i).Name]
		return on, on != nil
	case i.cfg.Interface != "":
		return own, own != nil
	case i.cfg.VRF != "":
		on = e.interfaces.byName[i.cfg.VRF]
		return on, on != nil
	}
	return nil, true
}

// blame is who has removed an address: something else, unless its interface
// is down or gone, or one of ours that is being made.
func (e *Engine) blame(k resource.AddressKey) resource.Doubt {
	on := e.interfaces.byName[k.Device]
	if v := e.vmacs.Named(k.Device); on == nil || !on.Up || v != nil && !v.Made {
		return resource.Disturbed
	}
	return resource.Removed
}
