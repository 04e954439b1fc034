package session

import (
	"time"

	"github.com/lvs-director/director/bfd/packet"
)

// Receive takes a packet that Parse has accepted and that is for this session, and the
// bytes that it was made of. at is when it arrived. What it asks to be answered is sent at
// TransmitAt.
func (s *Session) Receive(p *packet.Packet, data []byte, at time.Time) packet.Reason {
	if reason := s.authentic(p, data, at); reason != packet.Accepted {
		return reason
	}
	s.remoteTx, s.remoteMult = p.DesiredMinTx, p.Multiplier
	if p.Final && s.polling {
		s.polling, s.pollAgain = s.pollAgain, false
		if !s.polling {
			s.actualTx, s.actualRx = s.desiredTx, s.requiredRx
		}
	}
	before, wasUnasked := s.Interval(), s.unasked()
	s.remote, s.remoteState, s.remoteDiag = p.Mine, p.State, p.Diagnostic
	s.remoteRx, s.remoteAsks = p.RequiredMinRx, p.Demand
	if at.After(s.heard) {
		s.heard = at
	}
	if s.state == packet.AdminDown {
		return packet.Disabled
	}
	s.detect()
	s.move(p.State, at)
	if p.Poll {
		s.final = true
		s.soon(at)
	}
	if s.Interval() != before || s.unasked() != wasUnasked {
		s.plan(at)
	}
	return packet.Accepted
}

const (
	// mostRises is how often in a row a session leaves the state Down: packets that say now this
	// and now that must not make events without end.
	mostRises = 8
	// risePause is the time in which one more may.
	risePause = 250 * time.Millisecond
)

// move is the state machine (section 6.8.6).
func (s *Session) move(remote packet.State, at time.Time) {
	switch {
	case remote == packet.AdminDown:
		if s.state != packet.Down {
			s.become(packet.Down, packet.NeighborSaidDown, at)
		}
	case s.state == packet.Down && (remote == packet.Down || remote == packet.Init):
		if s.rises.next(at, mostRises, risePause).After(at) {
			return
		}
		s.rises.take(at, risePause)
		if remote == packet.Down {
			s.become(packet.Init, s.diagnostic, at)
		} else {
			s.become(packet.Up, packet.NoDiagnostic, at)
		}
	case s.state == packet.Init && (remote == packet.Init || remote == packet.Up):
		s.become(packet.Up, packet.NoDiagnostic, at)
	case s.state == packet.Up && remote == packet.Down:
		s.become(packet.Down, packet.NeighborSaidDown, at)
	}
}

// detect sets the time at which the neighbor counts as silent.
func (s *Session) detect() {
	if s.remote == 0 || s.state == packet.AdminDown {
		s.detectAt = time.Time{}
		return
	}
	s.detectAt = s.heard.Add(s.Detection())
}

// window is how many sequence numbers beyond the next one are accepted, as a multiple of the
// detection multiplier (section 6.7.4).
const window = 3

// authentic makes the checks of section 6.7.4.
func (s *Session) authentic(p *packet.Packet, data []byte, at time.Time) packet.Reason {
	k := s.params.Key
	switch {
	case k == nil && p.Auth.Type == 0:
		return packet.Accepted
	case k == nil:
		return packet.AuthUnexpected
	case p.Auth.Type == 0:
		return packet.AuthMissing
	case p.Auth.KeyID != k.ID:
		return packet.AuthKey
	}
	if s.seen && at.Sub(s.heard) > 2*s.Detection() {
		s.seen = false
	}
	if ahead := p.Auth.Sequence - s.lastSeen; s.seen && (ahead == 0 || ahead > window*uint32(s.remoteMult)) {
		return packet.AuthReplayed
	}
	if !k.Verify(data, p) {
		return packet.AuthFailed
	}
	s.seen, s.lastSeen = true, p.Auth.Sequence
	return packet.Accepted
}
