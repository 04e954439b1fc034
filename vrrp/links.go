package vrrp

import (
	"cmp"
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
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
func (e *Engine) watched(ev link.Event, now time.Time) {
	b := &e.blind
	switch {
	case ev.Kind == link.WatchFailed:
		if b.since.IsZero() {
			b.since = now
		}
		if n, ok := b.limits.allow("watch", now); ok {
			e.log.Warn("failed to watch interfaces and addresses, trying again: changes are not noticed", "error",
				ev.Err, "times", n)
		}
	case ev.Kind == link.Snapshot && !b.since.IsZero():
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

// An interface that loses ARP while director runs (ip link set eth0 arp off) makes
// its virtual addresses unreachable, and nothing else shows it. One that never had
// ARP, such as a tunnel, is as its operator wants it, and a virtual MAC interface
// gets it back (vmacsChanged).

// seesARP says whether an event may change which interfaces have lost ARP.
func (e *Engine) seesARP(ev link.Event) bool {
	return ev.Kind == link.InterfaceChanged && ev.Interface.NoARP ||
		len(e.noARP) > 0 && (ev.Kind == link.InterfaceChanged || ev.Kind == link.InterfaceGone) ||
		ev.Kind == link.Snapshot
}

// findNoARP looks for interfaces with virtual addresses that have lost ARP.
func (e *Engine) findNoARP(now time.Time) {
	before := e.noARP
	e.noARP = nil
	for _, i := range e.order {
		for _, a := range i.addresses {
			on := e.interfaces.byName[a.Device]
			if on == nil || !on.NoARP || !on.hadARP || e.vmacs.Named(a.Device) != nil {
				continue
			}
			at := slices.IndexFunc(e.noARP, func(p event.Problem) bool { return p.Object == "interface "+on.Name })
			if at < 0 {
				at = len(e.noARP)
				e.noARP = append(e.noARP, event.Problem{
					Kind: event.Degraded, Object: "interface " + on.Name, Times: 1, Since: lostSince(before, on.Name, now),
					Error: "something else disabled ARP on it (NOARP): nobody finds its virtual addresses; enable it " +
						"with ip link set " + on.Name + " arp on",
				})
			}
			if p := &e.noARP[at]; !slices.Contains(p.Instances, i.cfg.Name) {
				p.Instances = append(p.Instances, i.cfg.Name)
			}
		}
	}
	slices.SortFunc(e.noARP, func(a, b event.Problem) int { return cmp.Compare(a.Object, b.Object) })
	for _, p := range e.noARP {
		slices.Sort(p.Instances)
		if p.Since.Equal(now.Round(0)) {
			if n, ok := e.limits.allow("arp "+p.Object, now); ok {
				e.log.Warn("something else disabled ARP on an interface: nobody finds its virtual addresses", "object",
					p.Object, "instances", len(p.Instances), "times", n)
			}
		}
	}
	if len(before)+len(e.noARP) > 0 {
		e.tellProblems()
	}
}

// lostSince is since when an interface is without ARP.
func lostSince(before []event.Problem, name string, now time.Time) time.Time {
	for _, p := range before {
		if p.Object == "interface "+name {
			return p.Since
		}
	}
	return now.Round(0)
}
