package rollout

import (
	"slices"
	"time"
)

// A worker that hangs holds its addresses and says MASTER while the peer takes
// over. So workers say now and then that they live, and one that has stopped
// saying so is killed, its addresses are removed, and its successor begins as
// BACKUP.
//
// A supervisor that was late itself knows nothing of others: a Round that comes
// late counts for nothing, and one on time counts only for what had arrived by
// then. Two of them in a row have to agree before a worker is looked at.

const (
	// RoundInterval is how often a Round is due.
	RoundInterval = 500 * time.Millisecond
	// lateRound is how long after the last one a Round is late.
	lateRound = 2 * RoundInterval
	// MinSilence is the shortest silence that counts.
	MinSilence = 2 * time.Second
	// lvsSilence is how long the lvs worker may say nothing: the kernel may take
	// seconds over a large table, and forwards meanwhile.
	lvsSilence = 30 * time.Second
)

// watchStep is what is thought of a worker.
type watchStep uint8

const (
	// unheard: it has not said yet that it lives; older programs never do.
	unheard watchStep = iota
	// alive: it has said so.
	alive
	// suspected: it was silent for too long in the last round.
	suspected
	// examining: its process is being looked at.
	examining
	// unkillable: it is silent and nothing can be done about it.
	unkillable
	// killed: it is being killed for its silence.
	killed
)

type watch struct {
	step       watchStep
	heard      time.Time
	lastSent   time.Duration
	limit      time.Duration // how long it may say nothing
	unkillable string
}

func (m *Machine) heard(in Heard) {
	p := m.find(in.Worker)
	if p == nil || p.phase != Running || p.watch.step == killed {
		return
	}
	p.watch = watch{step: alive, heard: m.now, lastSent: in.LastSent, limit: in.Limit}
}

func (m *Machine) rounds(in Round) {
	late := m.round.IsZero() || m.now.Sub(m.round) > lateRound
	m.round = m.now
	for _, p := range m.processes {
		w := &p.watch
		if p.phase != Running || w.step == unheard || w.step == killed || w.step == examining {
			continue
		}
		if late || slices.Contains(in.Unread, p.name) {
			w.heard = m.now
			if w.step == suspected {
				w.step = alive
			}
			continue
		}
		limit := lvsSilence
		if p.name == VRRP {
			limit = max(w.limit, MinSilence)
		}
		silent := m.now.Sub(w.heard)
		switch {
		case silent <= limit:
		case w.step == alive:
			w.step = suspected
		default:
			if w.step == suspected {
				w.step = examining
			}
			m.emit(Examine{p.name, p.pid, silent})
		}
	}
}

// examined kills a worker that says nothing, unless that is no fault of its own
// or would not end it. Such a one is looked at in every round.
func (m *Machine) examined(in Examined) {
	p := m.find(in.Worker)
	if p == nil || p.phase != Running || p.pid != in.Pid {
		return
	}
	w := &p.watch
	switch {
	case w.step != examining && w.step != unkillable:
	case in.Unkillable != "":
		if in.Unkillable != w.unkillable {
			m.emit(Unkillable{p.name, p.pid, in.Unkillable})
		}
		w.step, w.unkillable = unkillable, in.Unkillable
	default:
		w.step, w.unkillable = killed, ""
		m.emit(Kill{p.name, p.pid, "it has stopped answering"})
	}
}
