package checkers

import (
	"slices"
	"time"

	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/checkers/verdict"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/deadline"
	"github.com/lvs-director/director/event"
)

// server is a real server of a virtual server with its checkers.
type server struct {
	deadline.Entry // of the next step of its slow start
	checkers       []*checker
	siblings       *siblings // it and the others of its virtual server
	state          event.RealServerState
	lines          logPace
	conf           *conf.RealServer
	round          uint64 // of the last configuration that has it
	// cameBack is when it came up again after a failure, while it starts slowly.
	cameBack time.Time
}

// checker is one checker of one real server. Its task makes the runs.
type checker struct {
	server       *server
	task         *task
	name         string
	state        verdict.Checker
	last         seen // the last run
	reason       string
	past         history
	gone         bool          // the configuration has it no more
	told         event.Verdict // of the last result that was given to Options.Results
	toldReason   string
	toldAt       time.Time
	wish         event.Wish     // of the last run that was a success, while the checker is up
	warnings     map[int]string // of the last run of each URL that was a success
	trouble      string         // why the last run could not be made; empty when it could
	unknowns     int            // runs in a row that could not be made
	counted      [outcomes]uint64
	unknownSince time.Time
}

// named is a result without a run.
func (c *checker) named() event.CheckResult {
	st := &c.server.state
	return event.CheckResult{VirtualServer: st.VirtualServer, RealServer: st.RealServer, Checker: c.name}
}

// result is that of the last run.
func (c *checker) result() event.CheckResult { return c.last.result(c.named(), c.reason) }

// verdict combines the checkers of a real server: alive while none is down, and none that
// cannot be made counts as down.
func (sv *server) verdict() (alive bool, failed, unknown []event.CheckResult) {
	alive = true
	for _, c := range sv.checkers {
		if c.unknowns > 0 {
			is := c.result()
			is.At, is.Took = c.unknownSince, 0
			unknown = append(unknown, is)
			alive = alive && !c.unknownIsDown()
		}
		if c.state.Up {
			continue
		}
		last := c.named()
		if last.Reason = "not checked yet"; c.last != (seen{}) {
			last = c.result()
		}
		failed = append(failed, last)
	}
	return alive && len(failed) == 0, failed, unknown
}

// unknownIsDown says that the checker counts as down because it could not be made for too
// often (unknown_counts down): as often as it may fail.
func (c *checker) unknownIsDown() bool {
	return c.task.conf.UnknownDown && c.unknowns > c.task.conf.Retries
}

// apply replaces the configuration.
func (s *Schedule) apply(cfg *conf.Config, snapshot Snapshot, now time.Time) {
	s.warnOfUnsupported(cfg)
	s.round++
	var gone []*checker // they leave in the end: a task may go on for others
	before := s.services
	s.services = make(map[conf.ServiceID]*siblings, len(cfg.VirtualServers))
	for _, vs := range cfg.VirtualServers {
		b, there := s.siblingsOf(vs, before[vs.ID()])
		name := vs.String()
		for _, rs := range vs.RealServers {
			sv := there[rs.Key]
			switch {
			case sv == nil:
				var known *event.RealServerState
				if state, ok := snapshot[vs.ServerID(rs)]; ok {
					known = &state
				}
				sv = s.add(name, rs, known, now)
				there[rs.Key] = sv
			case sv.round == s.round:
				continue // conf reports the second one
			case sv.sameChecks(rs):
				sv.follow(rs)
				if sv.conf.Weight == rs.Weight && sv.conf.SlowStart == rs.SlowStart {
					sv.conf, sv.round = rs, s.round
					b.take(sv)
					continue
				}
			default:
				gone = append(gone, s.reload(sv, rs, now)...)
			}
			sv.conf, sv.round = rs, s.round
			b.take(sv)
			sv.updateWeight()
			sv.updateWarnings()
			s.ramp(sv, now)
			s.news = append(s.news, sv.state)
		}
		b.judged = b.allDead()
	}
	for _, b := range before {
		for _, sv := range b.servers {
			if sv.round != s.round {
				gone = append(gone, sv.checkers...)
				s.ramps.Remove(sv)
			}
		}
	}
	s.leave(gone)
	s.measure()
	s.settle()
	s.begin(now)
}

func (sv *server) sameChecks(rs *conf.RealServer) bool {
	return sv.conf == rs ||
		slices.EqualFunc(sv.conf.Checkers, rs.Checkers, func(a, b conf.Checker) bool { return a.Same(&b) })
}

// follow has the checkers of a real server, which are the same in a new configuration, need nothing
// of the one before.
func (sv *server) follow(rs *conf.RealServer) {
	n := 0
	for i := range rs.Checkers {
		if c := &rs.Checkers[i]; probe.Supports(c.Kind) {
			sv.checkers[n].task.conf = c
			n++
		}
	}
}

// add adds a real server that is new to the schedule. known is what was known of it; nil is nothing.
func (s *Schedule) add(service string, rs *conf.RealServer, known *event.RealServerState, now time.Time) *server {
	sv := &server{state: event.RealServerState{VirtualServer: service, RealServer: rs.String(), Since: now}}
	restored := known != nil && !known.Initial
	if !restored {
		known = new(event.RealServerState)
	}
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
		c := s.newChecker(sv, names[i], rs, list[i], now)
		c.state = verdict.New(c.task.rules())
		if restored {
			failed, isDown := down[c.name]
			c.state = verdict.Restore(!isDown)
			if isDown {
				c.last, c.reason = seenOf(failed), failed.Reason
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
	sv.state.Up, sv.state.Failed, sv.state.Unknown = alive, failed, unknown
	sv.state.Initial, sv.state.Reason = len(sv.checkers) > 0, "not checked yet"
	if len(sv.checkers) == 0 {
		sv.state.Reason = "no checkers are configured"
	}
	if restored && known.Up == alive {
		sv.state.Since, sv.state.Reason = known.Since, known.Reason
		sv.state.Event, sv.state.Causes = known.Event, known.Causes
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
// go on; new ones do not change the state of the server. Those that are gone are left to the caller.
func (s *Schedule) reload(sv *server, rs *conf.RealServer, now time.Time) (gone []*checker) {
	old := sv.checkers
	sv.checkers = nil
	list, names := supported(rs)
	added := false
	for i := range list {
		same := -1
		for j, c := range old {
			if c != nil && c.task.conf.Same(list[i]) {
				same = j
				break
			}
		}
		if same >= 0 {
			c := old[same]
			old[same] = nil
			c.name, c.task.conf = names[i], list[i]
			sv.checkers = append(sv.checkers, c)
			continue
		}
		added = true
		c := s.newChecker(sv, names[i], rs, list[i], now)
		if before := slices.IndexFunc(old, func(o *checker) bool { return o != nil && o.name == c.name }); before >= 0 {
			was := old[before] // of one name: a counter only grows
			c.counted, c.past.passed, c.past.failed = was.counted, was.past.passed, was.past.failed
		}
		if sv.state.Initial {
			c.state = verdict.New(c.task.rules())
		} else {
			c.state = verdict.Adopt(c.task.rules(), sv.state.Up)
		}
	}
	for _, c := range old {
		if c != nil {
			gone = append(gone, c)
		}
	}
	if added || len(gone) > 0 {
		s.updateState(sv, "its checkers were changed", now)
	}
	return gone
}

// newChecker adds a checker to a real server.
func (s *Schedule) newChecker(sv *server, name string, rs *conf.RealServer, cfg *conf.Checker, now time.Time) *checker {
	c := &checker{server: sv, name: name}
	sv.checkers = append(sv.checkers, c)
	s.join(c, rs.Key.Address, cfg, now)
	return c
}
