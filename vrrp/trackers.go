package vrrp

import (
	"context"
	"slices"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/track"
)

// trackerKey names a tracker of which others tell the state.
type trackerKey struct {
	kind event.TrackerKind
	name string
}

// tracks are the things that an instance and its group track.
type tracks struct {
	interfaces []conf.TrackInterface
	others     []reference
}

type reference struct {
	trackerKey
	conf.Track
}

// tracksOf has what an instance tracks; group is nil without one.
func tracksOf(i *conf.Instance, group *conf.SyncGroup) tracks {
	t := tracks{interfaces: i.TrackInterfaces}
	t.add(event.TrackScript, i.TrackScripts)
	t.add(event.TrackFile, i.TrackFiles)
	t.add(event.TrackProcess, i.TrackProcesses)
	t.add(event.TrackVirtualServer, i.TrackVirtualServers)
	if group == nil {
		return t
	}
	t.interfaces = slices.Concat(t.interfaces, group.TrackInterfaces)
	t.add(event.TrackScript, group.TrackScripts)
	t.add(event.TrackFile, group.TrackFiles)
	t.add(event.TrackProcess, group.TrackProcesses)
	t.add(event.TrackVirtualServer, group.TrackVirtualServers)
	return t
}

func (t *tracks) add(kind event.TrackerKind, list []conf.Track) {
	for _, r := range list {
		t.others = append(t.others, reference{trackerKey{kind, r.Name}, r})
	}
}

// Track tells the states of scripts, files, processes and virtual servers. It
// may do so before Apply brings the configuration that names them.
func (e *Engine) Track(ctx context.Context, states ...event.TrackerState) error {
	return e.do(ctx, func() { e.track(states) })
}

func (e *Engine) track(states []event.TrackerState) {
	now := e.opts.Clock.Now()
	for _, s := range states {
		k := trackerKey{s.Kind, s.Name}
		e.trackers[k] = s
		for _, i := range e.watchers[k] {
			e.evaluate(i, now)
		}
	}
}

// tracked is what an instance tracks, with what it is like now.
func (e *Engine) tracked(t tracks) []track.Item {
	items := make([]track.Item, 0, len(t.interfaces)+len(t.others))
	for _, r := range t.interfaces {
		items = append(items, track.Item{
			What: "interface " + r.Name, Status: track.Of(e.isUp(r.Name)), Weight: r.Weight, Reverse: r.Reverse,
		})
	}
	for _, r := range t.others {
		item := track.Item{
			What: r.kind.String() + " " + r.Name, Weight: r.Weight, Reverse: r.Reverse,
			Counted: r.kind == event.TrackFile, Patient: r.kind == event.TrackVirtualServer,
		}
		if s, known := e.trackers[r.trackerKey]; known {
			item.Status, item.Value, item.Why = track.Of(s.Up), s.Value, s.Reason
			if s.Ignored {
				item.Status = track.Ignored
			}
		}
		items = append(items, item)
	}
	return items
}

// wait keeps an instance from starting, and says what it waits for.
func (e *Engine) wait(i *instance, why string) {
	if i.state.Reason != why {
		i.state.Reason = why
		e.tellAgain(i)
	}
}
