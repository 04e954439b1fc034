package conf

import (
	"strings"
)

// finishTracking looks trackers up, and gives references the weight of their
// tracker.
func (l *loader) finishTracking() {
	weighted := map[string]bool{}
	for _, g := range l.cfg.SyncGroups {
		weighted[g.Name] = g.TrackingWeight
	}
	for _, in := range l.cfg.Instances {
		for _, t := range []struct {
			kind trackKind
			list *[]Track
		}{{kindScript, &in.TrackScripts}, {kindFile, &in.TrackFiles}, {kindProcess, &in.TrackProcesses}, {kindBFD, &in.TrackBFDs}} {
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
	for _, g := range l.cfg.SyncGroups {
		for _, t := range []struct {
			kind trackKind
			list *[]Track
		}{{kindScript, &g.TrackScripts}, {kindFile, &g.TrackFiles}, {kindProcess, &g.TrackProcesses}, {kindBFD, &g.TrackBFDs}} {
			*t.list = l.resolve(g, g.Name, t.kind, *t.list)
			if !g.TrackingWeight {
				*t.list = l.unweighted(g, g.Name, t.kind, *t.list)
			}
		}
		if !g.TrackingWeight {
			for i := range g.TrackInterfaces {
				l.unweightedInterface(g, g.Name, &g.TrackInterfaces[i])
			}
		}
	}
}

// resolve drops references to trackers that are not there.
func (l *loader) resolve(owner any, called string, kind trackKind, list []Track) []Track {
	kept := list[:0]
	for _, t := range list {
		ref := l.tracked[trackKey{owner, kind, t.Name}]
		weight, reverse, ok := l.trackerWeight(kind, t.Name)
		if !ok {
			l.warn(ref.node, "not-found", "(%s) %s %s is not defined: it is ignored%s", clip(called), trackKinds[kind].word, clip(t.Name), didYouMean(t.Name, l.trackerNames(kind)))
			continue
		}
		if !ref.defined {
			f := l.warn(ref.node, "forward-reference", "(%s) %s %s is defined further down: it is tracked, but keepalived would ignore this line", clip(called), trackKinds[kind].word, clip(t.Name))
			f.Hint = "move the " + trackKinds[kind].block + " block up"
		}
		if !ref.weight {
			t.Weight = weight
			if !ref.reverse {
				t.Reverse = reverse
			}
		}
		kept = append(kept, t)
	}
	return kept
}

func (l *loader) trackerWeight(kind trackKind, name string) (weight int, reverse, ok bool) {
	switch kind {
	case kindScript:
		if s := l.scripts[name]; s != nil {
			return s.Weight, s.Reverse, true
		}
	case kindFile:
		if f := l.files[name]; f != nil {
			return f.Weight, f.Reverse, true
		}
	case kindProcess:
		if p := l.processes[name]; p != nil {
			return p.Weight, p.Reverse, true
		}
	case kindBFD:
		if b := l.bfds[name]; b != nil {
			return b.Weight, b.Reverse, true
		}
	}
	return 0, false, false
}

func (l *loader) trackerNames(kind trackKind) []string {
	var names []string
	switch kind {
	case kindScript:
		for _, s := range l.cfg.Scripts {
			names = append(names, s.Name)
		}
	case kindFile:
		for _, f := range l.cfg.Files {
			names = append(names, f.Name)
		}
	case kindProcess:
		for _, p := range l.cfg.Processes {
			names = append(names, p.Name)
		}
	case kindBFD:
		for _, b := range l.cfg.BFDs {
			names = append(names, b.Name)
		}
	}
	return names
}

// unweighted drops weighted trackers of a sync group, where weights do not
// count unless it asks for that: keepalived does so and says nothing.
func (l *loader) unweighted(owner any, group string, kind trackKind, list []Track) []Track {
	kept := list[:0]
	for _, t := range list {
		if t.Weight == 0 {
			kept = append(kept, t)
			continue
		}
		ref := l.tracked[trackKey{owner, kind, t.Name}]
		l.note(ref.node, "group-weight", "%s %s has a weight, which does nothing in sync group %s: it is not tracked", trackKinds[kind].word, clip(t.Name), clip(group)).Hint = "set sync_group_tracking_weight in the group, or track without a weight"
	}
	return kept
}

func (l *loader) unweightedInterface(owner any, group string, t *TrackInterface) {
	if t.Weight == 0 {
		return
	}
	c := l.interfaceNodes[interfaceKey{owner, t.Name}]
	l.note(c, "group-weight", "the weight of interface %s does nothing in sync group %s: when it is down the group is in FAULT", clip(t.Name), clip(group)).Hint = "set sync_group_tracking_weight in the group"
	t.Weight, t.Reverse = 0, false
}

// ownInterface drops the instance's own interface from those it tracks: it is
// tracked in any case.
func (l *loader) ownInterface(in *Instance) {
	kept := in.TrackInterfaces[:0]
	for _, t := range in.TrackInterfaces {
		if t.Name == in.Interface {
			c := l.interfaceNodes[interfaceKey{in, t.Name}]
			if t.Weight == 0 {
				l.warn(c, "own-interface", "(%s) %s is the instance's own interface, which is tracked in any case: the line is ignored", clip(in.Name), clip(t.Name))
				continue
			}
			if !in.DontTrackPrimary {
				l.note(c, "own-interface", "(%s) %s is the instance's own interface: while it is down the instance is in FAULT, whatever its weight", clip(in.Name), clip(t.Name))
			}
		}
		kept = append(kept, t)
	}
	in.TrackInterfaces = kept
}

// finishTrackedServers gives references to virtual servers their texts.
func (l *loader) finishTrackedServers() {
	if len(l.trackedServers) == 0 {
		return
	}
	texts := map[string]string{}
	var names []string
	for _, v := range l.cfg.VirtualServers {
		name := strings.Join(vector(l.node(v)), " ")
		for _, form := range []string{name, name + " " + v.Key.Protocol.String(), v.String()} {
			if _, ok := texts[strings.ToLower(form)]; !ok {
				texts[strings.ToLower(form)] = v.String()
			}
		}
		names = append(names, name)
	}
	found := map[string]string{}
	for c, name := range l.trackedServers {
		if text, ok := texts[strings.ToLower(name)]; ok {
			found[name] = text
			continue
		}
		l.warn(c, "not-found", "virtual server %s is not defined: it is not tracked%s", clip(name), didYouMean(name, names))
	}
	replace := func(list []Track) []Track {
		kept := list[:0]
		for _, t := range list {
			if text, ok := found[t.Name]; ok {
				t.Name = text
				kept = append(kept, t)
			}
		}
		return kept
	}
	for _, in := range l.cfg.Instances {
		in.TrackVirtualServers = replace(in.TrackVirtualServers)
	}
	for _, g := range l.cfg.SyncGroups {
		g.TrackVirtualServers = replace(g.TrackVirtualServers)
	}
}
