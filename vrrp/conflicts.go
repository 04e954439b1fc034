package vrrp

import (
	"net/netip"
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/machine"
	"github.com/lvs-director/director/vrrp/resource"
)

// A virtual address on the host of a BACKUP that director did not put there is
// never removed, and never kept silent about.

// conflictAfter is how long an address may be there: what is being removed is none.
const conflictAfter = time.Second

// suspectConflicts has conflicts looked for soon, if there are any or one of
// these instances may have one.
func (e *Engine) suspectConflicts(now time.Time, list ...*instance) {
	if e.conflictCheck.Pending() || e.stopping {
		return
	}
	if len(e.conflicts) > 0 || slices.ContainsFunc(list, e.mayConflict) {
		e.conflictCheck.kind = conflictCheck
		e.deadlines.Set(&e.conflictCheck, now.Add(conflictAfter))
	}
}

// mayConflict says whether an address of an instance that is not MASTER is there.
func (e *Engine) mayConflict(i *instance) bool {
	return !i.owns && i.cfg.Priority != machine.Owner && slices.ContainsFunc(i.addresses, func(a conf.Address) bool {
		return e.present(resource.KeyOfAddress(a))
	})
}

// concerned are the instances for which an event may make or end a conflict.
func (e *Engine) concerned(ev link.Event) []*instance {
	switch ev.Kind {
	case link.Snapshot:
		return e.order
	case link.AddressAdded, link.AddressRemoved:
		if i := e.interfaces.byIndex[ev.Address.Index]; i != nil {
			return e.wanters[resource.AddressKey{Device: i.Name, Prefix: ev.Address.Prefix}]
		}
	}
	return nil
}

// findConflicts looks for virtual addresses that are where they should not be.
func (e *Engine) findConflicts(now time.Time) {
	e.conflicts = nil
	since := make(map[resource.Key]time.Time)
	for _, i := range e.order {
		if state := i.machine.State(); state != event.Backup && state != event.Fault {
			continue
		}
		if _, busy := e.pending[i.id]; busy || i.owns || i.cfg.Priority == machine.Owner {
			continue
		}
		for _, a := range i.addresses {
			k := resource.KeyOfAddress(a)
			if !e.present(k) || e.isOwned(k) || e.isHeld(i, k) {
				continue
			}
			command := resource.RemoveCommand(k)
			at, known := e.conflictSince[k]
			if !known {
				at = now
				e.log.Warn("a virtual address is on this host although its instance is not MASTER, and director did not put it there: "+
					"two hosts answer for it", append(k.Attrs(), "instance", i.cfg.Name, "remove", command)...)
			}
			since[k] = at
			e.conflicts = append(e.conflicts, event.Problem{
				Kind: event.Conflict, Object: k.String(), Instances: []string{i.cfg.Name},
				Error: "remove it with " + command, Times: 1, Since: at.Round(0),
			})
		}
	}
	e.conflictSince = since
	e.tellProblems()
}

// present says whether an address is on the host, whoever has put it there.
func (e *Engine) present(k resource.AddressKey) bool {
	on := e.interfaces.byName[k.Device]
	return on != nil && on.has(k.Prefix)
}

func (i *iface) has(p netip.Prefix) bool {
	_, own := i.addrs[p]
	return own || i.virtual[p]
}

// isOwned says whether a MASTER on this host, or the static part of the
// configuration, has an address.
func (e *Engine) isOwned(k resource.AddressKey) bool {
	for _, i := range e.wanters[k] {
		if i.owns {
			return true
		}
	}
	for _, r := range e.statics.resources {
		if r.Key() == k {
			return true
		}
	}
	return false
}

// isHeld says whether director is trying to remove an address.
func (e *Engine) isHeld(i *instance, k resource.Key) bool {
	for _, t := range e.troubles[i.id] {
		if t.Key == k && t.Kind == event.Holding {
			return true
		}
	}
	return false
}
