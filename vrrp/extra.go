package vrrp

import (
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
)

// extraAnnounced says whether an address belongs to the periodic announcements
// of garp_extra_if: those on other interfaces than the instance's own, where no
// advertisement tells switches which port its hardware address is behind.
// Without "all" only addresses on virtual MAC interfaces are.
func (e *Engine) extraAnnounced(i *instance, device string, vmac bool) bool {
	return device != i.cfg.Interface && (vmac || e.extraAll)
}

// scheduleExtra starts or ends the periodic announcements, as an instance has
// its addresses or not.
func (e *Engine) scheduleExtra(i *instance, now time.Time) {
	if every := i.cfg.GARPExtraInterval; i.owns && every > 0 {
		e.deadlines.set(&i.extra, now.Add(every))
		return
	}
	e.deadlines.remove(&i.extra)
}

// announceExtra is called when they are due.
func (e *Engine) announceExtra(i *instance, now time.Time) {
	e.scheduleExtra(i, now)
	if !i.owns {
		return
	}
	var places []place
	for _, a := range i.addresses {
		if p := placeOf(a); !i.missing[p] && e.extraAnnounced(i, a.Device, a.UseVMAC) {
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
