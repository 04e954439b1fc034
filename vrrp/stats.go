package vrrp

import (
	"context"

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

type counters struct {
	sent, sendErrors, received, masters, released, flooded uint64
	zeroSent, zeroReceived, addressMismatch                uint64
	dropped                                                counts
}

func (e *Engine) stats() Stats {
	s := Stats{
		Instances: make(map[string]InstanceStats, len(e.order)),
		Dropped:   make(map[string]map[string]uint64, len(e.sockets)),
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
	for _, sock := range e.sockets {
		all := s.Dropped[sock.device]
		if all == nil {
			all = make(map[string]uint64)
			s.Dropped[sock.device] = all
		}
		for reason, n := range sock.dropped.named() {
			all[reason] += n
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
