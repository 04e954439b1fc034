package conf

import (
	"strings"

	"github.com/lvs-director/director/conf/syntax"
)

// trackKind is a kind of tracker that is defined by a block of its own.
type trackKind uint8

const (
	kindScript trackKind = iota
	kindFile
	kindProcess
	kindBFD
)

var trackKinds = [...]struct {
	word, block string
	limit       int64
}{
	kindScript:  {"track script", "vrrp_script", 253},
	kindFile:    {"track file", "track_file", 254},
	kindProcess: {"track process", "vrrp_track_process", 254},
	kindBFD:     {"bfd", "bfd_instance", 253},
}

// trackKey identifies a reference to a tracker; owner is the *Instance or *SyncGroup.
type trackKey struct {
	owner any
	kind  trackKind
	name  string
}

// trackRef is what a reference said, until the tracker is looked up when all
// files are read.
type trackRef struct {
	node    *syntax.Node
	weight  bool // it gives a weight of its own
	reverse bool // and a direction of its own
	defined bool // the tracker had been defined before
}

// weightOptions reads [weight N [reverse|noreverse]] from word i on.
func (l *loader) weightOptions(c *syntax.Node, i int, limit int64, noreverse bool) (weight int, reverse, hasWeight, hasReverse bool) {
	l.word, l.fallback = "weight", ""
	for ; i < len(c.Args); i++ {
		switch opt := c.Arg(i); opt {
		case "weight":
			if i+1 >= len(c.Args) {
				l.warnArg(c, i, "missing-value", "weight has no value: it is ignored")
				continue
			}
			i++
			if v, ok := l.integer(c, i, -limit, limit); ok {
				weight, hasWeight = int(v), true
			}
		case "reverse":
			reverse, hasReverse = true, true
		case "noreverse":
			if !noreverse {
				l.warnArg(c, i, "unknown-option", "unknown option %q: it is ignored", opt)
				continue
			}
			reverse, hasReverse = false, true
		default:
			hint := ""
			if after, ok := strings.CutPrefix(opt, "weight="); ok {
				hint = " (write weight " + clip(after) + ")"
			} else {
				hint = didYouMean(opt, []string{"weight", "reverse", "noreverse"})
			}
			l.warnArg(c, i, "unknown-option", "unknown option %q of %s: it is ignored%s", clip(opt), clip(c.Keyword.Text), hint)
		}
	}
	return weight, reverse, hasWeight, hasReverse
}

func (l *loader) trackInterfaces(n *syntax.Node, owner any, called string, list []TrackInterface) []TrackInterface {
	for _, c := range l.entries(n) {
		name := c.Keyword.Text
		if len(name) > maxInterfaceName {
			l.warn(c, "interface-name", "interface name %q is longer than %d characters: the line is ignored", clip(name), maxInterfaceName)
			continue
		}
		w, rev, _, _ := l.weightOptions(c, 0, 253, true)
		duplicate := false
		for _, t := range list {
			if t.Name == name {
				l.warn(c, "repeated", "(%s) interface %s is tracked twice: the first line counts", clip(called), clip(name))
				duplicate = true
			}
		}
		if !duplicate {
			l.interfaceNodes[interfaceKey{owner, name}] = c
			l.entry(owner, "track_interface", name, c)
			list = append(list, TrackInterface{Name: name, Weight: w, Reverse: rev})
		}
	}
	return list
}

type interfaceKey struct {
	owner any
	name  string
}

func (l *loader) track(n *syntax.Node, owner any, called string, kind trackKind, list []Track) []Track {
	for _, c := range l.entries(n) {
		name := c.Keyword.Text
		w, rev, hasW, hasR := l.weightOptions(c, 0, trackKinds[kind].limit, true)
		duplicate := false
		for _, t := range list {
			if t.Name == name {
				l.warn(c, "repeated", "(%s) %s %s is tracked twice: the first line counts", clip(called), trackKinds[kind].word, clip(name))
				duplicate = true
			}
		}
		if duplicate {
			continue
		}
		list = append(list, Track{Name: name, Weight: w, Reverse: rev})
		l.entry(owner, n.Keyword.Text, name, c)
		l.tracked[trackKey{owner, kind, name}] = trackRef{
			node: c, weight: hasW, reverse: hasR, defined: l.trackerDefined(kind, name),
		}
	}
	return list
}

// trackServers reads references to virtual servers.
func (l *loader) trackServers(n *syntax.Node, list []Track) []Track {
	for _, c := range l.entries(n) {
		words := append(one(c.Keyword.Text), vector(c)...)
		used := len(words)
		for i, w := range words {
			if w == "weight" || w == "reverse" {
				used = i
				break
			}
		}
		w, rev, _, _ := l.weightOptions(c, max(used-1, 0), 253, true)
		name := strings.Join(words[:used], " ")
		list = append(list, Track{Name: name, Weight: w, Reverse: rev})
		l.trackedServers[c] = name
	}
	return list
}

func (l *loader) trackerDefined(kind trackKind, name string) bool {
	switch kind {
	case kindScript:
		return l.scripts[name] != nil
	case kindFile:
		return l.files[name] != nil
	case kindProcess:
		return l.processes[name] != nil
	}
	return l.bfds[name] != nil
}
