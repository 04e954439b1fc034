package vrrp

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/packet"
)

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
	one := stranger{sender: adv.Source, vrid: adv.VRID, reason: reason, priority: adv.Priority, times: 1, first: now, last: now}
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
