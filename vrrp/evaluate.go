package vrrp

import (
	"context"
	"net/netip"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/machine"
	"github.com/lvs-director/director/vrrp/resource"
	"github.com/lvs-director/director/vrrp/track"
)

// changed takes a change of the host's interfaces or addresses in.
func (e *Engine) changed(event link.Event) {
	c := e.interfaces.apply(event)
	now := e.opts.Clock.Now()
	e.suspectConflicts(now, e.concerned(event)...)
	e.watched(event, now)
	e.shakes(event, c, now)
	e.seeLinks(c, now)
	e.reconciler.Renamed(c.renamed...)
	e.vmacsChanged(c, now)
	if e.seesARP(event) {
		e.findNoARP(now)
	}
	if c.gone != 0 {
		for _, i := range e.order {
			if i.sock != nil && i.sock.key.Index == c.gone {
				e.detach(i)
			}
		}
	}
	if c.all {
		for _, i := range e.order {
			e.evaluate(i, now)
			e.verify(i, resource.Disturbed)
		}
		return
	}
	for _, name := range c.names {
		for _, i := range e.users[name] {
			e.evaluate(i, now)
			e.verify(i, resource.Disturbed)
			if c.moved {
				e.announceAgain(i, name)
			}
		}
	}
	for _, i := range e.wanters[c.removed] {
		e.verify(i, e.blame(c.removed))
	}
	for _, i := range e.sources[c.address] {
		e.evaluate(i, now)
	}
}

// evaluate finds out whether an instance can work and with which priority and
// source address, and tells its machine what has changed.
func (e *Engine) evaluate(i *instance, now time.Time) {
	if e.stopping {
		return
	}
	if e.silent != "" {
		e.wait(i, "waiting for the end of "+e.silent)
		return
	}
	on := e.interfaces.byName[i.cfg.Interface]
	if i.unsupported == "" {
		e.takeMTU(i, now, on)
		e.takeSource(i, now, e.interfaces.sourceOf(i.cfg, on))
	}
	// Without its source an instance loses the socket, which may have lost its
	// group or address in the kernel, and gets a new one with it.
	if bound, ok := e.boundTo(i, on); ok && i.unsupported == "" && e.primary(i, on).SourceFault(i.cfg) == "" {
		e.attach(i, bound)
	} else {
		defer e.detach(i) // a MASTER may still be able to give its mastership away
	}
	items := e.tracked(i.tracks)
	effect := track.Evaluate(i.cfg.Priority, items)
	if !i.started && effect.Waiting != "" {
		e.wait(i, effect.Waiting)
		return
	}
	e.takePriority(i, now, effect.Priority, items)

	fault := e.fault(i, on, effect.Fault)
	unmade, making := e.vmacFault(i)
	if fault == "" {
		fault = unmade
	}
	if fault == "" && (making || i.sock == nil || i.sock.conn == nil) {
		return // socketOpened or vmacsDone evaluates again
	}
	i.own, i.ready = fault, true
	e.takePlace(i, now)
}

func (e *Engine) takeSource(i *instance, now time.Time, source netip.Addr) {
	if !source.IsValid() || source == i.source {
		return
	}
	i.source = source
	i.configure(i.cfg)
	e.reconfigured(i, now)
}

// takeMTU has as many addresses advertised as fit.
func (e *Engine) takeMTU(i *instance, now time.Time, on *iface) {
	mtu := 0
	if on != nil {
		mtu = on.MTU
	}
	if before := fits(i.cfg, i.mtu); fits(i.cfg, mtu) != before {
		i.mtu = mtu
		i.configure(i.cfg)
		e.reconfigured(i, now)
	}
	i.mtu = mtu
	excess := len(i.cfg.Addresses) - fits(i.cfg, mtu)
	if excess > 0 && excess != i.excess {
		e.log.Warn("not all virtual addresses fit into an advertisement: the last ones are not in it, as if they were in "+
			"virtual_ipaddress_excluded", "instance", i.cfg.Name, "addresses", len(i.cfg.Addresses), "left_out", excess)
	}
	i.excess = excess
}

func (e *Engine) takePriority(i *instance, now time.Time, priority uint8, items []track.Item) {
	if priority == i.priority {
		return
	}
	was := i.priority
	i.priority = priority
	before := i.state.Event
	e.step(i, now, machine.Input{Kind: machine.PriorityChanged, Priority: priority})
	if i.started {
		if i.state.Event == before { // else it was a transition at once
			i.weighed = e.number()
			i.state.Event, i.state.Causes = i.weighed, e.causes
		}
		e.log.Info("effective priority changed", "instance", i.cfg.Name, "from", was, "to", priority,
			"reason", track.Explain(items))
		e.tellAgain(i)
	}
}

// reconfigured hands the parameters to the machine.
func (e *Engine) reconfigured(i *instance, now time.Time) {
	e.step(i, now, machine.Input{Kind: machine.Reconfigured, Params: &i.params, Priority: i.priority})
}

// primary are the facts of an instance's interface and source.
func (e *Engine) primary(i *instance, on *iface) track.Primary {
	p := track.Primary{
		There: on != nil, Up: e.isUp(i.cfg.Interface), VRF: e.interfaces.byName[i.cfg.VRF] != nil,
		Unsupported: i.unsupported, Source: e.interfaces.sourceOf(i.cfg, on),
	}
	if i.cfg.SourceAddress.IsValid() && track.NeedsSource(i.cfg) {
		p.Has = e.interfaces.has(i.cfg.SourceAddress)
	}
	if on != nil {
		p.Port = on.Port
	}
	if !p.Source.IsValid() {
		p.NoSource = noSource(i.cfg, on)
	}
	return p
}

// fault says what keeps an instance from working; empty is nothing.
func (e *Engine) fault(i *instance, on *iface, tracked string) string {
	primary := e.primary(i, on).Fault(i.cfg)
	switch {
	case primary != "":
		return primary
	case i.badness != "":
		return i.badness
	case i.sock != nil && i.sock.err != nil:
		return i.sock.err.Error()
	case tracked != "":
		return tracked
	}
	exists := func(name string) bool { return e.interfaces.byName[name] != nil }
	if fault := track.DeviceFault(i.cfg, e.beneath, exists, e.isUp); fault != "" {
		return fault
	}
	return e.staticFault(i)
}

// Track tells the states of scripts, files, processes and virtual servers. It
// may do so before Apply brings the configuration that names them.
func (e *Engine) Track(ctx context.Context, states ...event.TrackerState) error {
	return e.do(ctx, func() { e.track(states) })
}

func (e *Engine) track(states []event.TrackerState) {
	now := e.opts.Clock.Now()
	for _, s := range states {
		k := track.Key{Kind: s.Kind, Name: s.Name}
		e.trackers[k] = s
		e.causes = event.NumbersOf(s.Event)
		for _, i := range e.watchers[k] {
			e.evaluate(i, now)
		}
	}
	e.causes = ""
}

// tracked is what an instance tracks, with what it is like now.
func (e *Engine) tracked(t track.References) []track.Item {
	return t.Items(e.isUp, e.trackers)
}

// wait keeps an instance from starting, and says what it waits for.
func (e *Engine) wait(i *instance, why string) {
	if i.state.Reason != why {
		i.state.Reason = why
		e.tellAgain(i)
	}
}
