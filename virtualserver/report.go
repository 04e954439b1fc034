package virtualserver

import (
	"fmt"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/table"
)

// load is what was reported about the table of a configuration.
type load struct {
	generation   uint64
	told         bool
	err, refused string
}

func (l *load) begin(generation uint64) { *l = load{generation: generation} }

func (r *reconciler) markAllChanged() {
	for key := range r.servers {
		r.changed.add(key)
	}
}

// report reports what has changed: virtual servers first, then that the table is
// loaded.
func (r *reconciler) report() {
	for _, key := range r.ring {
		if len(r.changed) == 0 {
			break
		}
		if !r.changed.has(key) {
			continue
		}
		delete(r.changed, key)
		s := r.servers[key]
		r.moveQuorum(s)
		if state := r.state(s); state != s.reported {
			s.reported = state
			r.State(state)
		}
	}
	clear(r.changed)

	err, refused := r.loadError()
	if !r.load.told || err != r.load.err || refused != r.load.refused {
		r.load.told, r.load.err, r.load.refused = true, err, refused
		loaded := event.TableLoaded{
			Generation:     r.load.generation,
			VirtualServers: len(r.want),
			RealServers:    r.want.RealServers(),
			Error:          err,
			Refused:        refused,
		}
		if err == "" && refused == "" && loaded.VirtualServers > 0 {
			r.Log.Info("IPVS table matches the configuration", "generation", loaded.Generation,
				"virtual_servers", loaded.VirtualServers, "real_servers", loaded.RealServers)
		}
		r.Loaded(loaded)
	}
}

// moveQuorum updates the quorum of a virtual server.
func (r *reconciler) moveQuorum(s *server) {
	_, weights := r.alive(s)
	quorum, hysteresis := table.QuorumLimits(s.conf)
	has := table.Quorum(s.quorum, weights, quorum, hysteresis)
	if has == s.quorum {
		return
	}
	s.quorum, s.since = has, time.Now()
	if has {
		s.reason = fmt.Sprintf("weights of alive real servers %d, quorum %d + hysteresis %d reached",
			weights, quorum, hysteresis)
		r.Log.Info("virtual server gained its quorum", "virtual_server", s.key.String(), "reason", s.reason)
	} else {
		s.reason = fmt.Sprintf("weights of alive real servers %d, below quorum %d - hysteresis %d",
			weights, quorum, hysteresis)
		r.Log.Warn("virtual server lost its quorum", "virtual_server", s.key.String(), "reason", s.reason)
	}
}

// state is the event about a virtual server.
func (r *reconciler) state(s *server) event.VirtualServerState {
	alive, _ := r.alive(s)
	text := r.unreadable
	if text == "" {
		text = s.failures.first()
	}
	state := event.VirtualServerState{
		VirtualServer: s.conf.String(),
		Quorum:        s.quorum,
		Alive:         alive,
		Total:         len(s.conf.RealServers),
		Since:         s.since,
		Reason:        s.reason,
		Error:         text,
		Repaired:      s.repaired,
	}
	if text != "" {
		state.Attempts = r.failures[s.key].times()
	}
	if a := r.repairs[s.key]; a.helpless(time.Now()) {
		state.Contested, state.ContestedSince = a.Times, a.Since
	}
	return state
}

// alive counts the real servers that are up and in the kernel's table, and sums
// their weights. A real server that the kernel refuses serves nobody.
func (r *reconciler) alive(s *server) (servers int, weights uint64) {
	if s.failures.service {
		return 0, 0
	}
	return r.verdicts.Alive(s.conf, s.failures.servers)
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
	for _, key := range r.ring {
		if s := r.servers[key]; len(s.failures.texts) > 0 {
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

// warnOnce logs a warning once in the life of a loop.
func (r *reconciler) warnOnce(what, text string, args ...any) {
	if !r.warned[what] {
		r.warned[what] = true
		r.Log.Warn(text, args...)
	}
}
