package machine

import (
	"net/netip"
	"time"

	"github.com/lvs-director/director/event"
)

// A hand-over gives mastership to any other router: the MASTER resigns with
// priority 0 and then follows any master, as with nopreempt, even as the
// address owner, until the hand-over ends. The addresses never stay without a
// master: if no other router is heard within Skew_Time and one interval, or if
// the master falls silent later, this router takes over and the hand-over ends.

// HandedOver reports whether a hand-over is in force.
func (m *Machine) HandedOver() bool { return m.handedOver }

// handOver begins a hand-over.
func (m *Machine) handOver(now time.Time, effects []Effect) []Effect {
	if m.handedOver {
		return effects
	}
	m.handedOver = true
	switch m.state {
	case event.Master:
		effects = m.resign(effects)
		m.interval, m.heard = m.p.AdvertInterval, false
		m.awaits = awaitsTakeover
		effects = m.setTimer(DownTimer, now.Add(m.Skew()+m.interval), effects)
		return m.changed(event.Backup, event.Backup, cause{reason: HandedOver}, effects)
	case event.Backup:
		effects = m.stopTimer(PreemptTimer, effects)
		m.delayOver = false
		if m.awaits == awaitsPreemption {
			m.master = netip.Addr{}
			return m.setDownTimer(now, effects)
		}
	}
	return effects
}

// endHandOver ends a hand-over. A BACKUP that is configured to preempt does so
// again.
func (m *Machine) endHandOver(effects []Effect) []Effect {
	m.handedOver = false
	if m.awaits == awaitsTakeover {
		m.awaits = awaitsAdvertisement
	}
	return effects
}
