package virtualserver

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/table"
)

// load is what was reported about the table of a configuration.
type load struct {
	generation         uint64
	told               bool
	err, refused, host string
}

func (l *load) begin(generation uint64) { *l = load{generation: generation} }

func (r *reconciler) markAllChanged() {
	for key := range r.services {
		r.changed.add(key)
	}
}

// report reports what has changed: virtual servers first, then that the table is
// loaded.
func (r *reconciler) report() {
	if len(r.changed) > 0 {
		told := make(map[*server]bool, len(r.changed))
		for _, key := range slices.SortedFunc(maps.Keys(r.changed), table.CompareServices) {
			if svc := r.services[key]; svc != nil && !told[svc.server] {
				told[svc.server] = true
				r.reportServer(svc.server)
			}
		}
		r.changed, r.untold = r.untold, keys{}
		if n := r.gained - gainedLines; n > 0 {
			r.Log.Info("more virtual servers gained their quorum", "virtual_servers", n, "reason", "started")
		}
		r.gained = 0
		r.tellHands()
	}
	r.tellCounted()

	r.tellPaths()
	err, refused := r.loadError()
	host := r.hostProblem()
	if !r.load.told || err != r.load.err || refused != r.load.refused || host != r.load.host {
		r.load.told, r.load.err, r.load.refused, r.load.host = true, err, refused, host
		loaded := event.TableLoaded{
			Generation:     r.load.generation,
			VirtualServers: len(r.want),
			RealServers:    r.want.RealServers(),
			Error:          err,
			Refused:        refused,
			Host:           host,
		}
		loaded.VirtualServers -= len(r.paths) // of one service and one real server each
		loaded.RealServers -= len(r.paths)
		if err == "" && refused == "" && loaded.VirtualServers > 0 {
			r.Log.Info("IPVS table matches the configuration", "generation", loaded.Generation,
				"virtual_servers", loaded.VirtualServers, "real_servers", loaded.RealServers)
		}
		r.Loaded(loaded)
	}
}

func (r *reconciler) reportServer(s *server) {
	if s.path {
		return
	}
	r.beat()
	r.moveQuorum(s)
	if state := r.state(s); state != s.reported {
		s.reported = state
		r.State(state)
	}
	now := time.Now()
	if next := s.inTableAt.Add(pace(s)); now.Before(next) {
		for _, key := range s.keys {
			r.untold.add(key)
		}
		r.wakeAt(next)
		return
	}
	table := r.inTable(s)
	if sum := r.sumInTable(table); sum != s.inTable {
		s.inTable, s.inTableAt = sum, now
		r.InTable(table)
	}
}

// pace is the least time between two tellings of all the real servers of a virtual server: when some of
// a thousand change ten times a second, all of them are no news each time.
func pace(s *server) time.Duration {
	const small, most = 50, 5 * time.Second
	if n := len(s.conf.RealServers); n > small {
		return min(time.Duration(n)*time.Millisecond, most)
	}
	return 0
}

// tellPaths tells which ways of checks as_client the kernel has.
func (r *reconciler) tellPaths() {
	var paths map[uint32]bool
	for _, s := range r.paths {
		if r.unreadable != "" {
			break
		}
		key := s.keys[0]
		if have, ok := r.have[key]; ok && table.SameEntry(r.want[key], have) {
			if paths == nil {
				paths = make(map[uint32]bool)
			}
			paths[key.FWMark] = true
		}
	}
	if !maps.Equal(paths, r.pathsTold) {
		r.pathsTold = paths
		r.Paths(paths)
	}
}

// tellVerdicts tells the verdicts that the table has now, or why it has not.
func (r *reconciler) tellVerdicts() {
	told := r.news
	r.news = nil
	for id, v := range told {
		s := r.serverOf(id)
		if s == nil {
			continue
		}
		v.Unset = r.unset(s, id.Server)
		r.Verdict(v)
	}
}

// unset is why the kernel does not have a real server as wanted; empty when it does.
func (r *reconciler) unset(s *server, server conf.ServerKey) string {
	if r.unreadable != "" {
		return r.unreadable
	}
	for _, key := range s.keys {
		f := r.services[key].failures
		if text := f.servers[table.ServerIn(server, key.Port)]; text != "" {
			return text
		}
		if f.service {
			return f.first()
		}
	}
	return ""
}

// gainedLines is how many virtual servers that have their quorum from the start get a log
// line of their own. One that gains it again always does.
const gainedLines = 5

// started is the reason of the state that a virtual server begins in.
const started = "started"

// moveQuorum tells the log that a virtual server has gained or lost its quorum.
func (r *reconciler) moveQuorum(s *server) {
	if s.was == s.quorum {
		return
	}
	weights := s.weights
	quorum, hysteresis := table.QuorumLimits(s.conf)
	s.limits = limits{quorum, hysteresis, weights}
	first := s.reason == started
	s.was, s.since = s.quorum, time.Now()
	s.event, s.causes, s.moved = r.Number(), r.causesOf(s), nil
	if s.quorum {
		s.reason = fmt.Sprintf("weights of alive real servers %d, quorum %d + hysteresis %d reached",
			weights, quorum, hysteresis)
		if first {
			r.gained++
		}
		if !first || r.gained <= gainedLines {
			r.Log.Info("virtual server gained its quorum", "virtual_server", s.name, "reason", s.reason)
		}
	} else {
		s.reason = fmt.Sprintf("weights of alive real servers %d, below quorum %d - hysteresis %d",
			weights, quorum, hysteresis)
		r.Log.Warn("virtual server lost its quorum", "virtual_server", s.name, "reason", s.reason)
	}
}

// state is the event about a virtual server.
func (r *reconciler) state(s *server) event.VirtualServerState {
	state := event.VirtualServerState{
		VirtualServer: s.name,
		Quorum:        s.quorum,
		Alive:         s.up,
		Total:         len(s.conf.RealServers),
		Since:         s.since,
		Reason:        s.reason,
		Limit:         s.limits.quorum,
		Hysteresis:    s.limits.hysteresis,
		Weights:       s.limits.weights,
		Error:         r.unreadable,
		Sorry:         s.conf.Sorry != nil && !s.quorum,
		Idle:          s.up > 0 && s.serving == 0,
		Event:         s.event,
		Causes:        s.causes,
	}
	state.Elsewhere = r.elsewhere(s)
	for _, key := range s.keys {
		svc := r.services[key]
		state.Repaired += svc.repaired
		if text := svc.failures.first(); state.Error == "" && text != "" {
			state.Error = text
			state.Attempts = r.failures[key].times()
		}
		if state.Differs == "" {
			state.Differs = cmp.Or(svc.differs, svc.serversDiffer)
		}
		if a := r.repairs[key]; a.helpless(time.Now()) && a.Times > state.Contested {
			state.Contested, state.ContestedSince = a.Times, a.Since
		}
	}
	if state.Error == "" && s.conf.FullNAT() {
		state.Error = r.host.untracked
	}
	if r.unreadable != "" {
		state.Attempts = r.failures[s.keys[0]].times()
	}
	return state
}

// loadError says in one line why the table does not match the configuration: err
// may be over soon, refused is what the kernel does not do.
func (r *reconciler) loadError() (err, refused string) {
	switch {
	case r.unreadable == "" || r.idle():
	case r.hopeless:
		return "", r.unreadable
	default:
		return r.unreadable, ""
	}
	failing, text := 0, ""
	for _, key := range slices.SortedFunc(maps.Keys(r.failures), table.CompareServices) {
		if s := r.services[key]; s != nil && len(s.failures.texts) > 0 {
			if failing++; failing == 1 {
				text = s.failures.first()
			}
		}
	}
	if failing > 1 {
		text = fmt.Sprintf("%s (and %d more virtual servers)", text, failing-1)
	}
	return "", text
}

// hostProblem says what IPVS does not have besides its table.
func (r *reconciler) hostProblem() string {
	if r.unreadable != "" {
		return ""
	}
	return r.host.problem()
}

// warnOnce logs a warning once in the life of a loop.
func (r *reconciler) warnOnce(what, text string, args ...any) {
	if !r.warned[what] {
		r.warned[what] = true
		r.Log.Warn(text, args...)
	}
}
