package vrrp

import (
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/vrrp/announce"
	"github.com/lvs-director/director/vrrp/resource"
)

// Which addresses are announced, and when. How they leave is in package announce.

// announceAll has all addresses announced, each as soon as it is there.
func (e *Engine) announceAll(i *instance, count int) {
	if count == 0 {
		return
	}
	i.announce, i.announced = max(i.announce, count), nil
	e.announce(i)
}

// announce has those announced that are still to be, once all are there.
func (e *Engine) announce(i *instance) {
	if i.announce == 0 || i.done != i.seq {
		return
	}
	keys := make([]resource.Key, 0, len(i.addresses))
	for _, a := range i.addresses {
		if k := resource.KeyOfAddress(a); !i.missing[k] && !i.announced[k] {
			keys = append(keys, k)
		}
	}
	e.announceJob(announce.Job{Owner: i.id, Count: i.announce, Also: i.announced != nil}, keys)
	i.announce, i.announced = 0, nil
}

// announcePart announces addresses that are there while others of the instance
// are not yet.
func (e *Engine) announcePart(i *instance, ready []resource.Key) {
	also := i.announced != nil
	if !also {
		i.announced = make(map[resource.Key]bool, len(i.addresses))
	}
	keys := slices.DeleteFunc(slices.Clone(ready), func(k resource.Key) bool { return i.announced[k] })
	for _, k := range keys {
		i.announced[k] = true
	}
	e.announceJob(announce.Job{Owner: i.id, Count: i.announce, Also: also}, keys)
}

// announceAlso announces those of the keys that are addresses, beside what is
// still to be announced of the instance.
func (e *Engine) announceAlso(i *instance, keys []resource.Key, count int) {
	e.announceJob(announce.Job{Owner: i.id, Count: count, Also: true}, keys)
}

func (e *Engine) announceJob(job announce.Job, keys []resource.Key) {
	for _, k := range keys {
		a, ok := k.(resource.AddressKey)
		if on := e.interfaces.byName[a.Device]; ok && on != nil && on.Up {
			job.Targets = append(job.Targets, e.pacing.Targets(on.Interface, a.Prefix.Addr())...)
		}
	}
	if len(job.Targets) > 0 {
		e.announcer.Put(job)
	}
}

// stopAnnouncing ends what is left to be announced.
func (e *Engine) stopAnnouncing(i *instance) {
	e.announcer.Put(announce.Job{Owner: i.id}, announce.Job{Owner: i.id, Extra: true})
}

// extraAnnounced says whether an address on an interface belongs to the
// periodic announcements of garp_extra_if: those that leave by another
// interface than the advertisements do, so that nothing else tells switches
// which port its hardware address is behind. Without "all" only addresses on
// virtual MAC interfaces are.
func (e *Engine) extraAnnounced(i *instance, device string) bool {
	switch v := e.vmacs.Named(device); {
	case v == nil:
		return e.extraAll && device != i.cfg.Interface
	case v.Parent == i.cfg.Interface:
		return v != i.via
	}
	return true
}

// scheduleExtra starts or ends the periodic announcements, as an instance has
// its addresses or not.
func (e *Engine) scheduleExtra(i *instance, now time.Time) {
	if every := i.cfg.GARPExtraInterval; i.owns && every > 0 {
		e.deadlines.Set(&i.extra, now.Add(every))
		return
	}
	e.deadlines.Remove(&i.extra)
}

// announceExtra is called when they are due.
func (e *Engine) announceExtra(i *instance, now time.Time) {
	e.scheduleExtra(i, now)
	if !i.owns {
		return
	}
	var keys []resource.Key
	for _, a := range i.addresses {
		if k := resource.KeyOfAddress(a); !i.missing[k] && e.extraAnnounced(i, a.Device) {
			keys = append(keys, k)
		}
	}
	e.announceJob(announce.Job{Owner: i.id, Extra: true, Count: 1}, keys)
}

// announceAgain has the addresses of a MASTER that has some on an interface
// announced anew.
func (e *Engine) announceAgain(i *instance, device string) {
	on := func(a conf.Address) bool { return a.Device == device }
	if !i.owns || e.stopping || !slices.ContainsFunc(i.addresses, on) {
		return
	}
	e.announceAll(i, i.params.GARP.MasterRepeat)
}
