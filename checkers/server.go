package checkers

import (
	"slices"
	"time"

	"github.com/lvs-director/director/checkers/verdict"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/deadline"
	"github.com/lvs-director/director/event"
)

// server is a real server of a virtual server with its checkers.
type server struct {
	deadline.Entry        // of the next step of its slow start
	virtual, real  string // the texts of events
	checkers       []*checker
	siblings       *siblings // it and the others of its virtual server
	state          event.RealServerState
	lines          logPace
	conf           *conf.RealServer
	round          uint64 // of the last configuration that has it
	// cameBack is when it came up again after a failure, while it starts slowly.
	cameBack time.Time
}

// checker is one checker of one real server.
type checker struct {
	deadline.Entry // of the next run, when none is under way
	server         *server
	name           string
	conf           conf.Checker
	rules          verdict.Rules
	state          verdict.Checker
	last           event.CheckResult
	past           history
	told           event.CheckResult // the last one that was given to Options.Results
	toldAt         time.Time
	wish           event.Wish     // of the last run that was a success, while the checker is up
	warnings       map[int]string // of the last run of each URL that was a success
	began          time.Time      // when the last run did
	run            uint64         // number of the run in progress; 0 is none
	cancel         func()
	trouble        string // why the last run could not be made; empty when it could
	unknowns       int    // runs in a row that could not be made
	lates          int    // runs in a row that this process was late for
	unknownSince   time.Time
}

// verdict combines the checkers of a real server: alive while none is down, and none that
// cannot be made counts as down.
func (sv *server) verdict() (alive bool, failed, unknown []event.CheckResult) {
	alive = true
	for _, c := range sv.checkers {
		if c.unknowns > 0 {
			is := c.last
			is.Checker, is.At, is.Took = c.name, c.unknownSince, 0
			unknown = append(unknown, is)
			alive = alive && !c.unknownIsDown()
		}
		if c.state.Up {
			continue
		}
		last := c.last
		if last.At.IsZero() {
			last = event.CheckResult{
				VirtualServer: sv.virtual, RealServer: sv.real,
				Checker: c.name, Reason: "not checked yet",
			}
		}
		last.Checker = c.name
		failed = append(failed, last)
	}
	return alive && len(failed) == 0, failed, unknown
}

// unknownIsDown says that the checker counts as down because it could not be made for too
// often (unknown_counts down): as often as it may fail.
func (c *checker) unknownIsDown() bool { return c.conf.UnknownDown && c.unknowns > c.rules.Retries }

// apply replaces the configuration.
func (s *Schedule) apply(cfg *conf.Config, snapshot Snapshot, now time.Time) {
	s.warnOfUnsupported(cfg)
	s.round++
	for _, vs := range cfg.VirtualServers {
		for _, rs := range vs.RealServers {
			id := vs.ServerID(rs)
			sv := s.servers[id]
			switch {
			case sv == nil:
				sv = s.add(vs, rs, snapshot, now)
				s.servers[id] = sv
			case sv.round == s.round:
				continue // conf reports the second one
			case slices.EqualFunc(sv.conf.Checkers, rs.Checkers, func(a, b conf.Checker) bool { return a.Same(&b) }):
				if sv.conf.Weight == rs.Weight && sv.conf.SlowStart == rs.SlowStart {
					sv.conf, sv.round = rs, s.round
					continue
				}
			default:
				s.reload(sv, rs, now)
			}
			sv.conf, sv.round = rs, s.round
			sv.updateWeight()
			sv.updateWarnings()
			s.ramp(sv, now)
			s.news = append(s.news, sv.state)
		}
	}
	for id, sv := range s.servers {
		if sv.round == s.round {
			continue
		}
		for _, c := range sv.checkers {
			s.drop(c)
		}
		s.ramps.Remove(sv)
		delete(s.servers, id)
	}
	s.group(cfg)
}

// add adds a real server that is new to the schedule.
func (s *Schedule) add(vs *conf.VirtualServer, rs *conf.RealServer, snapshot Snapshot, now time.Time) *server {
	sv := &server{virtual: vs.String(), real: rs.String()}
	known, restored := snapshot[vs.ServerID(rs)]
	restored = restored && !known.Initial
	list, names := supported(rs)
	down := make(map[string]event.CheckResult)
	for _, f := range known.Failed {
		down[f.Checker] = f
	}
	wishes := make(map[string]event.Wish)
	for _, w := range known.Wishes {
		wishes[w.Checker] = w.Wish
	}
	warnings := make(map[string][]event.CheckWarning)
	for _, w := range known.Warnings {
		warnings[w.Checker] = append(warnings[w.Checker], w)
	}
	matched := false
	for i := range list {
		c := s.newChecker(sv, names[i], list[i], now)
		c.state = verdict.New(c.rules)
		if restored {
			failed, isDown := down[c.name]
			c.state = verdict.Restore(!isDown)
			if isDown {
				c.last = failed
				matched = true
			} else {
				c.wish = wishes[c.name]
				for _, w := range warnings[c.name] {
					c.warn(w.URL, w.Text)
				}
			}
		}
	}
	if restored && !known.Up && !matched {
		// What held it down is no longer configured: its checkers have to succeed first.
		for _, c := range sv.checkers {
			c.state, c.wish = verdict.Restore(false), event.Wish{}
		}
	}
	alive, failed, unknown := sv.verdict()
	sv.state = event.RealServerState{
		VirtualServer: sv.virtual, RealServer: sv.real,
		Up: alive, Since: now, Initial: len(sv.checkers) > 0, Failed: failed, Unknown: unknown,
		Reason: "not checked yet",
	}
	if len(sv.checkers) == 0 {
		sv.state.Reason = "no checkers are configured"
	}
	if restored && known.Up == alive {
		sv.state.Since, sv.state.Reason = known.Since, known.Reason
	}
	if restored {
		sv.state.Initial = false
	}
	if restored && alive && known.Up && known.Starting > 0 {
		sv.cameBack = now.Add(-max(now.Sub(known.Since), 0))
	}
	return sv
}

// reload gives a real server the checkers of a new configuration. The same ones
// go on; new ones do not change the state of the server.
func (s *Schedule) reload(sv *server, rs *conf.RealServer, now time.Time) {
	old := sv.checkers
	sv.checkers = nil
	list, names := supported(rs)
	added := false
	for i := range list {
		same := -1
		for j, c := range old {
			if c != nil && c.conf.Same(&list[i]) {
				same = j
				break
			}
		}
		if same >= 0 {
			c := old[same]
			old[same] = nil
			c.name = names[i]
			sv.checkers = append(sv.checkers, c)
			continue
		}
		added = true
		c := s.newChecker(sv, names[i], list[i], now)
		if sv.state.Initial {
			c.state = verdict.New(c.rules)
		} else {
			c.state = verdict.Adopt(c.rules, sv.state.Up)
		}
	}
	removed := false
	for _, c := range old {
		if c != nil {
			removed = true
			s.drop(c)
		}
	}
	if added || removed {
		s.updateState(sv, "its checkers were changed", now)
	}
}

// newChecker adds a checker to a real server. Its first run comes after a random part of its warmup.
func (s *Schedule) newChecker(sv *server, name string, c conf.Checker, now time.Time) *checker {
	n := &checker{server: sv, name: name, conf: c, rules: verdict.Of(&c)}
	sv.checkers = append(sv.checkers, n)
	var delay time.Duration
	if c.Warmup > 0 {
		delay = time.Duration(s.opts.Rand.Int64N(int64(c.Warmup)))
	}
	at := now.Add(delay)
	if delay >= fine {
		at = together(at)
	}
	s.due.Set(n, at)
	return n
}
