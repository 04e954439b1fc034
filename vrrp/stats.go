package vrrp

import (
	"cmp"
	"context"
	"net/netip"
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
func (e *Engine) Stats(ctx context.Context) (Stats, error) {
	var s Stats
	err := e.do(ctx, func() { s = e.stats() })
	return s, err
}

// flooded is the name under which advertisements are counted that came too
// densely for each of them to count.
const flooded = "flood"

type counts [packet.DropReasons]uint64

type counters struct {
	sent, sendErrors, received, masters, flooded uint64
	dropped                                      counts
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
			Sent: c.sent, SendErrors: c.sendErrors, Received: c.received, Masters: c.masters, Dropped: dropped,
			Odd: i.odd.told(),
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

const (
	// maxStrangers is how many senders of refused packets a socket remembers.
	maxStrangers = 16
	// strangerStays is how long one that is heard keeps its place. It bounds how
	// fast made-up senders can push out the real ones.
	strangerStays = 10 * time.Second
)

// strangers remembers who sent refused packets.
type strangers struct {
	list []stranger
	more uint64 // packets of those for whom there was no room
}

type stranger struct {
	sender      netip.Addr
	vrid        uint8
	reason      packet.DropReason
	priority    uint8
	times       uint64
	first, last time.Time
}

// heard notes a refused packet. The one heard longest ago makes room.
func (s *strangers) heard(adv *packet.Advertisement, reason packet.DropReason, now time.Time) {
	if !adv.Source.IsValid() || adv.VRID == 0 || reason == packet.OwnSource {
		return
	}
	oldest := 0
	for n := range s.list {
		k := &s.list[n]
		if k.sender == adv.Source && k.vrid == adv.VRID && k.reason == reason {
			k.priority, k.last = adv.Priority, now
			k.times++
			return
		}
		if k.last.Before(s.list[oldest].last) {
			oldest = n
		}
	}
	one := stranger{sender: adv.Source, vrid: adv.VRID, reason: reason, priority: adv.Priority, times: 1, first: now,
		last: now}
	switch {
	case len(s.list) < maxStrangers:
		s.list = append(s.list, one)
	case now.Sub(s.list[oldest].last) > strangerStays:
		s.list[oldest] = one
	default:
		s.more++
	}
}

// strangers are those of all sockets, in the order of interface, VRID and sender.
func (e *Engine) strangers() (list []event.Stranger, more uint64) {
	for _, sock := range e.sockets {
		more += sock.strangers.more
		for _, k := range sock.strangers.list {
			one := event.Stranger{
				Interface: sock.device, Sender: k.sender.String(), VRID: k.vrid, Priority: k.priority,
				Reason: k.reason.String(), Times: k.times, First: k.first.Round(0), Last: k.last.Round(0),
			}
			if i := sock.instances[k.vrid]; i != nil {
				one.Instance = i.cfg.Name
			}
			list = append(list, one)
		}
	}
	slices.SortFunc(list, func(a, b event.Stranger) int {
		return cmp.Or(cmp.Compare(a.Interface, b.Interface), cmp.Compare(a.VRID, b.VRID),
			cmp.Compare(a.Sender, b.Sender), cmp.Compare(a.Reason, b.Reason))
	})
	return list, more
}
