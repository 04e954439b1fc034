package vrrp

import (
	"context"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/packet"
)

// Stats is a snapshot of the counters.
type Stats = event.VRRPCounters

// InstanceStats counts what an instance has done and seen since it was configured.
type InstanceStats = event.InstanceCounters

// Stats returns the counters; the error is the context's or ErrStopped.
func (e *Engine) Stats(ctx context.Context) (Stats, error) {
	var s Stats
	err := e.do(ctx, func() { s = e.stats() })
	return s, err
}

// StatsAndClear is Stats; what is counted of instances begins at zero afterwards.
func (e *Engine) StatsAndClear(ctx context.Context) (Stats, error) {
	var s Stats
	err := e.do(ctx, func() {
		s = e.stats()
		for _, i := range e.order {
			i.stats = counters{}
		}
	})
	return s, err
}

// flooded is the name under which advertisements are counted that came too
// densely for each of them to count.
const flooded = "flood"

type counts [packet.DropReasons]uint64

// lateness is event.Lateness of a socket; counting costs no allocation.
type lateness struct {
	counts [len(event.LatenessBounds) + 1]uint64
	sum    time.Duration
}

// add counts an advertisement; one that joined others early is not late.
func (l *lateness) add(late time.Duration) {
	late = max(late, 0)
	class := 0
	for class < len(event.LatenessBounds) && late > event.LatenessBounds[class] {
		class++
	}
	l.counts[class]++
	l.sum += late
}

// addTo adds it to that of its interface.
func (l *lateness) addTo(all event.Lateness) event.Lateness {
	if all.Counts == nil {
		all.Counts = make([]uint64, len(l.counts))
	}
	for class, n := range l.counts {
		all.Counts[class] += n
	}
	all.Sum += l.sum
	return all
}

type counters struct {
	sent, sendErrors, received, masters, released, flooded uint64
	zeroSent, zeroReceived, addressMismatch                uint64
	dropped                                                counts
}

// closed is what the closed sockets of an interface have counted: a counter only grows.
type closed struct {
	dropped counts
	late    lateness
}

// keepCounts adds what a socket that is closed has counted to that of its interface.
func (e *Engine) keepCounts(s *socket) {
	c := e.closed[s.device]
	for reason, n := range s.dropped {
		c.dropped[reason] += n
	}
	for class, n := range s.late.counts {
		c.late.counts[class] += n
	}
	c.late.sum += s.late.sum
	if e.closed == nil {
		e.closed = make(map[string]closed)
	}
	e.closed[s.device] = c
}

func (e *Engine) stats() Stats {
	s := Stats{
		Instances: make(map[string]InstanceStats, len(e.order)),
		Dropped:   make(map[string]map[string]uint64, len(e.sockets)),
		Lateness:  make(map[string]event.Lateness, len(e.sockets)),
	}
	for _, i := range e.order {
		c := &i.stats
		dropped := c.dropped.named()
		if c.flooded > 0 {
			dropped[flooded] = c.flooded
		}
		s.Instances[i.cfg.Name] = InstanceStats{
			Sent: c.sent, SendErrors: c.sendErrors, Received: c.received, Masters: c.masters, Released: c.released,
			PriorityZeroSent: c.zeroSent, PriorityZeroReceived: c.zeroReceived, AddressMismatch: c.addressMismatch,
			Dropped: dropped, Odd: i.odd.told(i.rules.Addresses),
		}
	}
	add := func(device string, dropped *counts, late *lateness) {
		all := s.Dropped[device]
		if all == nil {
			all = make(map[string]uint64)
			s.Dropped[device] = all
		}
		s.Lateness[device] = late.addTo(s.Lateness[device])
		for reason, n := range dropped.named() {
			all[reason] += n
		}
	}
	for _, sock := range e.sockets {
		add(sock.device, &sock.dropped, &sock.late)
	}
	for device, c := range e.closed {
		if _, open := s.Dropped[device]; open { // an interface that nobody uses has no counters
			add(device, &c.dropped, &c.late)
		}
	}
	s.Strangers, s.MoreStrangers = e.strangers()
	return s
}

func (c *counts) named() map[string]uint64 {
	m := make(map[string]uint64)
	for reason, n := range c {
		if n > 0 {
			m[packet.DropReason(reason).String()] = n
		}
	}
	return m
}
