package keyword

import (
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load/value"
	"github.com/lvs-director/director/conf/syntax"
)

// TrackKind is a kind of tracker that is defined by a block of its own.
type TrackKind uint8

const (
	KindScript TrackKind = iota
	KindFile
	KindProcess
	KindBFD
)

// TrackKinds says how the kinds of trackers are called, and the largest weight.
var TrackKinds = [...]struct {
	Word, Block string
	limit       int64
}{
	KindScript:  {"track script", "vrrp_script", 253},
	KindFile:    {"track file", "track_file", 254},
	KindProcess: {"track process", "vrrp_track_process", 254},
	KindBFD:     {"bfd", "bfd_instance", 253},
}

// TrackKey identifies a reference to a tracker; owner is the *Instance or *SyncGroup.
type TrackKey struct {
	Owner any
	Kind  TrackKind
	Name  string
}

// TrackRef is what a reference said, until the tracker is looked up when all
// files are read.
type TrackRef struct {
	Node    *syntax.Node
	Weight  bool // it gives a weight of its own
	Reverse bool // and a direction of its own
	Defined bool // the tracker had been defined before
}

// weightOptions reads [weight N [reverse|noreverse]] from word i on.
func (l *Loader) weightOptions(c *syntax.Node, i int, limit int64, noreverse bool) (weight int, reverse, hasWeight,
	hasReverse bool) {
	l.Word, l.Fallback = "weight", ""
	for ; i < len(c.Args); i++ {
		switch opt := c.Arg(i); opt {
		case "weight":
			if i+1 >= len(c.Args) {
				l.WarnArg(c, i, "missing-value", "weight has no value: it is ignored")
				continue
			}
			i++
			if v, ok := l.Integer(c, i, -limit, limit); ok {
				weight, hasWeight = int(v), true
			}
		case "reverse":
			reverse, hasReverse = true, true
		case "noreverse":
			if !noreverse {
				l.WarnArg(c, i, "unknown-option", "unknown option %q: it is ignored", opt)
				continue
			}
			reverse, hasReverse = false, true
		default:
			hint := ""
			if after, ok := strings.CutPrefix(opt, "weight="); ok {
				hint = " (write weight " + value.Clip(after) + ")"
			} else {
				hint = value.DidYouMean(opt, []string{"weight", "reverse", "noreverse"})
			}
			l.WarnArg(c, i, "unknown-option", "unknown option %q of %s: it is ignored%s", value.Clip(opt),
				value.Clip(c.Keyword.Text), hint)
		}
	}
	return weight, reverse, hasWeight, hasReverse
}

func (l *Loader) trackInterfaces(n *syntax.Node, owner any, called string,
	list []conf.TrackInterface) []conf.TrackInterface {
	for _, c := range l.Entries(n) {
		name := c.Keyword.Text
		if len(name) > value.MaxInterfaceName {
			l.Warn(c, "interface-name", "interface name %q is longer than %d characters: the line is ignored", value.Clip(name),
				value.MaxInterfaceName)
			continue
		}
		w, rev, _, _ := l.weightOptions(c, 0, 253, true)
		duplicate := false
		for _, t := range list {
			if t.Name == name {
				l.Warn(c, "repeated", "(%s) interface %s is tracked twice: the first line counts", value.Clip(called),
					value.Clip(name))
				duplicate = true
			}
		}
		if !duplicate {
			l.InterfaceNodes[InterfaceKey{owner, name}] = c
			l.Entry(owner, "track_interface", name, c)
			list = append(list, conf.TrackInterface{Name: name, Weight: w, Reverse: rev})
		}
	}
	return list
}

// InterfaceKey identifies a tracked interface; Owner is the *conf.Instance or *conf.SyncGroup.
type InterfaceKey struct {
	Owner any
	Name  string
}

func (l *Loader) track(n *syntax.Node, owner any, called string, kind TrackKind, list []conf.Track) []conf.Track {
	for _, c := range l.Entries(n) {
		name := c.Keyword.Text
		w, rev, hasW, hasR := l.weightOptions(c, 0, TrackKinds[kind].limit, true)
		duplicate := false
		for _, t := range list {
			if t.Name == name {
				l.Warn(c, "repeated", "(%s) %s %s is tracked twice: the first line counts", value.Clip(called),
					TrackKinds[kind].Word, value.Clip(name))
				duplicate = true
			}
		}
		if duplicate {
			continue
		}
		list = append(list, conf.Track{Name: name, Weight: w, Reverse: rev})
		l.Entry(owner, n.Keyword.Text, name, c)
		l.Tracked[TrackKey{owner, kind, name}] = TrackRef{
			Node: c, Weight: hasW, Reverse: hasR, Defined: l.trackerDefined(kind, name),
		}
	}
	return list
}

// TrackedServer is a reference to a virtual server as it is written; Owner is the
// *conf.Instance or *conf.SyncGroup.
type TrackedServer struct {
	Owner any
	Name  string
}

// trackServers reads references to virtual servers.
func (l *Loader) trackServers(n *syntax.Node, owner any, list []conf.Track) []conf.Track {
	for _, c := range l.Entries(n) {
		words := append(one(c.Keyword.Text), value.Vector(c)...)
		used := len(words)
		for i, w := range words {
			if w == "weight" || w == "reverse" {
				used = i
				break
			}
		}
		w, rev, _, _ := l.weightOptions(c, max(used-1, 0), 253, true)
		name := strings.Join(words[:used], " ")
		list = append(list, conf.Track{Name: name, Weight: w, Reverse: rev})
		l.TrackedServers[c] = TrackedServer{owner, name}
	}
	return list
}

func (l *Loader) trackerDefined(kind TrackKind, name string) bool {
	switch kind {
	case KindScript:
		return l.Scripts[name] != nil
	case KindFile:
		return l.Files[name] != nil
	case KindProcess:
		return l.Processes[name] != nil
	}
	return l.BFDs[name] != nil
}
