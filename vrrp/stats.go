package vrrp

import (
	"context"
	"slices"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/packet"
)

// Stats is a snapshot of the counters.
type Stats = event.VRRPCounters

// InstanceStats counts what an instance has done and seen since it was configured.
type InstanceStats = event.InstanceCounters

// Stats returns the counters; the error is the context's or ErrStopped.
func (e *Engine) Stats(ctx context.Context) (Stats, error) { return e.gather(ctx, false) }

// StatsAndClear is Stats; what is counted of instances begins at zero afterwards.
func (e *Engine) StatsAndClear(ctx context.Context) (Stats, error) { return e.gather(ctx, true) }

// countedAtOnce is how many instances are counted before the engine looks again what is due: whoever reads
// counters holds up no advertisement. It takes some microseconds.
const countedAtOnce = 64

// countedInstance is a copy of what an instance has counted.
type countedInstance struct {
	name string
	counters
	odd *event.OddAdvertisement
}

// gather copies the counters of the instances that there are now, some in each turn of the engine, and
// makes the answer of them in the goroutine of the caller.
func (e *Engine) gather(ctx context.Context, clear bool) (Stats, error) {
	var left []*instance
	var list []countedInstance
	var s Stats
	err := e.do(ctx, func() {
		left = e.order // a reload makes a new one
		s = e.interfaceStats()
	})
	for err == nil && len(left) > 0 {
		part := left[:min(len(left), countedAtOnce)]
		left = left[len(part):]
		list = slices.Grow(list, len(part))
		err = e.do(ctx, func() { list = count(list, part, clear) })
	}
	if err != nil {
		return Stats{}, err
	}
	s.Instances = make(map[string]InstanceStats, len(list))
	for n := range list {
		s.Instances[list[n].name] = list[n].told()
	}
	return s, nil
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
	l.counts[event.LatenessClass(late)]++
	l.sum += max(late, 0)
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
	backups, faults                                        uint64
	zeroSent, zeroReceived, addressMismatch                uint64
	dropped                                                counts
}

// became counts a transition.
func (c *counters) became(to event.VRRPState) {
	switch to {
	case event.Master:
		c.masters++
	case event.Backup:
		c.backups++
	case event.Fault:
		c.faults++
	}
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

// count adds copies of what instances have counted to a list with room for them.
func count(list []countedInstance, part []*instance, clear bool) []countedInstance {
	for _, i := range part {
		list = append(list, countedInstance{i.cfg.Name, i.stats, i.odd.told(i.rules.Addresses)})
		if clear {
			i.stats = counters{}
		}
	}
	return list
}

// told is the form of them for others.
func (c *countedInstance) told() InstanceStats {
	dropped := c.dropped.named()
	if c.flooded > 0 {
		dropped[flooded] = c.flooded
	}
	return InstanceStats{
		Sent: c.sent, SendErrors: c.sendErrors, Received: c.received, Masters: c.masters, Released: c.released,
		Backups: c.backups, Faults: c.faults,
		PriorityZeroSent: c.zeroSent, PriorityZeroReceived: c.zeroReceived, AddressMismatch: c.addressMismatch,
		Dropped: dropped, Odd: c.odd,
	}
}

// interfaceStats are the counters without those of instances.
func (e *Engine) interfaceStats() Stats {
	s := Stats{
		Dropped:  make(map[string]map[string]uint64, len(e.sockets)),
		Lateness: make(map[string]event.Lateness, len(e.sockets)),
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
