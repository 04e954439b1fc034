package vrrp

import (
	"cmp"
	"slices"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/link"
)

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
