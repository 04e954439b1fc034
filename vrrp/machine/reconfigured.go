package machine

import (
	"time"

	"github.com/lvs-director/director/event"
)

// priorityChanged sets the effective priority. A MASTER advertises it at the
// next interval, as keepalived does; a BACKUP moves its down timer by the
// change of Skew_Time.
func (m *Machine) priorityChanged(now time.Time, priority uint8, effects []Effect) []Effect {
	if m.owner() {
		return effects
	}
	before := m.Skew()
	m.priority = min(max(priority, 1), Owner-1)
	if m.state == event.Backup {
		effects = m.shiftTimer(now, DownTimer, m.Skew()-before, effects)
	}
	return effects
}

// reconfigured replaces the parameters and keeps the state.
func (m *Machine) reconfigured(now time.Time, p Params, priority uint8, effects []Effect) []Effect {
	old := m.p
	skew := m.Skew()
	m.configure(p)
	m.priority = m.p.Priority
	if priority != 0 && !m.owner() {
		m.priority = min(priority, Owner-1)
	}
	switch m.state {
	case event.Master:
		return m.masterReconfigured(now, old, effects)
	case event.Backup:
		return m.backupReconfigured(now, old, skew, effects)
	}
	m.interval = m.p.AdvertInterval
	return effects
}

// masterReconfigured advertises the new parameters at once.
func (m *Machine) masterReconfigured(now time.Time, old Params, effects []Effect) []Effect {
	m.interval = m.p.AdvertInterval
	effects = m.advertise(effects)
	effects = m.setTimer(AdverTimer, now.Add(m.interval), effects)
	if m.p.GARP.MasterRefresh != old.GARP.MasterRefresh {
		effects = m.startRefresh(now, effects)
	}
	return effects
}

// backupReconfigured restarts the down timer if one of its parameters has
// changed, because the master may advertise at another interval now. If only
// the priority has changed, it moves the timer by the change of Skew_Time.
func (m *Machine) backupReconfigured(now time.Time, old Params, skew time.Duration, effects []Effect) []Effect {
	if m.p.Version == 2 || !m.heard || old.Version != m.p.Version {
		m.interval, m.heard = m.p.AdvertInterval, false
	}
	if m.p.Version != old.Version || m.p.AdvertInterval != old.AdvertInterval ||
		m.p.DownTimerAdverts != old.DownTimerAdverts {
		effects = m.setDownTimer(now, effects)
	} else {
		effects = m.shiftTimer(now, DownTimer, m.Skew()-skew, effects)
	}
	if !m.preempts() || m.preemptDelay() == 0 {
		return m.stopTimer(PreemptTimer, effects)
	}
	return m.shiftTimer(now, PreemptTimer, m.p.PreemptDelay-old.PreemptDelay, effects)
}
