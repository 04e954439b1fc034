package load

import (
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/keyword"
	"github.com/lvs-director/director/conf/load/value"
)

// finishTracking looks trackers up, and gives references the weight of their
// tracker.
func (l *loader) finishTracking() {
	weighted := map[string]bool{}
	for _, g := range l.Config.SyncGroups {
		weighted[g.Name] = g.TrackingWeight
	}
	for _, in := range l.Config.Instances {
		for _, t := range []struct {
			kind keyword.TrackKind
			list *[]conf.Track
		}{{keyword.KindScript, &in.TrackScripts}, {keyword.KindFile, &in.TrackFiles},
			{keyword.KindProcess, &in.TrackProcesses}, {keyword.KindBFD, &in.TrackBFDs}} {
			*t.list = l.resolve(in, in.Name, t.kind, *t.list)
			if in.SyncGroup != "" && !weighted[in.SyncGroup] {
				*t.list = l.unweighted(in, in.SyncGroup, t.kind, *t.list)
			}
		}
		l.ownInterface(in)
		if in.SyncGroup != "" && !weighted[in.SyncGroup] {
			for i := range in.TrackInterfaces {
				l.unweightedInterface(in, in.SyncGroup, &in.TrackInterfaces[i])
			}
		}
	}
	for _, g := range l.Config.SyncGroups {
		for _, t := range []struct {
			kind keyword.TrackKind
			list *[]conf.Track
		}{{keyword.KindScript, &g.TrackScripts}, {keyword.KindFile, &g.TrackFiles}, {keyword.KindProcess, &g.TrackProcesses},
			{keyword.KindBFD, &g.TrackBFDs}} {
			*t.list = l.resolve(g, g.Name, t.kind, *t.list)
		}
	}
	l.finishAnnounceTracking()
}

// finishAnnounceTracking looks up the trackers of announce blocks, where no weight counts: what is down
// withdraws.
func (l *loader) finishAnnounceTracking() {
	for _, a := range l.Config.Announces {
		for _, t := range []struct {
			kind keyword.TrackKind
			list *[]conf.Track
		}{{keyword.KindScript, &a.TrackScripts}, {keyword.KindFile, &a.TrackFiles},
			{keyword.KindProcess, &a.TrackProcesses}, {keyword.KindBFD, &a.TrackBFDs}} {
			*t.list = l.resolve(a, a.Name, t.kind, *t.list)
			for i := range *t.list {
				(*t.list)[i].Weight = 0
			}
		}
		for i := range a.TrackInterfaces {
			a.TrackInterfaces[i].Weight = 0
		}
		for i := range a.TrackVirtualServers {
			a.TrackVirtualServers[i].Weight = 0
		}
	}
}

// resolve drops references to trackers that are not there.
func (l *loader) resolve(owner any, called string, kind keyword.TrackKind, list []conf.Track) []conf.Track {
	kept := list[:0]
	for _, t := range list {
		ref := l.Tracked[keyword.TrackKey{Owner: owner, Kind: kind, Name: t.Name}]
		weight, reverse, ok := l.trackerWeight(kind, t.Name)
		if !ok {
			why, suggestion := l.Undefined(keyword.TrackKinds[kind].Block, t.Name, l.trackerNames(kind))
			l.Warn(ref.Node, "not-found", "(%s) %s %s %s: it is ignored%s", value.Clip(called), keyword.TrackKinds[kind].Word,
				value.Clip(t.Name), why, suggestion)
			continue
		}
		if b := l.BFDs[t.Name]; kind == keyword.KindBFD && !b.ForVRRP() {
			l.Warn(ref.Node, "bfd-checker", "(%s) bfd_instance %s is for checks only (checker): it is not tracked",
				value.Clip(called), value.Clip(t.Name)).Hint = "write vrrp as well in the bfd_instance"
			continue
		}
		if !ref.Defined {
			f := l.Warn(ref.Node, "forward-reference",
				"(%s) %s %s is defined further down: it is tracked, but keepalived would ignore this line", value.Clip(called),
				keyword.TrackKinds[kind].Word, value.Clip(t.Name))
			f.Hint = "move the " + keyword.TrackKinds[kind].Block + " block up"
		}
		if !ref.Weight {
			t.Weight = weight
			if !ref.Reverse {
				t.Reverse = reverse
			}
		}
		kept = append(kept, t)
	}
	return kept
}

func (l *loader) trackerWeight(kind keyword.TrackKind, name string) (weight int, reverse, ok bool) {
	switch kind {
	case keyword.KindScript:
		if s := l.Scripts[name]; s != nil {
			return s.Weight, s.Reverse, true
		}
	case keyword.KindFile:
		if f := l.Files[name]; f != nil {
			return f.Weight, f.Reverse, true
		}
	case keyword.KindProcess:
		if p := l.Processes[name]; p != nil {
			return p.Weight, p.Reverse, true
		}
	case keyword.KindBFD:
		if b := l.BFDs[name]; b != nil {
			return b.Weight, b.Reverse, true
		}
	}
	return 0, false, false
}

func (l *loader) trackerNames(kind keyword.TrackKind) []string {
	var names []string
	switch kind {
	case keyword.KindScript:
		for _, s := range l.Config.Scripts {
			names = append(names, s.Name)
		}
	case keyword.KindFile:
		for _, f := range l.Config.Files {
			names = append(names, f.Name)
		}
	case keyword.KindProcess:
		for _, p := range l.Config.Processes {
			names = append(names, p.Name)
		}
	case keyword.KindBFD:
		for _, b := range l.Config.BFDs {
			names = append(names, b.Name)
		}
	}
	return names
}

// unweighted drops weighted trackers of an instance in a sync group, where they
// do not count unless the group asks for that: keepalived does so and says
// nothing. Trackers in the group's own block count for every member.
func (l *loader) unweighted(owner any, group string, kind keyword.TrackKind, list []conf.Track) []conf.Track {
	kept := list[:0]
	for _, t := range list {
		if t.Weight == 0 {
			kept = append(kept, t)
			continue
		}
		ref := l.Tracked[keyword.TrackKey{Owner: owner, Kind: kind, Name: t.Name}]
		l.Note(ref.Node, "group-weight", "%s %s has a weight, which does nothing in sync group %s: it is not tracked",
			keyword.TrackKinds[kind].Word, value.Clip(t.Name),
			value.Clip(group)).Hint = "track it in the group's own block, set sync_group_tracking_weight in the group, or " +
			"track without a weight"
	}
	return kept
}

func (l *loader) unweightedInterface(owner any, group string, t *conf.TrackInterface) {
	if t.Weight == 0 {
		return
	}
	c := l.InterfaceNodes[keyword.InterfaceKey{Owner: owner, Name: t.Name}]
	l.Note(c, "group-weight", "the weight of interface %s does nothing in sync group %s: when it is down the group is "+
		"in FAULT", value.Clip(t.Name), value.Clip(group)).Hint = "set sync_group_tracking_weight in the group"
	t.Weight, t.Reverse = 0, false
}

// ownInterface drops the instance's own interface from those it tracks: it is
// tracked in any case.
func (l *loader) ownInterface(in *conf.Instance) {
	kept := in.TrackInterfaces[:0]
	for _, t := range in.TrackInterfaces {
		if t.Name == in.Interface {
			c := l.InterfaceNodes[keyword.InterfaceKey{Owner: in, Name: t.Name}]
			if t.Weight == 0 {
				l.Warn(c, "own-interface",
					"(%s) %s is the instance's own interface, which is tracked in any case: the line is ignored", value.Clip(in.Name),
					value.Clip(t.Name))
				continue
			}
			if !in.DontTrackPrimary {
				l.Note(c, "own-interface",
					"(%s) %s is the instance's own interface: while it is down the instance is in FAULT, whatever its weight",
					value.Clip(in.Name), value.Clip(t.Name))
			}
		}
		kept = append(kept, t)
	}
	in.TrackInterfaces = kept
}

// finishTrackedServers gives references to virtual servers their texts.
func (l *loader) finishTrackedServers() {
	if len(l.TrackedServers) == 0 {
		return
	}
	texts := map[string]string{}
	var names []string
	for _, v := range l.Config.VirtualServers {
		name := strings.Join(value.Vector(l.Node(v)), " ")
		for _, form := range []string{name, name + " " + v.Key.Protocol.String(), v.String()} {
			if _, ok := texts[strings.ToLower(form)]; !ok {
				texts[strings.ToLower(form)] = v.String()
			}
		}
		names = append(names, name)
	}
	found := map[string]string{}
	for c, ref := range l.TrackedServers {
		if text, ok := texts[strings.ToLower(ref.Name)]; ok {
			found[ref.Name] = text
			l.Entry(ref.Owner, "track_virtual_server", text, c)
			continue
		}
		l.Warn(c, "not-found", "virtual server %s is not defined: it is not tracked%s", value.Clip(ref.Name),
			value.DidYouMean(ref.Name, names))
	}
	replace := func(list []conf.Track) []conf.Track {
		kept := list[:0]
		for _, t := range list {
			if text, ok := found[t.Name]; ok {
				t.Name = text
				kept = append(kept, t)
			}
		}
		return kept
	}
	for _, in := range l.Config.Instances {
		in.TrackVirtualServers = replace(in.TrackVirtualServers)
	}
	for _, g := range l.Config.SyncGroups {
		g.TrackVirtualServers = replace(g.TrackVirtualServers)
	}
	for _, a := range l.Config.Announces {
		a.TrackVirtualServers = replace(a.TrackVirtualServers)
	}
}
