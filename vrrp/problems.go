package vrrp

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/machine"
	"github.com/lvs-director/director/vrrp/resource"
)

// What is not right in the kernel is told as one list, event.HostState: also
// what belongs to no instance any more.

// noteTrouble remembers what is not right of an owner's.
func (e *Engine) noteTrouble(r resource.Result) {
	before := e.troubles[r.Owner]
	if len(r.Trouble) == 0 {
		if len(before) == 0 || !r.All {
			return
		}
		delete(e.troubles, r.Owner)
	} else {
		e.troubles[r.Owner] = r.Trouble
	}
	e.tellProblems()
}

// tellProblems tells the list if it has changed.
func (e *Engine) tellProblems() {
	if e.opts.Host == nil {
		return
	}
	now := e.opts.Clock.Now()
	byKey := make(map[resource.Key]*event.Problem)
	var keys []resource.Key
	for owner, list := range e.troubles {
		for _, t := range list {
			p := byKey[t.Key]
			if p == nil {
				p = &event.Problem{Kind: t.Kind, Object: t.Key.String(), Times: t.Times, Since: t.Since.Round(0)}
				if t.Err != nil {
					p.Error = t.Err.Error()
				}
				byKey[t.Key] = p
				keys = append(keys, t.Key)
			}
			if id, ok := owner.(conf.InstanceID); ok && e.instances[id] != nil {
				p.Instances = append(p.Instances, e.instances[id].cfg.Name)
			}
		}
	}
	var problems []event.Problem
	slices.SortFunc(keys, resource.Compare)
	for _, k := range keys {
		slices.Sort(byKey[k].Instances)
		problems = append(problems, *byKey[k])
	}
	problems = append(problems, e.conflicts...)
	problems = append(problems, e.noARP...)
	problems = append(problems, e.sharedAddresses(now)...)
	problems = append(problems, e.vmacs.Problems(now)...)
	for _, table := range e.filterTables() {
		problems = append(problems, e.filters[table])
	}
	if slices.EqualFunc(problems, e.problems, sameProblem) {
		return
	}
	e.problems = problems
	e.opts.Host(event.HostState{Problems: slices.Clone(problems)})
}

func sameProblem(a, b event.Problem) bool {
	return a.Kind == b.Kind && a.Object == b.Object && a.Error == b.Error && a.Times == b.Times &&
		a.Since.Equal(b.Since) && slices.Equal(a.Instances, b.Instances)
}

func (e *Engine) filterTables() (names []string) {
	for name := range e.filters {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// filterRepaired says that something else had changed the filters of no_accept,
// or that they could not be put back.
func (e *Engine) filterRepaired(r link.FilterRepair, now time.Time) {
	attrs := []any{"table", r.Table, "missing", strings.Join(r.Missing, ", "), "times", r.Count}
	switch _, ok := e.limits.allow(fmt.Sprint("filter ", r.Table, r.Err != nil, len(r.Missing) > 0), now); {
	case !ok:
	case r.Err != nil:
		e.log.Error("failed to restore the nftables table of no_accept: packets to its virtual addresses are accepted",
			append(attrs, "error", r.Err)...)
	case len(r.Missing) == 0:
		e.log.Info("the nftables table of no_accept is complete again", "table", r.Table)
	default:
		e.log.Warn("something else changed the nftables table of no_accept: put back", attrs...)
	}
	before, known := e.filters[r.Table]
	switch {
	case r.Err != nil:
		p := event.Problem{Kind: event.Missing, Object: "nftables table " + r.Table, Error: r.Err.Error(),
			Times: r.Count, Since: now.Round(0)}
		if known {
			p.Since = before.Since
		}
		e.filters[r.Table] = p
	case r.Contested > 0:
		e.filters[r.Table] = event.Problem{Kind: event.Contested, Object: "nftables table " + r.Table,
			Times: r.Contested, Since: r.Since.Round(0)}
	case known:
		delete(e.filters, r.Table)
	}
	e.tellProblems()
}

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
	if len(e.conflicts) > 0 || e.mayConflict(list) {
		e.checkLater(now.Add(conflictAfter))
	}
}

// checkLater has conflicts looked for at a time, or before it.
func (e *Engine) checkLater(at time.Time) {
	if c := &e.conflictCheck; !c.Pending() || at.Before(c.Due()) {
		c.kind = conflictCheck
		e.deadlines.Set(c, at)
	}
}

// mayConflict says whether an address of one of these that is not MASTER is there.
func (e *Engine) mayConflict(list []*instance) bool {
	idle := func(i *instance) bool { return !i.owns && i.cfg.Priority != machine.Owner }
	if !slices.ContainsFunc(list, idle) {
		return false
	}
	there := e.virtualThere()
	return slices.ContainsFunc(list, func(i *instance) bool {
		return idle(i) && slices.ContainsFunc(i.addresses, func(a conf.Address) bool {
			return len(there[a.Prefix.Addr()]) > 0
		})
	})
}

// concerned are the instances for which an event may make or end a conflict.
func (e *Engine) concerned(ev link.Event) []*instance {
	switch ev.Kind {
	case link.Snapshot:
		return e.order
	case link.AddressAdded, link.AddressRemoved:
		return e.virtual[ev.Address.Prefix.Addr()]
	}
	return nil
}

// findConflicts looks for virtual addresses that are where they should not be.
func (e *Engine) findConflicts(now time.Time) {
	e.conflicts = nil
	since := make(map[resource.Key]time.Time)
	there := e.virtualThere()
	for _, i := range e.order {
		if state := i.machine.State(); state != event.Backup && state != event.Fault {
			continue
		}
		if _, busy := e.pending[i.id]; busy || i.owns || i.cfg.Priority == machine.Owner {
			continue
		}
		for _, a := range i.addresses {
			for _, k := range there[a.Prefix.Addr()] {
				if _, told := since[k]; told || e.isOwned(k) || e.isHeld(i, k) {
					continue
				}
				command := resource.RemoveCommand(k)
				at, known := e.conflictSince[k]
				if !known {
					at = now
					e.log.Warn("a virtual address is on this host although its instance is not MASTER, and director did not "+
						"put it there: two hosts answer for it", append(k.Attrs(), "instance", i.cfg.Name, "remove",
						command)...)
				}
				since[k] = at
				e.conflicts = append(e.conflicts, event.Problem{
					Kind: event.Conflict, Object: k.String(), Instances: []string{i.cfg.Name},
					Error: "remove it with " + command, Times: 1, Since: at.Round(0),
				})
			}
		}
	}
	e.conflictSince = since
	if len(e.sharedAddresses(now)) > 0 {
		e.checkLater(now.Add(strangerStays))
	}
	e.tellProblems()
}

// virtualThere are the virtual addresses that are on this host, by address: with
// whatever prefix, and on any interface but the loopback interface and those without
// ARP (dummy interfaces), where real servers of direct routing have them.
func (e *Engine) virtualThere() map[netip.Addr][]resource.AddressKey {
	there := make(map[netip.Addr][]resource.AddressKey)
	for _, on := range e.interfaces.byIndex {
		if !on.known || on.Name == "lo" || on.NoARP {
			continue
		}
		for _, p := range on.prefixes() {
			if len(e.virtual[p.Addr()]) > 0 {
				there[p.Addr()] = append(there[p.Addr()], resource.AddressKey{Device: on.Name, Prefix: p})
			}
		}
	}
	for _, list := range there {
		slices.SortFunc(list, func(a, b resource.AddressKey) int { return resource.Compare(a, b) })
	}
	return there
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
