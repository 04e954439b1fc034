package pair

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/table"
	"github.com/lvs-director/director/words"
	"github.com/lvs-director/director/worker/front"
)

// Half is what is known of another half.
type Half struct {
	Address string
	Link    front.PeerLink
	Since   time.Time // when the link became as it is: up or not
	// View is what it has told last; nil is nothing yet. It counts while the link is up.
	View *View
	// Heard is when it has told that; it tells it again, though it is the same, three times within Silence.
	Heard time.Time
}

// Silence is how long a half that is connected may say nothing of itself: then what was said last counts
// for no readiness. Its front answers pings without its supervisor.
const Silence = time.Minute

// Silent says that the half is connected, and has said nothing of itself for too long.
func (h Half) Silent(now time.Time) bool {
	return h.Link.Up && h.View != nil && !h.Heard.IsZero() && now.Sub(h.Heard) > Silence
}

// Called is the half for people.
func (h Half) Called() string {
	if name := clip(h.Link.Name); name != "" {
		return name + " (" + h.Address + ")"
	}
	return h.Address
}

// Finding is something that is wrong with the pair.
type Finding struct {
	Key    string // what it is, whatever the text says of it now
	Object string // the instance or virtual server that it is about; empty is none
	Text   string
}

// How long something has to be so until it is a problem: a healthy pair differs for a moment.
const (
	linkHold    = 10 * time.Second // a peer that restarts
	readyHold   = 10 * time.Second // a table that is loaded
	electHold   = 3 * time.Second  // beside four advertisement intervals
	configHold  = 30 * time.Second // a reload of one half, then of the other
	verdictHold = 5 * time.Second  // beside the time of two rounds of checks
	slotsHold   = 30 * time.Second // a reload of one half, then of the other
	versionHold = time.Minute      // an upgrade of one half, then of the other
	clockHold   = 5 * time.Second
)

// maxClock is how far clocks may be apart.
const maxClock = time.Second

// maxDiffering is how many real servers of a peer are named.
const maxDiffering = 5

// Watch remembers since when something is so. Its zero value remembers nothing.
type Watch struct{ since map[string]time.Time }

// Look says what is wrong with the pair now; host is the name of this half, and own its view.
func (w *Watch) Look(now time.Time, host string, own View, halves []Half) []Finding {
	l := &look{w: w, now: now, host: host, own: own, seen: make(map[string]bool)}
	for _, h := range halves {
		l.link(h)
		if h.Link.Up && h.View != nil {
			l.half(h, *h.View)
		}
	}
	l.names(halves)
	l.masters(halves)
	maps.DeleteFunc(w.since, func(k string, _ time.Time) bool { return !l.seen[k] })
	return l.found
}

// look is one Look.
type look struct {
	w     *Watch
	now   time.Time
	host  string
	own   View
	seen  map[string]bool
	found []Finding
}

// held says that something has been so for long enough.
func (l *look) held(key string, hold time.Duration) bool {
	l.seen[key] = true
	since, ok := l.w.since[key]
	if !ok {
		if l.w.since == nil {
			l.w.since = make(map[string]time.Time)
		}
		l.w.since[key], since = l.now, l.now
	}
	return l.now.Sub(since) >= hold
}

func (l *look) say(key string, hold time.Duration, object, format string, args ...any) {
	if l.held(key, hold) {
		l.found = append(l.found, Finding{key, object, fmt.Sprintf(format, args...)})
	}
}

// Fault says why nothing is heard of the half for which waiting is no cure: what follows "peer NAME"; empty is
// nothing of the kind.
func (h Half) Fault() string {
	switch h.Link.Fault {
	case front.FaultKey:
		return " uses another key: the file of its key must be the same on both"
	case front.FaultProtocol:
		return ": " + clip(h.Link.Why) + ": upgrade one of the two"
	case front.FaultItself:
		return " is this host itself: name the address of the other one"
	}
	return ""
}

func (l *look) link(h Half) {
	switch why := h.Fault(); {
	case h.Link.Up && h.Link.Two:
		l.say("two "+h.Address, 0, "", "two directors say in turn that they are peer %s", h.Called())
	case h.Link.Up:
	case why != "":
		l.say(h.Link.Fault+" "+h.Address, 0, "", "peer %s%s", h.Called(), why)
	default:
		l.say("link "+h.Address, linkHold, "", "peer %s is not reachable since %s: %s", h.Called(),
			h.Since.Local().Format("2006-01-02 15:04:05"), cmp.Or(clip(h.Link.Why), "there is no answer yet"))
	}
}

func (l *look) half(h Half, v View) {
	if h.Silent(l.now) {
		l.say("silent "+h.Address, 0, "", "peer %s is connected, and has said nothing of itself for %s: director does not "+
			"work there", h.Called(), words.Duration(Silence))
	}
	if len(v.NotReady) > 0 {
		l.say("ready "+h.Address, readyHold, "", "peer %s cannot take over: %s", h.Called(), strings.Join(v.NotReady, "; "))
	}
	switch {
	case v.Version != l.own.Version:
		l.say("version "+h.Address, versionHold, "", "peer %s runs version %s, and this half %s", h.Called(), v.Version,
			l.own.Version)
	case v.Digest != l.own.Digest: // another version has other defaults
		l.say("config "+h.Address, configHold, "", "the configuration of peer %s differs: director diff peer shows the lines",
			h.Called())
	}
	if off := h.Link.Offset.Abs() - h.Link.RoundTrip/2; off > maxClock {
		how := "ahead"
		if h.Link.Offset < 0 {
			how = "behind"
		}
		l.say("clock "+h.Address, clockHold, "", "the clock of peer %s is %s %s", h.Called(),
			words.Duration(h.Link.Offset.Abs().Round(100*time.Millisecond)), how)
	}
	l.verdicts(h, v)
	l.slots(h, v)
}

// slots compares who gets which client, where routers may move a client from one half to the other.
func (l *look) slots(h Half, v View) {
	theirs := make(map[string]string)
	for _, s := range v.VirtualServers {
		if s.Slots != "" {
			theirs[s.Name] = s.Slots
		}
	}
	differing := 0
	for _, vs := range l.own.VirtualServers {
		other := theirs[vs.Name]
		if vs.Slots == "" || other == "" || vs.Slots == other {
			continue
		}
		key := "slots " + h.Address + " " + vs.Name
		if !l.held(key, slotsHold) {
			continue
		}
		if differing++; differing <= maxDiffering {
			l.found = append(l.found, Finding{key, vs.Name, fmt.Sprintf("%s: peer %s may give a client another real server, so "+
				"that a connection which moves there breaks: %s; director ipvs --slots '%s' shows the slots", vs.Name,
				h.Called(), cmp.Or(table.FingerprintDifference(vs.Slots, other), "it tells of its slots in another form"),
				vs.Name)})
		}
	}
	if more := differing - maxDiffering; more > 0 {
		l.found = append(l.found, Finding{"slots " + h.Address, "", fmt.Sprintf("%d more virtual servers may give a client "+
			"another real server on peer %s", more, h.Called())})
	}
}

// verdicts compares what the checks of both halves say.
func (l *look) verdicts(h Half, v View) {
	theirs := make(map[string]VirtualServer, len(v.VirtualServers))
	for _, s := range v.VirtualServers {
		theirs[s.Name] = s
	}
	differing := 0
	differ := func(vs VirtualServer, other VirtualServer, list, others []string, here, there string) {
		if len(list) == 0 || len(others) == 0 {
			return
		}
		is := make(map[string]bool, len(others))
		for _, r := range others {
			is[r] = true
		}
		hold := verdictHold + time.Duration(2*max(vs.Interval, other.Interval)*float64(time.Second))
		for _, r := range list {
			if !is[r] || !l.held("verdict "+h.Address+" "+vs.Name+" "+r, hold) {
				continue
			}
			if differing++; differing <= maxDiffering {
				text := fmt.Sprintf("%s: %s is %s here and %s on %s: is there no way to it from one of the two?", vs.Name, r,
					here, there, h.Called())
				l.found = append(l.found, Finding{"verdict " + h.Address + " " + vs.Name + " " + r, vs.Name, text})
			}
		}
	}
	for _, vs := range l.own.VirtualServers {
		other := theirs[vs.Name]
		differ(vs, other, vs.Up, other.Down, "up", "down")
		differ(vs, other, vs.Down, other.Up, "down", "up")
	}
	if more := differing - maxDiffering; more > 0 {
		text := fmt.Sprintf("%d more real servers are up on one half only (%s)", more, h.Called())
		l.found = append(l.found, Finding{"verdicts " + h.Address, "", text})
	}
}

// names finds hosts that are called the same.
func (l *look) names(halves []Half) {
	of := map[string]string{l.host: "this host"}
	for _, h := range halves {
		if !h.Link.Up || h.Link.Name == "" {
			continue
		}
		if other, taken := of[h.Link.Name]; taken {
			l.say("name "+h.Address, 0, "", "peer %s has the name of %s: each host needs its own", h.Called(), other)
			continue
		}
		of[h.Link.Name] = "peer " + h.Address
	}
}

// masters looks for instances with two masters, or with none.
func (l *look) masters(halves []Half) {
	for _, i := range l.own.Instances {
		var masters []string
		known, all, interval := 0, 0, i.Interval
		if i.State == event.Master {
			masters = append(masters, "this host ("+l.host+")")
		}
		for _, h := range halves {
			all++
			if !h.Link.Up || h.View == nil {
				continue
			}
			known++
			for _, other := range h.View.Instances {
				if same(i, other) {
					if other.State == event.UnknownState { // it may be one that holds the addresses
						known--
					}
					interval = max(interval, other.Interval)
					if other.State == event.Master {
						masters = append(masters, h.Called())
					}
				}
			}
		}
		hold := electHold + time.Duration(4*interval*float64(time.Second))
		switch {
		case len(masters) > 1:
			slices.Sort(masters[1:])
			l.say("masters "+i.Name, hold, i.Name, "%s has %d masters: %s", i.Name, len(masters), strings.Join(masters, " and "))
		case len(masters) == 0 && known == all && all > 0:
			l.say("nobody "+i.Name, hold, i.Name, "%s has no master: neither this host nor a peer holds its addresses", i.Name)
		}
	}
}
