package bfd

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/lvs-director/director/bfd/link"
	"github.com/lvs-director/director/bfd/packet"
	"github.com/lvs-director/director/bfd/session"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/deadline"
	"github.com/lvs-director/director/event"
)

// Options are what a Set works with. All fields are required unless they say otherwise.
type Options struct {
	Log     *slog.Logger
	Network link.Network
	// Now is the time with Go's monotonic reading.
	Now func() time.Time
	// Random is for discriminators and jitter.
	Random func() uint64
	// Events is told every new state of a session. It must not block.
	Events func(event.BFDState)
	// Number numbers what happens. It is optional.
	Number func() event.Number
}

// Set has the sessions of a configuration. One goroutine uses it.
type Set struct {
	opts      Options
	members   map[string]*member // by conf.BFDInstance.ID
	order     []*member          // as configured
	leaving   map[*member]bool   // they tell their neighbors that they end
	byLocal   map[uint32]*member // by discriminator
	neighbors map[neighbor][]*member
	listeners [link.Keys]*listener
	ready     chan int
	deadlines deadline.Heap[*timer]
	batch     []link.Datagram // scratch
	buffer    []byte          // scratch
	in        packet.Packet   // scratch
	dropped   counts          // packets of no session
	stopping  bool
}

// neighbor is how a session is found for a packet that names none.
type neighbor struct {
	address  netip.Addr // without zone
	multihop bool
}

// New makes a Set without sessions.
func New(opts Options) *Set {
	if opts.Number == nil {
		opts.Number = func() event.Number { return "" }
	}
	return &Set{
		opts: opts, members: map[string]*member{}, leaving: map[*member]bool{}, byLocal: map[uint32]*member{},
		neighbors: map[neighbor][]*member{}, ready: make(chan int), batch: make([]link.Datagram, receiveBatch),
		buffer: make([]byte, 0, packet.MaxSize),
	}
}

// Apply makes the sessions those of a configuration. One is the same as before when its
// conf.BFDInstance.ID is; it then stays as it is, and parameters that differ are agreed on with
// the neighbor. known is what was known of sessions before this process began; it may be
// nil. causes are the events that brought the configuration.
func (s *Set) Apply(list []*conf.BFDInstance, known []event.BFDState, causes ...event.Number) {
	if s.stopping {
		return
	}
	now := s.opts.Now()
	wanted := make(map[string]*conf.BFDInstance, len(list))
	for _, c := range list {
		if wanted[c.ID()] == nil {
			wanted[c.ID()] = c
		}
	}
	for id, m := range s.members {
		if c := wanted[id]; c == nil || !m.keeps(c) {
			s.leave(m, now)
		}
	}
	before := make(map[string]event.BFDState, len(known))
	for _, k := range known {
		before[k.ID] = k
	}
	s.order = s.order[:0]
	for _, c := range list {
		if wanted[c.ID()] != c {
			continue // a second one with the same neighbor
		}
		m := s.members[c.ID()]
		if m == nil {
			if m = s.join(c, before[c.ID()], event.NumbersOf(causes...), now); m == nil {
				continue
			}
		} else {
			m.configure(c, now)
			s.schedule(m)
		}
		s.order = append(s.order, m)
		s.tell(m)
	}
	s.listen(now)
}

// join makes a session.
func (s *Set) join(c *conf.BFDInstance, known event.BFDState, causes event.Numbers, now time.Time) *member {
	path, ok := pathOf(c)
	if !ok {
		s.opts.Log.Warn("a BFD session has no address that can be used", "session", c.Name, "neighbor", c.Neighbor,
			"source", c.Source)
		return nil
	}
	m := &member{id: c.ID(), cfg: c, path: path, causes: causes}
	m.init()
	params := parametersOf(c)
	if r, ok := resumed(known, params); ok && s.byLocal[r.Local] == nil {
		m.session = session.Resume(params, r, s.opts.Random(), now)
		m.since, m.settled = known.Since, true
		m.event, m.causes = known.Event, known.Causes
	} else {
		m.session = session.New(params, s.discriminator(), s.opts.Random(), now)
		m.since = now.Round(0)
		m.settled = known.Settled && !known.IsUp()
		m.presumed = known.IsUp() || known.Presumed
		if m.settled {
			m.since, m.event, m.causes = known.Since, known.Event, known.Causes
		} else {
			s.deadlines.Set(&m.settles, now.Add(max(patience, min(2*known.Detection+session.SlowTx, longestPatience))))
		}
	}
	m.ups, m.downs = known.Ups, known.Downs
	if m.state = m.session.State(); m.state != packet.Up && known.IsUp() {
		m.downs++
	}
	s.members[c.ID()] = m
	s.byLocal[m.session.Local()] = m
	k := m.neighbor()
	s.neighbors[k] = append(s.neighbors[k], m)
	if mute(c) {
		m.err = "the key could not be read"
		s.deadlines.Remove(&m.settles)
		m.settled, m.presumed = true, false
		return m
	}
	s.deadlines.Set(&m.dial, now)
	s.schedule(m)
	return m
}

const (
	// patience is how long a session has to come up before it counts as down. One with a key whose
	// process has ended waits for twice the detection time: the neighbor takes nothing earlier
	// (RFC 5880 section 6.8.1, bfd.AuthSeqKnown).
	patience        = 3 * time.Second
	longestPatience = 30 * time.Second
)

// discriminator is one that no other session has.
func (s *Set) discriminator() uint32 {
	for {
		if d := uint32(s.opts.Random()); d != 0 && s.byLocal[d] == nil {
			return d
		}
	}
}

// leave ends a session: its neighbor is told so, some times, since packets may be lost.
func (s *Set) leave(m *member, now time.Time) {
	delete(s.members, m.id)
	s.leaving[m] = true
	m.goodbyes = goodbyes
	m.session.Disable(now)
	for _, t := range []*timer{&m.transmit, &m.detect, &m.settles, &m.dial} {
		s.deadlines.Remove(t)
	}
	if m.sender == nil || m.session.TransmitAt().IsZero() {
		s.gone(m)
		return
	}
	s.goodbye(m, now)
}

const (
	// goodbyes is how often a neighbor is told that a session ends.
	goodbyes = 3
	// goodbyePause is the longest time between two of them, so that a stop does not wait.
	goodbyePause = 100 * time.Millisecond
)

func (s *Set) goodbye(m *member, now time.Time) {
	if m.goodbyes == 0 {
		s.gone(m)
		return
	}
	m.goodbyes--
	s.send(m, now)
	s.deadlines.Set(&m.ends, now.Add(min(max(m.session.Interval(), time.Millisecond), goodbyePause)))
}

// gone forgets a session.
func (s *Set) gone(m *member) {
	delete(s.leaving, m)
	delete(s.byLocal, m.session.Local())
	k := m.neighbor()
	kept := s.neighbors[k][:0]
	for _, o := range s.neighbors[k] {
		if o != m {
			kept = append(kept, o)
		}
	}
	if s.neighbors[k] = kept; len(kept) == 0 {
		delete(s.neighbors, k)
	}
	s.deadlines.Remove(&m.ends)
	if m.sender != nil {
		_ = m.sender.Close()
	}
	s.listen(s.opts.Now())
}

// Stop ends all sessions.
func (s *Set) Stop() {
	if s.stopping {
		return
	}
	s.stopping = true
	now := s.opts.Now()
	for _, m := range s.order {
		s.leave(m, now)
	}
	s.order = nil
}

// Stopped says that all neighbors were told, after Stop.
func (s *Set) Stopped() bool { return s.stopping && len(s.leaving) == 0 }

// Close lets go of what is open, without a word to the neighbors.
func (s *Set) Close() {
	s.stopping = true
	for _, m := range s.order {
		if m.sender != nil {
			_ = m.sender.Close()
		}
	}
	s.order = nil
	for m := range s.leaving {
		s.gone(m)
	}
	for n := range s.listeners {
		s.closeListener(n)
	}
}

// States are what the sessions are like, in the order of the configuration.
func (s *Set) States() []event.BFDState {
	list := make([]event.BFDState, 0, len(s.order))
	for _, m := range s.order {
		list = append(list, m.tellable())
	}
	return list
}

// Counters are what the sessions have counted, in the order of the configuration, and at the end
// the packets of none, when there were some.
func (s *Set) Counters() []event.BFDCounters {
	list := make([]event.BFDCounters, 0, len(s.order)+1)
	for _, m := range s.order {
		list = append(list, m.counts.told(m.cfg.Name))
	}
	if none := s.dropped.told(""); len(none.Dropped) > 0 {
		list = append(list, none)
	}
	return list
}

func (c *counts) told(name string) event.BFDCounters {
	t := event.BFDCounters{Session: name, Sent: c.sent, Received: c.received, Errors: c.errors}
	for reason, n := range c.dropped {
		if n == 0 {
			continue
		}
		if t.Dropped == nil {
			t.Dropped = make(map[string]uint64)
		}
		t.Dropped[packet.Reason(reason).String()] = n
	}
	return t
}
