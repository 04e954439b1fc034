package vrrp

import (
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/vrrp/vmac"
)

// wantVMACs makes what vmac.Place has found the truth, and has the instances
// with use_vmac send from their interfaces.
func (e *Engine) wantVMACs() {
	for _, i := range e.order {
		i.via = nil
		if c := i.next; c.VMAC != nil && !c.VMACXmit && len(c.UnicastPeers) == 0 {
			i.via = e.vmacs.Of(vmac.KeyOf(c))
		}
		if i.via != nil && !slices.Contains(e.users[i.via.Name], i) {
			e.users[i.via.Name] = append(e.users[i.via.Name], i)
		}
	}
	if !e.vmacs.Empty() && !e.vmacInspect.Pending() {
		e.vmacInspect.kind = vmacInspect
		e.deadlines.Set(&e.vmacInspect, e.opts.Clock.Now().Add(vmac.InspectEvery))
	}
}

// inspectVMACs looks whether something else has changed their settings.
func (e *Engine) inspectVMACs(now time.Time) {
	if e.stopping || e.vmacs.Empty() {
		return
	}
	e.vmacs.Inspect(now)
	e.tellProblems() // what was contested may be calm
	e.deadlines.Set(&e.vmacInspect, now.Add(vmac.InspectEvery))
}

// dispatchVMACs gives the worker what there is to do if it is idle.
func (e *Engine) dispatchVMACs() {
	if w, ok := e.vmacs.Next(); ok {
		e.vmacWorker.Put(w)
	}
}

// vmacsDone takes in what the worker has done.
func (e *Engine) vmacsDone(results []vmac.Result) {
	now := e.opts.Clock.Now()
	for _, v := range e.vmacs.Done(results, now) {
		if v.Err != nil && e.interfaces.byName[v.Parent] != nil {
			e.lookAgain(v, v.RetryAt())
		}
		e.logDrift(v, now)
		for _, i := range e.users[v.Name] {
			e.evaluate(i, now)
		}
	}
	if at := e.vmacs.SweepAt(); !at.IsZero() && !e.stopping {
		e.vmacSweep.kind = vmacSweep
		e.deadlines.Set(&e.vmacSweep, at)
	}
	e.tellProblems()
}

// logDrift says that something else had changed settings.
func (e *Engine) logDrift(v *vmac.Interface, now time.Time) {
	if len(v.Drifted) == 0 {
		return
	}
	if n, ok := e.limits.allow("settings "+v.Name, now); ok {
		e.log.Warn("something else changed settings of a virtual MAC interface: put them back", "interface", v.Name,
			"settings", strings.Join(v.Drifted, " "), "times", n)
	}
	v.Drifted = nil
}

// lookAgain has an interface looked after at a time.
func (e *Engine) lookAgain(v *vmac.Interface, at time.Time) {
	d := e.vmacRetries[v.Name]
	if d == nil {
		d = &timer{kind: vmacRetry}
		e.vmacRetries[v.Name] = d
	}
	d.vmac = v
	e.deadlines.Set(d, at)
}

// vmacRetryDue is called when the pause of an interface is over.
func (e *Engine) vmacRetryDue(v *vmac.Interface) {
	delete(e.vmacRetries, v.Name)
	if e.interfaces.byName[v.Parent] != nil {
		e.vmacs.LookAgain(v)
	}
}

// vmacsChanged looks after the virtual MAC interfaces that an event is about:
// gone, disabled, without ARP, or with a parent that is there again.
func (e *Engine) vmacsChanged(c change, now time.Time) {
	if e.stopping {
		return
	}
	repaired := false
	for _, v := range e.vmacs.All() {
		if !c.all && !slices.Contains(c.names, v.Name) && !slices.Contains(c.names, v.Parent) {
			continue
		}
		parent, on := e.interfaces.byName[v.Parent], e.interfaces.byName[v.Name]
		if parent == nil {
			v.Forget() // it goes with its parent
			continue
		}
		if on != nil && (!parent.Up || on.Up && !on.NoARP && hasItsAddress(v, on)) {
			continue
		}
		repaired = true
		if on != nil && on.NoARP {
			if n, ok := e.limits.allow("arp "+v.Name, now); ok {
				e.log.Warn("something else disabled ARP on a virtual MAC interface: enabling it", "interface", v.Name,
					"times", n)
			}
		}
		if at := e.vmacs.Repair(v, now); !at.IsZero() {
			e.lookAgain(v, at)
		}
	}
	if repaired {
		e.tellProblems()
	}
}

// hasItsAddress says whether nothing else has changed the hardware address.
func hasItsAddress(v *vmac.Interface, on *iface) bool {
	return v.IPVLAN != "" || string(on.HardwareAddr) == string(v.MAC[:])
}

// vmacFault says what is wrong with the virtual MAC interfaces of an instance,
// and whether it has to wait for one to be made.
func (e *Engine) vmacFault(i *instance) (fault string, wait bool) {
	if e.vmacs.Empty() {
		return "", false
	}
	names := devicesOf(i.cfg, i.tracks)
	if i.via != nil {
		names = append(names, i.via.Name)
	}
	for _, name := range names {
		v := e.vmacs.Named(name)
		switch {
		case v == nil:
		case v.Err != nil:
			return v.Err.Error(), false
		default:
			on := e.interfaces.byName[name]
			wait = wait || !v.Made || on == nil || !hasItsAddress(v, on)
		}
	}
	return "", wait
}

// private is the virtual MAC interface of an instance if it receives on that.
func (e *Engine) private(i *instance) *vmac.Interface {
	if i.cfg.VMAC == nil || isUnicast(i.cfg) {
		return nil
	}
	if v := e.vmacs.Of(vmac.KeyOf(i.cfg)); v != nil && v.Private {
		return v
	}
	return nil
}

// beneath is the interface that carries one: a virtual MAC interface's parent,
// else itself.
func (e *Engine) beneath(name string) string {
	if v := e.vmacs.Named(name); v != nil {
		return v.Parent
	}
	return name
}

// transmit sends an advertisement from the instance's virtual MAC interface
// when it has one, as from the base interface otherwise, and also in the moment
// until one that was removed is there again: a missed advertisement is worse
// than one with another hardware address.
func (e *Engine) transmit(i *instance, p *datagram) error {
	switch {
	case i.via == nil && e.private(i) != nil:
		if on := e.interfaces.byName[i.cfg.Interface]; on != nil {
			return e.frames.Send(on.Interface, p.data, p.to) // its socket is not on its interface
		}
	case i.via != nil:
		if on := e.interfaces.byName[i.via.Name]; on != nil && on.Up {
			return e.frames.Send(on.Interface, p.data, p.to)
		}
	}
	return i.sock.conn.Send(p.data, p.to)
}

// vmacsRemoved says, when the engine stops, whether what it made is removed.
func (e *Engine) vmacsRemoved() bool {
	switch {
	case e.vmacs.Busy():
		return false
	case e.keep || e.vmacsCleared:
		return true
	}
	e.vmacs.Clear()
	e.vmacsCleared = true
	e.dispatchVMACs()
	return false
}
