package vrrp

import (
	"slices"
	"time"

	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/machine"
	"github.com/lvs-director/director/vrrp/packet"
)

const (
	receiveBatch = 32
	// drainBatches bounds how much is read before an expired timer is believed.
	drainBatches = 16
	// lookAgain is how long a look into a socket counts for the timers of all
	// instances on it.
	lookAgain = 500 * time.Microsecond
	// socketRetryAfter is the pause before a socket is tried again.
	socketRetryAfter = time.Second
	// floodLimit is how many advertisements of one virtual router count in one batch.
	floodLimit = 8
)

// socket is what the instances of one interface, family and group share.
type socket struct {
	key    link.Key
	device string
	conn   link.Conn // nil while it is being opened or cannot be
	err    error     // why it cannot be
	retry  timer
	// opening numbers the attempts; what an earlier one brings is not wanted.
	opening uint64

	instances [256]*instance // by VRID
	users     int
	looked    time.Time // when an expired timer last looked into it
	density   density

	dropped   counts // packets for none of the instances
	late      lateness
	strangers strangers
	limits    limits
}

type openResult struct {
	sock    *socket
	opening uint64
	conn    link.Conn
	err     error
}

// attach puts an instance on the socket of its interface, or, when it has none,
// of its source address.
func (e *Engine) attach(i *instance, on *iface) {
	k := link.Key{Family: familyOf(i.cfg), AH: i.rules.AuthType == packet.AuthAH}
	device := ""
	if on != nil {
		k.Index, device = on.Index, on.Name
	}
	if isUnicast(i.cfg) {
		k.Local = i.source
	} else {
		k.Group = i.rules.Destination
	}
	s := e.sockets[k]
	if s == nil {
		s = &socket{key: k, device: device}
		s.retry = timer{kind: socketRetry, sock: s}
		s.density.look = timer{kind: socketLook, sock: s}
		e.sockets[k] = s
		e.open(s)
	}
	if i.sock == s {
		return
	}
	e.detach(i)
	i.sock = s
	s.instances[i.id.VRID] = i
	s.users++
}

// detach takes an instance off its socket, which is closed with the last one.
func (e *Engine) detach(i *instance) {
	s := i.sock
	if s == nil {
		return
	}
	i.sock = nil
	if s.instances[i.id.VRID] == i {
		s.instances[i.id.VRID] = nil
	}
	if s.users--; s.users == 0 {
		e.drop(s)
	}
}

// drop closes a socket.
func (e *Engine) drop(s *socket) {
	delete(e.sockets, s.key)
	e.deadlines.Remove(&s.retry)
	e.deadlines.Remove(&s.density.look)
	e.closeConn(s.conn)
	s.conn = nil
	e.keepCounts(s)
}

// open has the socket opened: joining a multicast group waits for the
// kernel's routing lock, which work on addresses holds.
func (e *Engine) open(s *socket) {
	s.opening++
	opening := s.opening
	e.helpers.Go(func() {
		conn, err := e.opts.Network.Open(s.key, e.ready)
		select {
		case e.opened <- openResult{sock: s, opening: opening, conn: conn, err: err}:
		case <-e.quit:
			if conn != nil {
				conn.Close()
			}
		}
	})
}

// closeConn closes for the same reason beside the engine.
func (e *Engine) closeConn(conn link.Conn) {
	if conn != nil {
		e.helpers.Go(func() { conn.Close() })
	}
}

func (e *Engine) socketOpened(r openResult) {
	s := r.sock
	if e.sockets[s.key] != s || r.opening != s.opening {
		e.closeConn(r.conn)
		return
	}
	now := e.opts.Clock.Now()
	s.conn, s.err = r.conn, r.err
	if s.err != nil {
		e.deadlines.Set(&s.retry, now.Add(socketRetryAfter))
	}
	for _, i := range s.instances {
		if i != nil {
			e.evaluate(i, now)
		}
	}
}

// send sends the instance's advertisement.
func (e *Engine) send(i *instance, now time.Time, priority uint8) {
	if i.sock == nil || i.sock.conn == nil {
		return
	}
	if i.rules.AuthType == packet.AuthAH {
		i.rules.Sequence = nextSequence(i.rules.Sequence, now)
	}
	if i.signing.key != nil {
		i.signing.sequence = i.signing.sequence.Next(now, i.signing.window)
	}
	for n := range i.out {
		o := &i.out[n]
		i.seal(o.data, priority, i.rules.Sequence)
		i.sign(n)
		if err := e.transmit(i, o); err != nil {
			i.stats.sendErrors++
			if n, ok := i.limits.allow("send", now); ok {
				e.log.Warn("failed to send an advertisement", "instance", i.cfg.Name, "error", err, "times", n)
			}
			continue
		}
		i.stats.sent++
		if priority == 0 {
			i.stats.zeroSent++
		}
		e.heartbeats.noteAdvertisement(now)
	}
}

// drain takes what waits in a socket.
func (e *Engine) drain(s *socket) {
	for range drainBatches {
		if e.receive(s) < len(e.batch) {
			return
		}
	}
}

// receive takes one batch from a socket. More that waits is reported again,
// after everything that is due has been done.
func (e *Engine) receive(s *socket) int {
	n, err := s.conn.Receive(e.batch)
	now := e.opts.Clock.Now()
	if err != nil {
		if n, ok := s.limits.allow("receive", now); ok {
			e.log.Warn("failed to receive from a VRRP socket", "interface", s.device, "error", err, "times", n)
		}
	}
	e.batchID++
	for _, d := range e.batch[:n] {
		e.received(s, d.Data, now.Add(-d.Age))
	}
	return n
}

// received hands one packet to its machine, or drops it for a named reason. Only
// what passes every check reaches a machine.
func (e *Engine) received(s *socket, data []byte, at time.Time) {
	reason := packet.Parse(data, &e.adv)
	i := s.instances[e.adv.VRID]
	var notes packet.Notes
	switch {
	case i != nil:
		reason, notes = e.adv.Verify(reason, &i.rules, at)
	case reason == packet.Accepted:
		reason = packet.UnknownVRID
	}
	if reason != packet.Accepted {
		e.dropped(s, i, reason, at)
		return
	}
	i.stats.received++
	if e.adv.Priority == 0 {
		i.stats.zeroReceived++
	}
	if notes&packet.AddressMismatch != 0 {
		i.stats.addressMismatch++
	}
	i.rules.Sequence = max(i.rules.Sequence, e.adv.Sequence())
	if i.rules.HMAC != nil {
		i.rules.HMAC.Replay.Record(&e.adv)
	}
	adv := machine.Advert{Priority: e.adv.Priority, Interval: e.adv.Interval, Source: e.adv.Source}
	if !i.flood.admit(e.batchID, adv) {
		i.stats.flooded++
		return
	}
	if notes != 0 {
		e.remark(i, notes, at)
	}
	if adv.Priority == 0 {
		i.resigned = adv.Source
	}
	e.step(i, at, machine.Input{Kind: machine.Received, Adv: adv})
	e.heard(i, at)
}

// flood bounds what one batch of packets can make a machine do: of a sender
// that floods a few count, not each packet. One that was not seen in the batch
// counts beyond that, since it may be another router's.
type flood struct {
	batch uint64
	count int
	seen  [floodLimit]machine.Advert
	kinds int
}

func (f *flood) admit(batch uint64, adv machine.Advert) bool {
	if f.batch != batch {
		f.batch, f.count, f.kinds = batch, 0, 0
	}
	f.count++
	repeated := slices.Contains(f.seen[:f.kinds], adv)
	if !repeated && f.kinds < len(f.seen) {
		f.seen[f.kinds] = adv
		f.kinds++
	}
	return f.count <= floodLimit || !repeated
}
