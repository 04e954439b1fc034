package machine

import (
	"net/netip"
	"time"

	"github.com/lvs-director/director/event"
)

// cause is why a transition happens.
type cause struct {
	reason Reason
	adv    Advert
	detail string
	quiet  bool
}

// changed enters a state and reports the transition to told. The two differ
// only at shutdown: the machine is in Init, and the report says Stop.
func (m *Machine) changed(state, told event.VRRPState, why cause, effects []Effect) []Effect {
	from := m.state
	m.state = state
	return append(effects, Effect{
		Kind: Changed, From: from, To: told,
		Reason: why.reason, Adv: why.adv, Detail: why.detail, Quiet: why.quiet,
	})
}

// advertise sends an advertisement with the effective priority.
func (m *Machine) advertise(effects []Effect) []Effect {
	return append(effects, Effect{Kind: SendAdvertisement, Priority: m.priority})
}

// startup leaves Init (RFC 9568 section 6.4.1).
func (m *Machine) startup(now time.Time, in Input, effects []Effect) []Effect {
	switch {
	case m.state != event.Init:
		return effects
	case m.fault:
		if in.Master {
			effects = append(effects, Effect{Kind: SendAdvertisement, Priority: 0})
		}
		effects = append(effects, Effect{Kind: ReleaseAddresses})
		why := cause{reason: TrackedDown, detail: m.detail, quiet: in.Was == event.Fault}
		return m.changed(event.Fault, event.Fault, why, effects)
	case in.Master:
		return m.becomeMaster(now, cause{reason: Resumed, quiet: true}, effects)
	case m.owner() && !m.handedOver:
		return m.becomeMaster(now, cause{reason: AddressOwner, quiet: in.Was == event.Master}, effects)
	}
	effects = append(effects, Effect{Kind: ReleaseAddresses})
	return m.listen(now, cause{reason: StartedUp, quiet: in.Was == event.Backup}, effects)
}

// listen enters BACKUP without a known master.
func (m *Machine) listen(now time.Time, why cause, effects []Effect) []Effect {
	m.interval, m.heard, m.master = m.p.AdvertInterval, false, netip.Addr{}
	m.delayOver = false
	effects = m.setDownTimer(now, effects)
	return m.changed(event.Backup, event.Backup, why, effects)
}

// shutdown returns to Init (RFC 9568 sections 6.4.2 and 6.4.3).
func (m *Machine) shutdown(effects []Effect) []Effect {
	if m.state == event.Init {
		return effects
	}
	effects = m.resign(effects)
	return m.changed(event.Init, event.Stop, cause{reason: ShutDown}, effects)
}

// resign ends MASTER or BACKUP: it stops all timers, and a MASTER sends priority
// 0 and releases the addresses.
func (m *Machine) resign(effects []Effect) []Effect {
	wasMaster := m.state == event.Master
	if wasMaster {
		effects = append(effects, Effect{Kind: SendAdvertisement, Priority: 0})
	}
	effects = m.stopAllTimers(effects)
	if wasMaster {
		effects = append(effects, Effect{Kind: ReleaseAddresses})
	}
	m.master, m.delayOver = netip.Addr{}, false
	return effects
}

// faultChanged enters or leaves FAULT.
func (m *Machine) faultChanged(now time.Time, in Input, effects []Effect) []Effect {
	m.fault, m.detail = in.Fault, in.Reason
	if !in.Fault {
		m.detail = ""
	}
	switch {
	case in.Fault && (m.state == event.Master || m.state == event.Backup):
		effects = m.resign(effects)
		return m.changed(event.Fault, event.Fault, cause{reason: TrackedDown, detail: in.Reason}, effects)
	case !in.Fault && m.state == event.Fault && m.owner() && !m.handedOver:
		return m.becomeMaster(now, cause{reason: AddressOwner, detail: in.Reason}, effects)
	case !in.Fault && m.state == event.Fault:
		return m.listen(now, cause{reason: TrackedUp, detail: in.Reason}, effects)
	}
	return effects
}

// becomeMaster enters MASTER. The advertisement comes first, so that the
// slower work on addresses does not delay it.
func (m *Machine) becomeMaster(now time.Time, why cause, effects []Effect) []Effect {
	effects = m.advertise(effects)
	effects = append(effects, Effect{Kind: AcquireAddresses})
	effects = m.announce(m.p.GARP.MasterRepeat, effects)
	effects = m.stopTimer(DownTimer, effects)
	effects = m.stopTimer(PreemptTimer, effects)
	m.handedOver, m.awaits = false, awaitsAdvertisement
	m.missed = netip.Addr{}
	if why.reason == MasterSilent || why.reason == GroupMaster {
		m.missed = m.master
	}
	m.interval, m.heard, m.master = m.p.AdvertInterval, false, netip.Addr{}
	m.delayOver, m.lowerAnnounced = false, time.Time{}
	effects = m.setTimer(AdverTimer, now.Add(m.interval), effects)
	effects = m.announceLater(now, garpMaster, m.p.GARP.MasterRepeat, m.p.GARP.MasterDelay, effects)
	effects = m.startRefresh(now, effects)
	return m.changed(event.Master, event.Master, why, effects)
}

// startRefresh sets RefreshTimer, or stops it if garp_master_refresh is off.
func (m *Machine) startRefresh(now time.Time, effects []Effect) []Effect {
	if m.p.GARP.MasterRefresh <= 0 {
		return m.stopTimer(RefreshTimer, effects)
	}
	return m.setTimer(RefreshTimer, now.Add(m.p.GARP.MasterRefresh), effects)
}
