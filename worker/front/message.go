package front

import (
	"strings"
	"time"
)

// Name is the front's name among the workers.
const Name = "front"

// Settings are what a front has to do. The zero value is nothing: there is no front.
type Settings struct {
	Metrics Metrics
	Web     Web
	Peers   Peers
	DBus    DBus
}

// Metrics is the endpoint that Prometheus reads.
type Metrics struct {
	Listen      string // address and port; empty is nowhere
	RealServers bool   // single real servers have series of their own
	Network     string // the label of that name of all instances; empty is the network of each
	Keepalived  bool   // also the series of keepalived's exporters
}

// Wanted says whether there is anything to do.
func (s Settings) Wanted() bool {
	return s.Metrics.Listen != "" || s.Web.Wanted() || len(s.Peers.List) > 0 || s.DBus.Name != ""
}

// Permits says whether a front with these settings may ask for an action by that way.
func (s Settings) Permits(a Action, by Way) bool {
	switch by {
	case ByWeb:
		if a == History {
			return s.Web.Wanted()
		}
		return len(s.Web.Tokens) > 0 && (a == Override || a == HandOver || a == Resume)
	case ByDBus:
		return s.DBus.Name != "" && (a == Reload || a == SendGARP)
	}
	return false
}

// Serves is what there is to do, as the beginning of a sentence: "metrics are".
func (s Settings) Serves() string {
	var list []string
	if s.Metrics.Listen != "" {
		list = append(list, "metrics")
	}
	if s.Web.Wanted() {
		list = append(list, "the page")
	}
	if s.DBus.Name != "" {
		list = append(list, "D-Bus")
	}
	if len(s.Peers.List) > 0 {
		list = append(list, "peers")
	}
	if len(list) == 1 && list[0] != "metrics" && list[0] != "peers" {
		return list[0] + " is"
	}
	if n := len(list); n > 2 {
		list = []string{strings.Join(list[:n-1], ", "), list[n-1]}
	}
	return strings.Join(list, " and ") + " are"
}

// AliveInterval is how often a front says that it lives.
const AliveInterval = time.Second

// SnapshotInterval is the least time between two snapshots: however many read, the supervisor is
// asked no more often.
const SnapshotInterval = time.Second

// maxPause bounds Pause, so that what is served stays younger than the interval of most readers.
const maxPause = 10 * time.Second

// Pause is the least time from one snapshot to the next, when making one has taken so long: nothing is kept busy
// by its readers for more than a tenth of the time, as long as that takes a second.
func Pause(took time.Duration) time.Duration { return min(max(10*took, SnapshotInterval), maxPause) }

// Report is what a front says of itself, each AliveInterval.
type Report struct {
	Problems []string `json:",omitempty"` // what it cannot do, for people
	// Refused are those who have shown wrong tokens since the last report.
	Refused []Refused `json:",omitempty"`
}

// Refused is somebody who has shown wrong tokens.
type Refused struct {
	From  string // an address, or "the socket"; empty is all together, of whom there are too many
	Times int    `json:",omitempty"` // how many wrong ones there were
	// Until is when it is listened to again; zero is that it still is.
	Until time.Time `json:",omitzero"`
}

// LockOut bounds for how long somebody is not listened to.
const LockOut = time.Minute

// Limits of a report, in texts and in bytes of a text.
const (
	maxProblems = 8
	maxProblem  = 300
	maxRefused  = 64
	maxTimes    = 1000
)

// Clean is the report as somebody may see it who does not trust the front.
func (r Report) Clean() Report {
	list := r.Problems[:min(len(r.Problems), maxProblems)]
	texts := make([]string, 0, len(list))
	for _, p := range list {
		texts = append(texts, clean(p, maxProblem))
	}
	var refused []Refused
	for _, one := range r.Refused[:min(len(r.Refused), maxRefused)] {
		one.From, one.Times = clean(one.From, 100), min(max(one.Times, 0), maxTimes)
		refused = append(refused, one)
	}
	return Report{Problems: texts, Refused: refused}
}
