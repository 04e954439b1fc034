package bfd

import (
	"context"
	"log/slog"
	"time"

	"github.com/lvs-director/director/bfd/packet"
	"github.com/lvs-director/director/event"
)

// turn is how many deadlines one Fire serves at most: the time of some packets.
const turn = 8

// Next is when Fire wants to be called; false is never.
func (s *Set) Next() (time.Time, bool) { return s.deadlines.Next() }

// Fire does some of what is due; Next says whether there is more.
func (s *Set) Fire() {
	batch := false // a packet has left: others may join it early
	for range turn {
		t, ok := s.deadlines.First()
		if !ok {
			return
		}
		now := s.opts.Now()
		var early time.Duration
		if batch && t.kind == transmit {
			early = t.member.session.Early()
		}
		if now.Add(early).Before(t.Due()) {
			return
		}
		m := t.member
		if t.kind == detect && !s.silent(m, now) {
			continue
		}
		s.deadlines.Remove(t)
		switch t.kind {
		case transmit:
			batch = true
			s.send(m, now)
			s.schedule(m)
		case detect:
			m.session.Expired(now)
			s.after(m, now)
		case settle:
			m.settled = true
			m.event = s.opts.Number() // what follows has it as its cause
			s.tell(m)
		case dial:
			s.dial(m, now)
		case ends:
			s.goodbye(m, now)
		case listenAgain:
			s.open(t.listener, now)
		case look:
			s.look(t.listener)
		}
	}
}

// silent says whether a neighbor really is: its packet may wait in the socket while only this
// process is late. What waits is read first.
func (s *Set) silent(m *member, now time.Time) bool {
	l := s.listeners[m.key().Number()]
	if l == nil || l.conn == nil {
		return true
	}
	if now.Sub(l.looked) > lookAgain {
		s.receive(l)
		// Whoever floods the socket must not keep a neighbor from being found silent.
		if l.rounds++; !l.more || l.rounds >= drainRounds {
			l.looked, l.rounds = s.opts.Now(), 0
		}
		return false
	}
	// A process that did not run for longer than an interval may be ahead of what is about to arrive.
	interval := m.session.Detection() / time.Duration(max(m.session.Neighbor().Multiplier, 1))
	if !m.overdue && now.Sub(m.detect.Due()) > interval {
		m.overdue = true
		s.deadlines.Set(&m.detect, now.Add(interval))
		return false
	}
	m.overdue = false
	return true
}

// drainRounds is how many batches are read before a neighbor counts as silent, at most: as many as
// the socket has room for.
const drainRounds = 96

// lookAgain is how long a look into a socket counts for all sessions whose packets arrive there.
const lookAgain = 500 * time.Microsecond

// schedule sets the deadlines of a session.
func (s *Set) schedule(m *member) {
	if mute(m.cfg) {
		return
	}
	s.set(&m.transmit, m.session.TransmitAt())
	s.set(&m.detect, m.session.DetectAt())
}

func (s *Set) set(t *timer, at time.Time) {
	switch {
	case at.IsZero():
		s.deadlines.Remove(t)
	case !t.Pending() || !t.Due().Equal(at):
		s.deadlines.Set(t, at)
	}
}

// send sends the packet that is due.
func (s *Set) send(m *member, now time.Time) {
	p, ok := m.session.Transmit(now)
	if !ok || m.sender == nil {
		return
	}
	s.buffer = p.Append(s.buffer[:0])
	if key := m.session.Parameters().Key; key != nil {
		key.Seal(s.buffer)
	}
	if err := m.sender.Send(s.buffer); err != nil {
		m.counts.errors++
		m.err = err.Error()
		s.retell(m, now)
		if n, ok := m.limits.allow("send", now); ok {
			s.opts.Log.Warn("failed to send a BFD packet", "session", m.cfg.Name, "error", err, "times", n)
		}
		s.redial(m, now)
		return
	}
	m.counts.sent++
	if m.err = ""; m.told.Error != "" {
		s.retell(m, now)
	}
}

// dial opens the socket that a session sends from. One that it has is replaced when the neighbor's
// interface is another by now: the source port of a session stays (RFC 5881 section 4).
func (s *Set) dial(m *member, now time.Time) {
	index := 0
	if zone := m.path.Neighbor.Zone(); zone != "" {
		index, _ = s.opts.Network.Index(zone)
	}
	if m.sender != nil && index == m.index {
		return
	}
	sender, err := s.opts.Network.Dial(m.path)
	if err != nil {
		if m.err != err.Error() {
			s.opts.Log.Warn("failed to open a socket for BFD", "session", m.cfg.Name, "error", err)
			m.err = err.Error()
			s.tell(m)
		}
		m.again.Failed(now)
		s.deadlines.Set(&m.dial, m.again.Next())
		return
	}
	if m.sender != nil {
		_ = m.sender.Close()
	}
	m.sender, m.index = sender, index
	if m.err != "" {
		m.err = ""
		s.tell(m)
	}
	s.send(m, now)
	s.schedule(m)
}

// redial looks later whether the interface of a neighbor is another by now. What the kernel refuses once has
// other reasons, so that the socket stays until then.
func (s *Set) redial(m *member, now time.Time) {
	if m.path.Neighbor.Zone() == "" || m.sender == nil || m.dial.Pending() || s.leaving[m] {
		return
	}
	m.again.Failed(now)
	s.deadlines.Set(&m.dial, m.again.Next())
}

// after is called when something has happened to a session.
func (s *Set) after(m *member, now time.Time) {
	s.schedule(m)
	if m.session.State() != m.state {
		s.changed(m, now)
		return
	}
	s.retell(m, now)
}

// retell tells what else has changed, not more often than in a while: a neighbor may change its mind
// with each packet.
func (s *Set) retell(m *member, now time.Time) {
	n, told := m.session.Neighbor(), &m.told
	same := told.RemoteMinTx == n.MinTx && told.RemoteMinRx == n.MinRx && told.RemoteMultiplier == int(n.Multiplier) &&
		told.RemoteState == n.State.String() && told.RemoteDiagnostic == n.Diagnostic.String() &&
		told.RemoteDiscriminator == m.session.Remote() && told.Interval == m.session.Interval() &&
		told.Detection == m.session.Detection() && told.Error == m.err
	if !same && now.Sub(m.retold) >= retellPause {
		m.retold = now
		s.tell(m)
	}
}

// changed tells a new state.
func (s *Set) changed(m *member, now time.Time) {
	from := m.state
	m.state, m.since = m.session.State(), now.Round(0)
	switch {
	case m.state == packet.Up:
		m.ups++
		m.settled = true
		s.deadlines.Remove(&m.settles)
	case from == packet.Up:
		m.downs++
	}
	if m.state == packet.Up || from == packet.Up {
		m.event = s.opts.Number()
		if from == packet.Up {
			m.causes = ""
		}
	}
	level := slog.LevelInfo
	if from == packet.Up {
		level = slog.LevelWarn
	}
	told := m.tellable()
	told.From = from.String()
	if m.state != packet.Init && from != packet.Init || m.state == packet.Up {
		if _, ok := m.limits.allow("state "+m.state.String(), now); ok || m.downs < 10 {
			s.opts.Log.Log(context.Background(), level, "BFD state changed", "session", m.cfg.Name, "from", from.String(),
				"to", m.state.String(), "reason", told.Why())
		}
	}
	m.retold = now
	s.put(m, told)
}

// tell tells what a session is like, if that has changed.
func (s *Set) tell(m *member) {
	if s.leaving[m] {
		return
	}
	told := m.tellable()
	told.From = told.State
	if told != m.told {
		s.put(m, told)
	}
}

func (s *Set) put(m *member, told event.BFDState) {
	if s.leaving[m] {
		return
	}
	m.told = told
	s.opts.Events(told)
}
