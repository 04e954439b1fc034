package track

import (
	"slices"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// Key names a tracker of which others tell the state.
type Key struct {
	Kind event.TrackerKind
	Name string
}

// Reference is the use of a tracker by an instance or its group.
type Reference struct {
	Key
	conf.Track
}

// References are the things that an instance and its group track.
type References struct {
	Interfaces []conf.TrackInterface
	Others     []Reference
}

// ReferencesOf has what an instance tracks; group is nil without one.
func ReferencesOf(i *conf.Instance, group *conf.SyncGroup) References {
	r := References{Interfaces: i.TrackInterfaces}
	r.add(event.TrackScript, i.TrackScripts)
	r.add(event.TrackFile, i.TrackFiles)
	r.add(event.TrackProcess, i.TrackProcesses)
	r.add(event.TrackVirtualServer, i.TrackVirtualServers)
	r.add(event.TrackBFD, i.TrackBFDs)
	if group == nil {
		return r
	}
	r.Interfaces = slices.Concat(r.Interfaces, group.TrackInterfaces)
	r.add(event.TrackScript, group.TrackScripts)
	r.add(event.TrackFile, group.TrackFiles)
	r.add(event.TrackProcess, group.TrackProcesses)
	r.add(event.TrackVirtualServer, group.TrackVirtualServers)
	r.add(event.TrackBFD, group.TrackBFDs)
	return r
}

func (r *References) add(kind event.TrackerKind, list []conf.Track) {
	for _, t := range list {
		r.Others = append(r.Others, Reference{Key{kind, t.Name}, t})
	}
}

// Items are the things with what they are like now: isUp tells it of an
// interface, trackers of the others, as far as they are known.
func (r References) Items(isUp func(string) bool, trackers map[Key]event.TrackerState) []Item {
	items := make([]Item, 0, len(r.Interfaces)+len(r.Others))
	for _, t := range r.Interfaces {
		items = append(items, Item{What: "interface " + t.Name, Status: Of(isUp(t.Name)), Weight: t.Weight,
			Reverse: t.Reverse})
	}
	for _, t := range r.Others {
		item := Item{
			What: t.Kind.String() + " " + t.Key.Name, Weight: t.Weight, Reverse: t.Reverse,
			Counted: t.Kind == event.TrackFile, Patient: t.Kind == event.TrackVirtualServer,
		}
		if s, known := trackers[t.Key]; known {
			item.Status, item.Value, item.Why = Of(s.Up), s.Value, s.Reason
			if s.Ignored {
				item.Status = Ignored
			}
		}
		items = append(items, item)
	}
	return items
}
