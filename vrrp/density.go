package vrrp

import "time"

// Thousands of virtual routers on the other side send thousands of packets a
// second, each at its own moment. To be woken by each costs more than to read
// it; so a socket whose packets follow closely is not watched but looked at in
// short intervals until it is quiet. No timer is wrong for it: packets count
// from the moment the kernel received them, and a timer that expires looks
// into its socket first. What waits is the answer to a packet that needs one.

// looks is how many looks into a socket there are in an advertisement interval.
const looks = 50

// longestLook bounds the time between two looks: a router of priority 254
// takes over 4 ms after a priority 0 when the interval is 1 s.
const longestLook = 2 * time.Millisecond

// density says how a socket is served.
type density struct {
	reported time.Time     // when it was last found by watching
	every    time.Duration // between two looks
	look     timer
}

// readable serves a socket in which packets wait and which is not watched any
// more.
func (e *Engine) readable(s *socket) {
	d := &s.density
	now := e.opts.Clock.Now()
	if d.every == 0 || now.Sub(d.reported) > d.every {
		d.every = s.lookEvery()
	}
	dense := now.Sub(d.reported) < 2*d.every
	d.reported = now
	if e.receive(s); dense {
		e.lookLater(s, now)
		return
	}
	s.conn.Resume()
}

// look serves a socket with dense traffic. It is watched again when there is
// none left, and when there is so much that others must have their turn.
func (e *Engine) look(s *socket) {
	if s.conn == nil {
		return
	}
	now := e.opts.Clock.Now()
	if n := e.receive(s); n > 0 && n < len(e.batch) {
		e.lookLater(s, now)
		return
	}
	s.density.reported = now
	s.conn.Resume()
}

// lookLater sets the time of the next look, the same for several sockets.
func (e *Engine) lookLater(s *socket, now time.Time) {
	if wait := e.nextLook.Sub(now); wait <= 0 || wait > s.density.every {
		e.nextLook = now.Add(s.density.every)
	}
	e.deadlines.Set(&s.density.look, e.nextLook)
}

// lookEvery is the time between two looks that the shortest interval allows.
func (s *socket) lookEvery() time.Duration {
	every := longestLook
	for _, i := range s.instances {
		if i != nil {
			every = min(every, i.machine.AdvertInterval()/looks)
		}
	}
	return every
}
