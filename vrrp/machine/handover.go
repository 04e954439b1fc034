package machine

import (
	"net/netip"
	"time"

	"github.com/lvs-director/director/event"
)

// A mastership that is handed over on purpose goes to whoever wants it: the
// MASTER gives it away with priority 0 and then follows any other router, as
// with nopreempt, the address owner too, until it is asked to take part again.
// It never leaves the addresses to nobody: when no other router is heard
// within Skew_Time and one interval, and whenever a master falls silent later,
// it takes over and the hand-over is at its end.

// HandedOver says whether the machine leaves the mastership to others.
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
		m.awaits = awaitsTaker
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

// takePart ends a hand-over. A BACKUP preempts again, if it is configured to,
// as it would have before.
func (m *Machine) takePart(effects []Effect) []Effect {
	m.handedOver = false
	if m.awaits == awaitsTaker {
		m.awaits = awaitsAdvertisement
	}
	return effects
}
