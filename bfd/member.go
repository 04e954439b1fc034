package bfd

import (
	"time"

	"github.com/lvs-director/director/bfd/link"
	"github.com/lvs-director/director/bfd/packet"
	"github.com/lvs-director/director/bfd/session"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/deadline"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/retry"
)

// member is a session of a Set.
type member struct {
	id      string // conf.BFDInstance.ID
	cfg     *conf.BFDInstance
	path    link.Path
	session *session.Session
	sender  link.Sender // nil while it cannot be had
	err     string      // why; or why nothing can be sent
	again   retry.Retry // of opening the socket
	index   int         // of the neighbor's zone; 0 while it is not known
	limits  limits

	transmit, detect, settles, dial, ends timer

	state    packet.State // as last told
	since    time.Time    // by the wall clock
	settled  bool
	presumed bool // was up in a process that ended, and counts as such until it is settled
	ups      uint64
	downs    uint64
	event    event.Number
	causes   event.Numbers
	told     event.BFDState
	goodbyes int
	retold   time.Time // when something else than the state was told last
	overdue  bool      // was given one more interval, since this process did not run

	counts counts
}

// kind says what a deadline is for.
type kind uint8

const (
	transmit kind = iota
	detect
	settle
	dial
	ends
	listenAgain
	look
)

// timer is something that has to be done at a time. It lives in what it is about.
type timer struct {
	deadline.Entry
	kind     kind
	member   *member
	listener *listener
}

func (m *member) init() {
	for k, t := range []*timer{&m.transmit, &m.detect, &m.settles, &m.dial, &m.ends} {
		t.kind, t.member = kind(k), m
	}
}

// counts are what happened to packets.
type counts struct {
	sent, errors, received uint64
	dropped                [packet.Reasons]uint64
}

// pathOf is where a session sends to; false when the configuration's addresses are none.
func pathOf(c *conf.BFDInstance) (p link.Path, ok bool) {
	p = link.Path{Neighbor: c.NeighborAddr().Unmap(), Source: c.SourceAddr().Unmap().WithZone(""), Multihop: c.Multihop,
		TTL: min(max(c.TTL, 1), 255)}
	return p, p.Neighbor.IsValid() && (!p.Source.IsValid() || p.Source.Is4() == p.Neighbor.Is4())
}

// parametersOf are the rules' part of a configuration.
func parametersOf(c *conf.BFDInstance) session.Parameters {
	p := session.Parameters{
		MinTx: max(c.MinTx, time.Millisecond), MinRx: max(c.MinRx, time.Millisecond), IdleTx: c.IdleTx,
		Multiplier: uint8(min(max(c.Multiplier, 1), 255)), Passive: c.Passive,
	}
	if c.Auth != nil {
		key := packet.NewKey(c.Auth.KeyID, string(c.Auth.Key))
		p.Key = &key
	}
	return p
}

// mute says that a session has a key that could not be read: it sends nothing, and takes nothing.
func mute(c *conf.BFDInstance) bool { return c.Auth != nil && c.Auth.Key == "" }

// key is where packets of the session arrive.
func (m *member) key() link.Key {
	return link.Key{IPv6: m.path.Neighbor.Is6(), Multihop: m.path.Multihop}
}

func (m *member) neighbor() neighbor {
	return neighbor{address: m.path.Neighbor.WithZone(""), multihop: m.path.Multihop}
}

// keeps says whether a session can go on with another configuration of the same identity.
func (m *member) keeps(c *conf.BFDInstance) bool {
	path, ok := pathOf(c)
	return ok && path == m.path && parametersOf(c).Same(m.session.Parameters()) && mute(c) == mute(m.cfg)
}

// configure gives it that configuration.
func (m *member) configure(c *conf.BFDInstance, now time.Time) {
	m.cfg = c
	if p := parametersOf(c); !p.Equal(m.session.Parameters()) {
		m.session.Configure(p, now)
	}
}

// farEnough says whether a packet has come from no further away than the session allows: on one
// hop none has passed a router (RFC 5881 section 5).
func (m *member) farEnough(ttl uint8) bool {
	return m.cfg.MaxHops < 0 || m.cfg.MaxHops >= 255 || int(ttl) >= m.path.TTL-m.cfg.MaxHops
}

// resumed is what a session goes on from, if it can.
func resumed(known event.BFDState, p session.Parameters) (session.Resumed, bool) {
	if !known.IsUp() || p.Key != nil || known.Discriminator == 0 || known.RemoteDiscriminator == 0 {
		return session.Resumed{}, false
	}
	return session.Resumed{
		Local: known.Discriminator, Remote: known.RemoteDiscriminator,
		RemoteTx: known.RemoteMinTx, RemoteRx: known.RemoteMinRx,
		RemoteMultiplier: uint8(min(max(known.RemoteMultiplier, 1), 255)),
	}, true
}

// tellable is the session as it is told.
func (m *member) tellable() event.BFDState {
	n := m.session.Neighbor()
	return event.BFDState{
		Session: m.cfg.Name, ID: m.id, State: m.state.String(), Since: m.since, Settled: m.settled,
		Presumed:   m.presumed && !m.settled,
		Diagnostic: m.session.Diagnostic().String(), RemoteState: n.State.String(),
		RemoteDiagnostic: n.Diagnostic.String(), Neighbor: m.cfg.Neighbor, Source: m.cfg.Source,
		Multihop: m.path.Multihop, Discriminator: m.session.Local(), RemoteDiscriminator: m.session.Remote(),
		Interval: m.session.Interval(), Detection: m.session.Detection(), RemoteMinTx: n.MinTx, RemoteMinRx: n.MinRx,
		RemoteMultiplier: int(n.Multiplier), Ups: m.ups, Downs: m.downs, Error: m.err,
		VRRP: m.cfg.ForVRRP(), Checker: m.cfg.ForCheckers(),
		Event: m.event, Causes: m.causes,
	}
}
