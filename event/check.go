package event

import (
	"fmt"
	"time"
)

// Verdict is what a check knows of a server.
type Verdict uint8

// The verdicts. That a server cannot be judged is no word about it.
const (
	NotChecked Verdict = iota
	Alive
	Dead
	CannotTell // this host failed to make the check
)

var verdictTexts = [...]string{NotChecked: "not checked yet", Alive: "alive", Dead: "dead", CannotTell: "unknown"}

func (v Verdict) String() string {
	if int(v) < len(verdictTexts) {
		return verdictTexts[v]
	}
	return fmt.Sprintf("verdict %d", uint8(v))
}

// CheckResult is how one run of one checker of one real server ended.
type CheckResult struct {
	VirtualServer string
	RealServer    string
	Checker       string // "HTTP_GET 10.0.0.2:80/", one line for people, unique in its real server
	OK            bool
	// Verdict is what this run says of the server; NotChecked of an earlier program, see Said.
	Verdict Verdict
	Reason  string // what was seen: "status 503, want 200-299"
	At      time.Time
	Took    time.Duration
	// Passed and Failed are how many runs of the checker have ended so, this one included; both are 0
	// where that is not told.
	Passed, Failed uint64 `json:",omitempty"`
}

// Said is the verdict of the run, whatever program told it.
func (r CheckResult) Said() Verdict {
	switch {
	case r.Verdict != NotChecked || r.At.IsZero():
		return r.Verdict
	case r.OK:
		return Alive
	}
	return Dead
}

// CheckWarning is what a checker warns of although the server is alive.
type CheckWarning struct {
	Checker string
	URL     int // the number of its url block
	Text    string
}

// CheckHistory is what is remembered of one checker: its last runs, the latest one last.
type CheckHistory struct {
	VirtualServer string
	RealServer    string
	Checker       string
	Runs          uint64 // since the checker was added
	Results       []CheckResult
}

// CheckCounts is how often the runs of the checkers of a virtual server have ended how, since they were
// added. Its lists are equally long, with an element for each checker: there are tens of thousands.
type CheckCounts struct {
	VirtualServer         string
	RealServers, Checkers []string
	OK, Failed, Unknown   []uint64 // Unknown: this host failed to make the check
}

// Verdict is what all checkers of the real server know of it together: dead while one of
// them holds it down, unknown while one of the others cannot be made.
func (s RealServerState) Verdict() Verdict {
	switch {
	case len(s.Unknown) > 0 && (s.Initial || len(s.Failed) == 0):
		return CannotTell
	case s.Initial:
		return NotChecked
	case s.Up:
		return Alive
	}
	return Dead
}
