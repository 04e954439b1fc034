package vrrp

import (
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
)

// extraAnnounced says whether an address on an interface belongs to the
// periodic announcements of garp_extra_if: those that leave by another
// interface than the advertisements do, so that nothing else tells switches
// which port its hardware address is behind. Without "all" only addresses on
// virtual MAC interfaces are.
func (e *Engine) extraAnnounced(i *instance, device string) bool {
	switch v := e.vmacs.byName[device]; {
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
	var places []place
	for _, a := range i.addresses {
		if p := placeOf(a); !i.missing[p] && e.extraAnnounced(i, a.Device) {
			places = append(places, p)
		}
	}
	e.announcePlaces(announceJob{key: i.key, extra: true, count: 1}, places)
}

// announceAgain has the addresses of a MASTER that has some on an interface
// announced anew.
func (e *Engine) announceAgain(i *instance, device string) {
	if !i.owns || e.stopping || !slices.ContainsFunc(i.addresses, func(a conf.Address) bool { return a.Device == device }) {
		return
	}
	i.announce = max(i.announce, i.params.GARP.MasterRepeat)
	e.announce(i)
}
