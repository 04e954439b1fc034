package session

import (
	"time"

	"github.com/lvs-director/director/bfd/packet"
)

// Parameters are what a session is configured to.
type Parameters struct {
	MinTx  time.Duration // we would send as often as that, while up
	MinRx  time.Duration // we can take packets as often as that
	IdleTx time.Duration // we send as often as that while not up; SlowTx at least
	// Multiplier is how many packets in a row may be lost; 1 to 255.
	Multiplier uint8
	// Passive sends nothing before the neighbor did.
	Passive bool
	// Key authenticates; nil is none.
	Key *packet.Key
}

const (
	// SlowTx is the shortest interval of a session that is not up (section 6.8.3).
	SlowTx = time.Second
	// initialRx is what the neighbor is taken to allow before it has said it (section 6.8.1).
	initialRx = time.Microsecond
)

// Session is one session. Make it with New.
type Session struct {
	params Parameters
	random random

	state       packet.State
	diagnostic  packet.Diagnostic
	local       uint32 // our discriminator
	remote      uint32 // the neighbor's; 0 is unknown
	remoteState packet.State
	remoteDiag  packet.Diagnostic
	remoteTx    time.Duration // its DesiredMinTx
	remoteRx    time.Duration // its RequiredMinRx
	remoteMult  uint8
	remoteAsks  bool // it asks for demand mode

	// What we say, and what is in effect: a longer interval of sending, and a shorter one of
	// receiving, come into effect when the neighbor has confirmed them (section 6.8.3).
	desiredTx, requiredRx time.Duration
	actualTx, actualRx    time.Duration
	polling               bool // the neighbor has to confirm what we say
	pollAgain             bool // what it is about to confirm has changed since it was asked
	final                 bool // it has asked, and is confirmed by the next packet

	heard      time.Time // when the last valid packet arrived
	sent       time.Time // when the last one left
	periodicAt time.Time // when the next one does; zero is never
	extraAt    time.Time // when one leaves beside the interval; zero is never
	detectAt   time.Time // zero is never
	extras     allowance // of those beside the interval
	rises      allowance // of leaving the state Down

	sequence uint32 // of authentication, of the last packet that left
	lastSeen uint32 // of the last that was accepted
	seen     bool
}

// New makes a session that is down. discriminator is not 0 and no other session's; seed
// decides about jitter and the first sequence number.
func New(p Parameters, discriminator uint32, seed uint64, now time.Time) *Session {
	s := &Session{params: p, local: discriminator, random: random(seed), state: packet.Down,
		remoteState: packet.Down, remoteRx: initialRx, remoteMult: p.Multiplier}
	s.sequence = uint32(s.random.next())
	s.desiredTx, s.requiredRx = s.wantedTx(), p.MinRx
	s.actualTx, s.actualRx = s.desiredTx, s.requiredRx
	s.plan(now)
	return s
}

// Resumed is what is known of a session whose process died while it was up.
type Resumed struct {
	Local, Remote      uint32
	RemoteTx, RemoteRx time.Duration
	RemoteMultiplier   uint8
}

// Resume makes a session that goes on where another process left it: up, with the same
// discriminators. The neighbor notices nothing if it was silent for less than the detection
// time, and says so otherwise. A session with a key cannot go on: only the one that died knew
// the sequence number.
func Resume(p Parameters, r Resumed, seed uint64, now time.Time) *Session {
	s := New(p, r.Local, seed, now)
	s.state, s.remoteState = packet.Up, packet.Up
	s.remote, s.remoteMult = r.Remote, max(r.RemoteMultiplier, 1)
	s.remoteTx, s.remoteRx = r.RemoteTx, r.RemoteRx
	s.desiredTx, s.requiredRx = p.MinTx, p.MinRx
	s.actualTx, s.actualRx = s.desiredTx, s.requiredRx
	s.polling = true
	s.heard = now
	s.detect()
	s.plan(now)
	return s
}

// wantedTx is what the configuration and the state want as the interval of sending.
func (s *Session) wantedTx() time.Duration {
	if s.state == packet.Up {
		return s.params.MinTx
	}
	return max(s.params.IdleTx, SlowTx, s.params.MinTx)
}

// Configure gives a session new parameters. One that is up stays up: the neighbor is polled.
// Another key makes a session anew, which is not decided here: see Same.
func (s *Session) Configure(p Parameters, now time.Time) {
	s.params = p
	s.agree(now)
	s.plan(now)
}

// agree makes what we say follow from state and parameters, and polls if that has changed.
func (s *Session) agree(now time.Time) {
	tx, rx := s.wantedTx(), s.params.MinRx
	changed := tx != s.desiredTx || rx != s.requiredRx
	s.desiredTx, s.requiredRx = tx, rx
	if s.state != packet.Up {
		s.actualTx, s.actualRx = tx, rx
	}
	if changed && s.state != packet.AdminDown {
		s.pollAgain = s.polling
		s.polling = s.remote != 0
	}
	if changed && s.state == packet.Up {
		s.actualTx, s.actualRx = min(s.actualTx, tx), max(s.actualRx, rx)
		s.soon(now)
	}
	s.detect()
}

// Disable ends a session: what it sends from now on says that it was ended on purpose.
func (s *Session) Disable(now time.Time) {
	s.state, s.diagnostic = packet.AdminDown, packet.AdministrativelyDown
	s.polling, s.final = false, false
	s.extraAt, s.extras = time.Time{}, allowance{}
	s.detect()
	s.plan(now)
	s.soon(now)
}

// Expired is called at DetectAt: the neighbor is silent. What is known of it is forgotten:
// it may be another one when it is heard again (section 6.8.1).
func (s *Session) Expired(now time.Time) {
	s.remote, s.remoteState, s.remoteAsks = 0, packet.Down, false
	s.remoteRx = initialRx
	s.polling, s.pollAgain, s.final = false, false, false
	if s.state == packet.Up || s.state == packet.Init {
		s.become(packet.Down, packet.TimeExpired, now)
		return
	}
	s.detect()
	s.plan(now)
}

// become changes the state.
func (s *Session) become(to packet.State, why packet.Diagnostic, now time.Time) {
	s.state, s.diagnostic = to, why
	s.agree(now)
	s.plan(now)
	s.soon(now)
}

// Facts that are told of a session.

// State is the session's own.
func (s *Session) State() packet.State { return s.state }

// Diagnostic says why it left Up last.
func (s *Session) Diagnostic() packet.Diagnostic { return s.diagnostic }

// Local is its own discriminator, and Remote the neighbor's, which is 0 as long as it is unknown.
func (s *Session) Local() uint32 { return s.local }

// Remote is the neighbor's discriminator.
func (s *Session) Remote() uint32 { return s.remote }

// Neighbor is what it has said of itself last.
func (s *Session) Neighbor() Neighbor {
	return Neighbor{State: s.remoteState, Diagnostic: s.remoteDiag, MinTx: s.remoteTx, MinRx: s.remoteRx,
		Multiplier: s.remoteMult}
}

// Neighbor is what the other end of a session says.
type Neighbor struct {
	State        packet.State
	Diagnostic   packet.Diagnostic
	MinTx, MinRx time.Duration
	Multiplier   uint8
}

// Heard is when the last valid packet arrived; zero is never.
func (s *Session) Heard() time.Time { return s.heard }

// Parameters are what it is configured to.
func (s *Session) Parameters() Parameters { return s.params }

// Interval is the time between two packets that we send, without jitter; 0 is that none are sent.
func (s *Session) Interval() time.Duration {
	if s.remoteRx == 0 {
		return 0
	}
	return max(s.actualTx, s.remoteRx)
}

// Detection is how long the neighbor may be silent (section 6.8.4).
func (s *Session) Detection() time.Duration {
	return time.Duration(s.remoteMult) * max(s.actualRx, s.remoteTx)
}

// Equal says whether they are the same, the key's content included.
func (p Parameters) Equal(o Parameters) bool {
	same := p.Same(o)
	p.Key, o.Key = nil, nil
	return same && p == o
}

// Same says whether parameters can be changed to others while the session goes on.
func (p Parameters) Same(o Parameters) bool {
	return (p.Key == nil) == (o.Key == nil) && (p.Key == nil || *p.Key == *o.Key)
}
