package vrrp

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/machine"
	"github.com/lvs-director/director/vrrp/track"
)

// resumeIntervals is how many advertisement intervals a process may have been
// dead for its masterships to be resumed: the peers notice after three.
const resumeIntervals = 2

// apply replaces the configuration by the difference.
func (e *Engine) apply(cfg *conf.Config, resume map[string]Resume) error {
	if e.stopping {
		return fmt.Errorf("applying a configuration: %w", ErrStopped)
	}
	instances, interfaces := e.vmacs.place(cfg)
	wanted := make(map[key]*conf.Instance, len(instances))
	for _, c := range instances {
		if other := wanted[keyOf(c)]; other != nil {
			return fmt.Errorf("applying a configuration: instances %s and %s are both virtual router %d on interface %s",
				other.Name, c.Name, c.VRID, c.Interface)
		}
		wanted[keyOf(c)] = c
	}
	now := e.opts.Clock.Now()
	for _, i := range e.order {
		if wanted[i.key] == nil {
			i.group = nil // its end is not the others'
			e.end(i, now)
			delete(e.instances, i.key)
		}
	}
	e.pacing, e.extraAll = newPacing(cfg), cfg.Global.GARPExtraAll
	e.logUnknown = cfg.Global.LogUnknownVRIDs
	var changed, added []*instance
	e.order = make([]*instance, 0, len(instances))
	for _, c := range instances {
		i := e.instances[keyOf(c)]
		if i == nil {
			i = newInstance(c)
			if r := resume[c.Name]; r.WasMaster {
				i.resume = now.Add(resumeIntervals*c.AdvertInterval - r.DeadSince)
			}
			e.instances[i.key] = i
			added = append(added, i)
		} else {
			changed = append(changed, i)
		}
		e.order = append(e.order, i)
	}
	e.regroup(cfg)
	virtual := e.index(instances)
	e.keepVMACs(interfaces, instances)
	e.applyStatics(cfg, virtual)
	e.delayLinks(cfg.InterfaceDelays, now)
	if !e.configured && resume == nil {
		e.delayStart(&cfg.Global, now)
	}
	maps.DeleteFunc(e.trackers, func(k trackerKey, _ event.TrackerState) bool { return e.watchers[k] == nil })
	for _, i := range changed {
		e.reconfigure(i, wanted[i.key], now)
	}
	// Those that resume go first: their peers are about to take over.
	slices.SortStableFunc(added, func(a, b *instance) int { return b.resume.Compare(a.resume) })
	for _, i := range added {
		e.judge(i, now)
	}
	if !e.configured {
		e.configured = true
		e.sweep = &addressWork{keep: e.resumable(now)}
	}
	return nil
}

// index says which instances an interface or an address matters to, and what
// all of them want as MASTER.
func (e *Engine) index(cfgs []*conf.Instance) (wanted []holding) {
	clear(e.users)
	clear(e.places)
	clear(e.watchers)
	clear(e.sources)
	for n, i := range e.order {
		// The new configuration of an instance is not its own yet.
		future := instance{cfg: cfgs[n], tracks: i.tracks, addresses: slices.Concat(cfgs[n].Addresses, cfgs[n].ExcludedAddresses)}
		for _, r := range i.tracks.others {
			e.watchers[r.trackerKey] = append(e.watchers[r.trackerKey], i)
		}
		if a := cfgs[n].SourceAddress; tracksSource(cfgs[n]) {
			e.sources[a] = append(e.sources[a], i)
		}
		future.holdings = holdingsFor(cfgs[n], future.addresses)
		for _, name := range future.devices() {
			e.users[name] = append(e.users[name], i)
		}
		for _, h := range future.holdings {
			e.places[h.place] = append(e.places[h.place], i)
		}
		wanted = append(wanted, future.holdings...)
	}
	return wanted
}

// reconfigure gives a running instance its new configuration. Its state stays:
// a MASTER goes on being one, with the addresses that differ added and removed.
func (e *Engine) reconfigure(i *instance, cfg *conf.Instance, now time.Time) {
	old, oldParams := i.cfg, i.params
	if reflect.DeepEqual(old, cfg) {
		e.judge(i, now) // its group may be another
		return
	}
	before := i.holdings
	i.configure(cfg)
	if i.params != oldParams {
		i.priority = track.Judge(cfg.Priority, e.tracked(i.tracks)).Priority
		e.reconfigured(i, now)
	}
	if old.GARPExtraInterval != cfg.GARPExtraInterval {
		e.scheduleExtra(i, now)
	}
	if i.owns && !sameHoldings(i.holdings, before) {
		e.queueAddresses(i, false)
	}
	e.judge(i, now)
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
	e.deadlines.Remove(&i.retry)
	e.deadlines.Remove(&i.extra)
	e.detach(i)
}

// resumable are the addresses of instances that may still resume MASTER.
func (e *Engine) resumable(now time.Time) map[place]bool {
	keep := make(map[place]bool)
	for _, i := range e.order {
		if i.resume.After(now) {
			for _, h := range i.holdings {
				keep[h.place] = true
			}
		}
	}
	return keep
}
