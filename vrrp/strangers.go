package vrrp

import (
	"cmp"
	"fmt"
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
	// contested is an address in its advertisements that this host has, and
	// since when; looked is when they were last looked at.
	contested     netip.Addr
	since, looked time.Time
	// stays is how long after its last advertisement that counts.
	stays time.Duration
}

// heard notes a refused packet. The one heard longest ago makes room. It returns
// who has sent it, nil without room.
func (s *strangers) heard(adv *packet.Advertisement, reason packet.DropReason, now time.Time) *stranger {
	if !adv.Source.IsValid() || adv.VRID == 0 || reason == packet.OwnSource {
		return nil
	}
	oldest := 0
	for n := range s.list {
		k := &s.list[n]
		if k.sender == adv.Source && k.vrid == adv.VRID && k.reason == reason {
			k.priority, k.last = adv.Priority, now
			k.times++
			return k
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
		return &s.list[len(s.list)-1]
	case now.Sub(s.list[oldest].last) > strangerStays:
		s.list[oldest] = one
		return &s.list[oldest]
	}
	s.more++
	return nil
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
			if k.contested.IsValid() {
				one.Contested = k.contested.String()
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

const (
	// lookAtContested is how often the addresses of a stranger are looked at.
	lookAtContested = time.Second
	// silentIntervals is how many advertisement intervals of its own a virtual router
	// may be silent before it counts as gone (RFC 9568 6.1, Master_Down_Interval).
	silentIntervals = 3
)

// contest looks whether another virtual router advertises an address that this
// host has: then two hosts answer for it, and neither yields to the other.
func (e *Engine) contest(k *stranger, now time.Time) {
	if k == nil || k.reason != packet.UnknownVRID || now.Sub(k.looked) < lookAtContested {
		return
	}
	before := k.contested
	k.looked, k.contested = now, netip.Addr{}
	if n := slices.IndexFunc(e.adv.Addresses, e.ownsVirtual); n >= 0 {
		k.contested = e.adv.Addresses[n]
	} else {
		k.contested = e.interfaces.ownAmong(e.adv.Addresses)
	}
	if k.contested == before {
		return
	}
	k.since = now
	if k.contested.IsValid() {
		k.stays = max(strangerStays, silentIntervals*e.adv.Interval)
		// Its sender chooses what is in it: he must not fill the log.
		if _, ok := e.limits.allow("shared address "+k.contested.String(), now); ok {
			e.log.Warn("another virtual router advertises an address of this host: two hosts answer for it",
				"address", k.contested.String(), "sender", k.sender.String(), "vrid", int(k.vrid))
		}
		e.checkLater(now.Add(strangerStays))
	}
	e.tellProblems()
}

// ownsVirtual says whether a MASTER on this host has an address.
func (e *Engine) ownsVirtual(a netip.Addr) bool {
	return slices.ContainsFunc(e.virtual[a], func(i *instance) bool { return i.owns })
}

// hasAddress says whether an address is on this host, or is about to be.
func (e *Engine) hasAddress(a netip.Addr) bool {
	return e.ownsVirtual(a) || e.interfaces.ownAmong([]netip.Addr{a}).IsValid()
}

// ownAmong is one of some addresses that is an interface's own; none is the zero Addr.
func (t *interfaces) ownAmong(list []netip.Addr) netip.Addr {
	wanted := make(map[netip.Addr]bool, len(list))
	for _, a := range list {
		wanted[a] = true
	}
	for _, i := range t.byIndex {
		for p := range i.addrs {
			if wanted[p.Addr()] {
				return p.Addr()
			}
		}
	}
	return netip.Addr{}
}

// sharedAddresses are the addresses that another virtual router advertises and
// that are on this host, as problems.
func (e *Engine) sharedAddresses(now time.Time) (list []event.Problem) {
	for _, s := range e.sockets {
		for n := range s.strangers.list {
			k := &s.strangers.list[n]
			if !k.contested.IsValid() {
				continue
			}
			if now.Sub(k.last) >= k.stays || !e.hasAddress(k.contested) {
				k.contested = netip.Addr{}
				continue
			}
			p := event.Problem{Kind: event.Shared, Object: "address " + k.contested.String(), Times: 1,
				Since: k.since.Round(0),
				Error: fmt.Sprintf("%s advertises it as virtual router %d on %s", k.sender, k.vrid, s.device)}
			for _, i := range e.virtual[k.contested] {
				if i.owns {
					p.Instances = append(p.Instances, i.cfg.Name)
				}
			}
			list = append(list, p)
		}
	}
	slices.SortFunc(list, func(a, b event.Problem) int {
		return cmp.Or(cmp.Compare(a.Object, b.Object), cmp.Compare(a.Error, b.Error))
	})
	return list
}
