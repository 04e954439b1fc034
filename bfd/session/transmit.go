package session

import (
	"time"

	"github.com/lvs-director/director/bfd/packet"
)

const (
	// mostExtras is how many packets leave beside the interval in a row.
	mostExtras = 6
	// leastPause is the shortest time in which one more may.
	leastPause = 5 * time.Millisecond
)

// TransmitAt is when Transmit wants to be called; zero is never.
func (s *Session) TransmitAt() time.Time {
	if s.extraAt.IsZero() || (!s.periodicAt.IsZero() && s.periodicAt.Before(s.extraAt)) {
		return s.periodicAt
	}
	return s.extraAt
}

// DetectAt is when the neighbor counts as silent; zero is never.
func (s *Session) DetectAt() time.Time { return s.detectAt }

// Early is how long before TransmitAt Transmit may be called, so that several sessions are
// served at once: the time between two packets stays within what section 6.8.7 allows.
func (s *Session) Early() time.Duration {
	if s.sent.IsZero() || s.periodicAt.IsZero() || !s.extraAt.IsZero() {
		return 0
	}
	i := s.Interval()
	return max(min(i/16, s.periodicAt.Sub(s.sent)-i/4*3), 0)
}

// Transmit makes the packet that is due, and plans the next one. It is false when none may
// leave any more.
func (s *Session) Transmit(now time.Time) (packet.Packet, bool) {
	if !s.extraAt.IsZero() && !s.extraAt.After(now) {
		s.extraAt = time.Time{}
		s.extras.take(now, s.extraPause())
	}
	if !s.final && !s.unasked() {
		s.plan(now)
		return packet.Packet{}, false
	}
	p := packet.Packet{
		Diagnostic: s.diagnostic, State: s.state, Poll: s.polling && !s.final, Final: s.final,
		Multiplier: s.params.Multiplier, Mine: s.local, Yours: s.remote,
		DesiredMinTx: s.desiredTx, RequiredMinRx: s.requiredRx,
	}
	if k := s.params.Key; k != nil {
		s.sequence++
		p.Auth = packet.Auth{Type: packet.MeticulousSHA1, KeyID: k.ID, Sequence: s.sequence}
	}
	s.final, s.sent = false, now
	s.plan(now)
	return p, true
}

// unasked says whether packets are sent without being asked for (section 6.8.7).
func (s *Session) unasked() bool {
	switch {
	case s.remoteRx == 0, s.params.Passive && s.remote == 0:
		return false
	case s.state == packet.AdminDown && s.remote == 0: // nobody knows of it
		return false
	case s.remoteAsks && s.state == packet.Up && s.remoteState == packet.Up && !s.polling:
		return false
	}
	return true
}

// plan sets the time of the next periodic packet, counted from the last one.
func (s *Session) plan(now time.Time) {
	s.periodicAt = time.Time{}
	if !s.unasked() {
		return
	}
	s.periodicAt = now
	if s.sent.IsZero() {
		return
	}
	if at := s.sent.Add(s.jittered(s.Interval())); at.After(now) {
		s.periodicAt = at
	}
}

// jittered makes an interval shorter by 0 to 25 %, of multiplier 1 by 10 to 25 %, so that
// routers do not fall into step (section 6.8.7).
func (s *Session) jittered(i time.Duration) time.Duration {
	most := 10000
	if s.params.Multiplier == 1 {
		most = 9000
	}
	return i / 10000 * time.Duration(7500+s.random.below(most-7500+1))
}

// soon has a packet leave beside the interval: the state has changed, the neighbor is to be
// answered, or polled. It waits when that has happened too often.
func (s *Session) soon(now time.Time) {
	if s.extraAt.IsZero() && (s.final || s.unasked()) {
		s.extraAt = s.extras.next(now, mostExtras, s.extraPause())
	}
}

func (s *Session) extraPause() time.Duration { return max(s.params.MinTx, leastPause) }
