package vrrp

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/announce"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/machine"
	"github.com/lvs-director/director/vrrp/resource"
	"github.com/lvs-director/director/vrrp/track"
	"github.com/lvs-director/director/vrrp/vmac"
)

// resumeIntervals is how many advertisement intervals a process may have been
// dead for its masterships to be resumed: the peers notice after three.
const resumeIntervals = 2

// apply replaces the configuration by the difference.
func (e *Engine) apply(cfg *conf.Config, resume map[conf.InstanceID]Resume) error {
	if e.stopping {
		return fmt.Errorf("applying a configuration: %w", ErrStopped)
	}
	placed, interfaces := vmac.Place(cfg, e.vmacs.NameOf)
	wanted := make(map[conf.InstanceID]*conf.Instance, len(placed))
	for _, c := range placed {
		if other := wanted[c.ID()]; other != nil {
			return fmt.Errorf("applying a configuration: instances %s and %s are both virtual router %d on interface %s",
				other.Name, c.Name, c.VRID, c.Interface)
		}
		wanted[c.ID()] = c
	}
	now := e.opts.Clock.Now()
	alone := !e.configured && e.opts.Alone != nil && e.opts.Alone()
	if !e.configured {
		e.reconciler.Adopt(resource.Adoption{
			Configured: configuredKeys(cfg, placed), Unmarked: unmarked(placed), Alone: alone,
		})
	}
	for _, i := range e.order {
		if wanted[i.id] == nil {
			i.group = nil // its end is not the others'
			e.end(i, now)
			delete(e.instances, i.id)
		}
	}
	e.pacing, e.extraAll = announce.NewPacing(cfg), cfg.Global.GARPExtraAll
	e.logUnknown = cfg.Global.LogUnknownVRIDs
	var changed, added []*instance
	e.order = make([]*instance, 0, len(placed))
	for _, c := range placed {
		i := e.instances[c.ID()]
		if i == nil {
			i = newInstance(c)
			i.remember(resume[i.id], now)
			i.brought = e.causes
			e.instances[i.id] = i
			added = append(added, i)
		} else {
			changed = append(changed, i)
		}
		i.next = c
		e.order = append(e.order, i)
	}
	e.assignGroups(cfg)
	e.index()
	e.vmacs.Want(interfaces, !e.configured, alone)
	e.wantVMACs()
	e.applyStatics(cfg)
	e.delayLinks(cfg.InterfaceDelays, now)
	if !e.configured && resume == nil {
		e.delayStart(&cfg.Global, now)
	}
	maps.DeleteFunc(e.trackers, func(k track.Key, _ event.TrackerState) bool { return e.watchers[k] == nil })
	for _, i := range changed {
		e.reconfigure(i, now)
	}
	// Those that resume go first: their peers are about to take over.
	slices.SortStableFunc(added, func(a, b *instance) int { return b.resumable.Compare(a.resumable) })
	for _, i := range added {
		e.evaluate(i, now)
	}
	e.findNoARP(now)
	if !e.configured {
		e.configured = true
		e.pending[resource.Leftovers] = 0
		e.reconciler.Sweep(e.resumable(now))
	}
	return nil
}

// index says which instances an interface, an address or a resource matters
// to, by their new configurations.
func (e *Engine) index() {
	clear(e.users)
	clear(e.wanters)
	clear(e.watchers)
	clear(e.sources)
	clear(e.virtual)
	for _, i := range e.order {
		for _, a := range slices.Concat(i.next.Addresses, i.next.ExcludedAddresses) {
			e.virtual[a.Prefix.Addr()] = append(e.virtual[a.Prefix.Addr()], i)
		}
		for _, r := range i.tracks.Others {
			e.watchers[r.Key] = append(e.watchers[r.Key], i)
		}
		if i.next.SourceAddress.IsValid() && track.NeedsSource(i.next) {
			e.sources[i.next.SourceAddress] = append(e.sources[i.next.SourceAddress], i)
		}
		for _, name := range devicesOf(i.next, i.tracks) {
			e.users[name] = append(e.users[name], i)
		}
		for _, r := range resourcesOf(i.next) {
			e.wanters[r.Key()] = append(e.wanters[r.Key()], i)
		}
	}
}

// reconfigure gives a running instance its new configuration. Its state stays:
// a MASTER goes on being one, with the addresses that differ added and removed.
func (e *Engine) reconfigure(i *instance, now time.Time) {
	old, oldParams, cfg := i.cfg, i.params, i.next
	if reflect.DeepEqual(old, cfg) {
		e.evaluate(i, now) // its group may be another
		return
	}
	before := i.resources
	i.configure(cfg)
	if i.params != oldParams {
		i.priority = track.Evaluate(cfg.Priority, e.tracked(i.tracks)).Priority
		e.reconfigured(i, now)
	}
	if old.GARPExtraInterval != cfg.GARPExtraInterval {
		e.scheduleExtra(i, now)
	}
	if i.owns && !resource.Same(i.resources, before) {
		e.wish(i, resource.NoDoubt)
	}
	e.evaluate(i, now)
	if i.started && (old.Name != cfg.Name || old.Priority != cfg.Priority) {
		e.tellAgain(i)
	}
}

// end shuts an instance down and forgets its timers.
func (e *Engine) end(i *instance, now time.Time) {
	e.step(i, now, machine.Input{Kind: machine.Shutdown})
	for t := range i.timers {
		e.deadlines.Remove(&i.timers[t])
	}
	e.deadlines.Remove(&i.extra)
	e.deadlines.Remove(&i.patience)
	e.detach(i)
}

// configuredKeys are all resources that a configuration names.
func configuredKeys(cfg *conf.Config, placed []*conf.Instance) map[resource.Key]bool {
	keys := make(map[resource.Key]bool)
	for _, r := range resourceList(cfg.StaticAddresses, cfg.StaticRoutes, cfg.StaticRules) {
		keys[r.Key()] = true
	}
	for _, c := range placed {
		for _, r := range resourcesOf(c) {
			keys[r.Key()] = true
		}
	}
	return keys
}

// unmarked are the routes and rules of instances that carry a protocol of their
// own in the place of the mark.
func unmarked(placed []*conf.Instance) (list []resource.Resource) {
	for _, c := range placed {
		for _, r := range c.Routes {
			if r.Protocol != link.Mark {
				list = append(list, resource.Route{Route: r})
			}
		}
		for _, r := range c.Rules {
			if r.Protocol != link.Mark {
				list = append(list, resource.Rule{Rule: r})
			}
		}
	}
	return list
}

// resumable are the resources of instances that may still resume MASTER.
func (e *Engine) resumable(now time.Time) map[resource.Key]bool {
	keep := make(map[resource.Key]bool)
	for _, i := range e.order {
		if i.resumable.After(now) {
			for _, r := range i.resources {
				keep[r.Key()] = true
			}
		}
	}
	return keep
}

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
