package bfd

import (
	"time"

	"github.com/lvs-director/director/bfd/link"
	"github.com/lvs-director/director/bfd/packet"
	"github.com/lvs-director/director/retry"
)

const (
	// receiveBatch is how many packets one turn takes in.
	receiveBatch = 32
	// retellPause is the shortest time between two messages about what a neighbor says.
	retellPause = time.Second
)

// listener hears the neighbors of one family and port.
type listener struct {
	key    link.Key
	conn   link.Listener // nil while it cannot be had
	err    string        // why
	again  retry.Retry
	retry  timer
	look   timer
	looked time.Time // when all that had arrived was read
	more   bool      // the last batch was full
	rounds int       // looks in a row after which there was more
	// A socket whose packets follow closely is not watched but looked at: to be woken by each
	// costs more than to read it.
	reported time.Time
	limits   limits
}

// listen opens the sockets that sessions need, and closes others.
func (s *Set) listen(now time.Time) {
	var used [link.Keys]bool
	for _, m := range s.order {
		used[m.key().Number()] = true
	}
	for m := range s.leaving {
		used[m.key().Number()] = true
	}
	for n := range used {
		switch l := s.listeners[n]; {
		case used[n] && l == nil:
			l = &listener{key: link.KeyOf(n)}
			l.retry = timer{kind: listenAgain, listener: l}
			l.look = timer{kind: look, listener: l}
			s.listeners[n] = l
			s.open(l, now)
		case !used[n] && l != nil:
			s.closeListener(n)
		}
	}
}

func (s *Set) closeListener(n int) {
	l := s.listeners[n]
	if l == nil {
		return
	}
	s.listeners[n] = nil
	s.deadlines.Remove(&l.retry)
	s.deadlines.Remove(&l.look)
	if l.conn != nil {
		_ = l.conn.Close()
	}
}

func (s *Set) open(l *listener, now time.Time) {
	conn, err := s.opts.Network.Listen(l.key, s.ready)
	text := ""
	if err != nil {
		text = err.Error()
		l.again.Failed(now)
		s.deadlines.Set(&l.retry, l.again.Next())
		if l.err != text {
			s.opts.Log.Warn("failed to listen for BFD", "error", err)
		}
	} else {
		l.conn = conn
	}
	if l.err == text {
		return
	}
	l.err = text
	for _, m := range s.order {
		if m.key() == l.key {
			s.tell(m)
		}
	}
}

// Ready delivers when Serve wants to be called, with that number.
func (s *Set) Ready() <-chan int { return s.ready }

// Serve reads what has arrived, a batch at most.
func (s *Set) Serve(number int) {
	if number < 0 || number >= len(s.listeners) || s.listeners[number] == nil || s.listeners[number].conn == nil {
		return
	}
	l := s.listeners[number]
	now := s.opts.Now()
	every := s.lookEvery(l)
	dense := now.Sub(l.reported) < 2*every
	l.reported = now
	// What waits is read without a pause: the kernel throws away what it has no room for, whoever has sent it.
	if s.receive(l); dense && !l.more {
		s.deadlines.Set(&l.look, now.Add(every))
		return
	}
	l.conn.Resume()
}

// look reads again what has arrived. The socket is watched when there is nothing, and
// when there is so much that others must have their turn.
func (s *Set) look(l *listener) {
	if l.conn == nil {
		return
	}
	now := s.opts.Now()
	if n := s.receive(l); n > 0 && !l.more {
		s.deadlines.Set(&l.look, now.Add(s.lookEvery(l)))
		return
	}
	l.reported = now
	l.conn.Resume()
}

const (
	// longestLook and looks bound the time between two looks into a socket.
	longestLook = 5 * time.Millisecond
	looks       = 10 // in the shortest detection time
)

func (s *Set) lookEvery(l *listener) time.Duration {
	every := longestLook
	for _, m := range s.order {
		if m.key() == l.key && m.session.State() == packet.Up {
			every = min(every, m.session.Detection()/looks)
		}
	}
	return every
}

// receive takes in one batch.
func (s *Set) receive(l *listener) int {
	n, err := l.conn.Receive(s.batch)
	now := s.opts.Now()
	if err != nil {
		if times, ok := l.limits.allow("receive", now); ok {
			s.opts.Log.Warn("failed to receive BFD packets", "error", err, "times", times)
		}
	}
	l.more = n == len(s.batch)
	for i := range s.batch[:n] {
		d := &s.batch[i]
		s.received(l, d, now.Add(-d.Age), now)
	}
	return n
}

// received gives one packet to its session, or drops it for a named reason.
func (s *Set) received(l *listener, d *link.Datagram, at, now time.Time) {
	m, reason := s.addressee(l, d)
	if m == nil {
		s.dropped.dropped[reason]++
		return
	}
	if reason == packet.Accepted && mute(m.cfg) {
		reason = packet.AuthFailed
	}
	if reason == packet.Accepted {
		reason = m.session.Receive(&s.in, d.Data, at)
	}
	if reason != packet.Accepted {
		m.counts.dropped[reason]++
		if times, ok := m.limits.allow(reason.String(), now); ok && reason != packet.Disabled {
			s.opts.Log.Warn("a BFD packet was dropped", "session", m.cfg.Name, "reason", reason.String(), "sender",
				d.From.String(), "times", times)
		}
		return
	}
	m.counts.received++
	m.overdue = false
	if !s.leaving[m] {
		s.after(m, now)
	}
}

// addressee finds the session that a packet is for. The reason belongs to it when there is one.
func (s *Set) addressee(l *listener, d *link.Datagram) (*member, packet.Reason) {
	reason := packet.Parse(d.Data, &s.in)
	if reason != packet.Accepted && reason < packet.AuthMissing {
		return nil, reason
	}
	m := s.byLocal[s.in.Yours]
	if s.in.Yours == 0 {
		if m = s.between(l, d); m == nil {
			s.moved(d)
			return nil, packet.UnknownNeighbor
		}
	}
	switch {
	case m == nil:
		return nil, packet.UnknownDiscriminator
	case m.key() != l.key || !m.isFrom(d):
		return m, packet.WrongNeighbor
	case !m.farEnough(d.TTL):
		return m, packet.BadTTL
	}
	return m, reason
}

// between finds the session between the addresses of a packet that names none: one with that source
// before one with any.
func (s *Set) between(l *listener, d *link.Datagram) (found *member) {
	for _, m := range s.neighbors[neighbor{address: d.From, multihop: l.key.Multihop}] {
		if m.isFrom(d) && !s.leaving[m] && (found == nil || m.path.Source.IsValid()) {
			found = m
		}
	}
	return found
}

// moved looks whether the interface of a neighbor that is heard on another one was made anew: a passive
// session, which sends nothing, would not notice that.
func (s *Set) moved(d *link.Datagram) {
	if !d.From.IsLinkLocalUnicast() {
		return
	}
	for _, m := range s.neighbors[neighbor{address: d.From}] {
		if m.index != d.Index && m.session.State() != packet.Up {
			s.redial(m, s.opts.Now())
		}
	}
}

// isFrom says whether a packet has the session's addresses, and came in on its link.
func (m *member) isFrom(d *link.Datagram) bool {
	return d.From == m.path.Neighbor.WithZone("") &&
		(!m.path.Source.IsValid() || d.To == m.path.Source) && (m.path.Neighbor.Zone() == "" || d.Index == m.index)
}
