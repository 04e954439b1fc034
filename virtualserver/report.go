package virtualserver

import (
	"fmt"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/virtualserver/table"
)

// load is what was said about the table of a configuration.
type load struct {
	generation uint64
	told       bool
	err        string
}

func (l *load) begin(generation uint64) { *l = load{generation: generation} }

func (k *keeper) changeAll() {
	for key := range k.servers {
		k.changed.add(key)
	}
}

// report tells the outside what changed: virtual servers first, then that the
// table is loaded.
func (k *keeper) report() {
	for _, key := range k.ring {
		if len(k.changed) == 0 {
			break
		}
		if !k.changed.has(key) {
			continue
		}
		delete(k.changed, key)
		s := k.servers[key]
		k.moveQuorum(s)
		if state := k.state(s); state != s.reported {
			s.reported = state
			k.State(state)
		}
	}
	clear(k.changed)

	if err := k.loadError(); !k.load.told || err != k.load.err {
		k.load.told, k.load.err = true, err
		loaded := event.TableLoaded{
			Generation:     k.load.generation,
			VirtualServers: len(k.want),
			RealServers:    k.want.RealServers(),
			Error:          err,
		}
		if err == "" && loaded.VirtualServers > 0 {
			k.Log.Info("IPVS table is as configured", "generation", loaded.Generation,
				"virtual_servers", loaded.VirtualServers, "real_servers", loaded.RealServers)
		}
		k.Loaded(loaded)
	}
}

// moveQuorum brings the quorum of a virtual server up to date.
func (k *keeper) moveQuorum(s *server) {
	_, weights := k.verdicts.Alive(s.conf)
	quorum, hysteresis := table.QuorumLimits(s.conf)
	has := table.Quorum(s.quorum, weights, quorum, hysteresis)
	if has == s.quorum {
		return
	}
	s.quorum, s.since = has, time.Now()
	if has {
		s.reason = fmt.Sprintf("alive weights %d reach quorum %d + hysteresis %d", weights, quorum, hysteresis)
		k.Log.Info("virtual server gained its quorum", "virtual_server", s.key.String(), "reason", s.reason)
	} else {
		s.reason = fmt.Sprintf("alive weights %d are below quorum %d - hysteresis %d", weights, quorum, hysteresis)
		k.Log.Warn("virtual server lost its quorum", "virtual_server", s.key.String(), "reason", s.reason)
	}
}

// state is what the outside sees of a virtual server.
func (k *keeper) state(s *server) event.VirtualServerState {
	alive, _ := k.verdicts.Alive(s.conf)
	text := k.trouble
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

// loadError is why the table is not as configured, in one line.
func (k *keeper) loadError() string {
	if k.trouble != "" && !k.idle() {
		return k.trouble
	}
	failing, text := 0, ""
	for _, key := range k.ring {
		if s := k.servers[key]; len(s.failures) > 0 {
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

// warnOnce logs what is said once in the life of a loop.
func (k *keeper) warnOnce(what, text string, args ...any) {
	if !k.warned[what] {
		k.warned[what] = true
		k.Log.Warn(text, args...)
	}
}
