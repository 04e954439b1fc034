package virtualserver

import (
	"fmt"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/table"
)

// load is what was reported about the table of a configuration.
type load struct {
	generation uint64
	told       bool
	err        string
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

	if err := r.loadError(); !r.load.told || err != r.load.err {
		r.load.told, r.load.err = true, err
		loaded := event.TableLoaded{
			Generation:     r.load.generation,
			VirtualServers: len(r.want),
			RealServers:    r.want.RealServers(),
			Error:          err,
		}
		if err == "" && loaded.VirtualServers > 0 {
			r.Log.Info("IPVS table matches the configuration", "generation", loaded.Generation,
				"virtual_servers", loaded.VirtualServers, "real_servers", loaded.RealServers)
		}
		r.Loaded(loaded)
	}
}

// moveQuorum updates the quorum of a virtual server.
func (r *reconciler) moveQuorum(s *server) {
	_, weights := r.verdicts.Alive(s.conf)
	quorum, hysteresis := table.QuorumLimits(s.conf)
	has := table.Quorum(s.quorum, weights, quorum, hysteresis)
	if has == s.quorum {
		return
	}
	s.quorum, s.since = has, time.Now()
	if has {
		s.reason = fmt.Sprintf("weights of alive real servers %d, quorum %d + hysteresis %d reached", weights, quorum, hysteresis)
		r.Log.Info("virtual server gained its quorum", "virtual_server", s.key.String(), "reason", s.reason)
	} else {
		s.reason = fmt.Sprintf("weights of alive real servers %d, below quorum %d - hysteresis %d", weights, quorum, hysteresis)
		r.Log.Warn("virtual server lost its quorum", "virtual_server", s.key.String(), "reason", s.reason)
	}
}

// state is the event about a virtual server.
func (r *reconciler) state(s *server) event.VirtualServerState {
	alive, _ := r.verdicts.Alive(s.conf)
	text := r.unreadable
	if text == "" {
		text = first(s.failures)
	}
	return event.VirtualServerState{
		VirtualServer: s.conf.String(),
		Quorum:        s.quorum,
		Alive:         alive,
		Total:         len(s.conf.RealServers),
		Since:         s.since,
		Reason:        s.reason,
		Error:         text,
		Repaired:      s.repaired,
	}
}

// loadError says in one line why the table does not match the configuration.
func (r *reconciler) loadError() string {
	if r.unreadable != "" && !r.idle() {
		return r.unreadable
	}
	failing, text := 0, ""
	for _, key := range r.ring {
		if s := r.servers[key]; len(s.failures) > 0 {
			if failing++; failing == 1 {
				text = first(s.failures)
			}
		}
	}
	if failing > 1 {
		return fmt.Sprintf("%s (and %d more virtual servers)", text, failing-1)
	}
	return text
}

// warnOnce logs a warning once in the life of a loop.
func (r *reconciler) warnOnce(what, text string, args ...any) {
	if !r.warned[what] {
		r.warned[what] = true
		r.Log.Warn(text, args...)
	}
}
