package machine

import (
	"time"

	"github.com/lvs-director/director/event"
)

// priorityChanged takes a new effective priority. A MASTER tells it with its
// next advertisement, as keepalived does; a BACKUP's running timer moves by
// what its skew changes.
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

// reconfigured replaces the parameters in whatever state the machine is.
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

// masterReconfigured stays MASTER and tells what is new at once.
func (m *Machine) masterReconfigured(now time.Time, old Params, effects []Effect) []Effect {
	m.interval = m.p.AdvertInterval
	effects = m.advertise(effects)
	effects = m.setTimer(AdverTimer, now.Add(m.interval), effects)
	if m.p.GARP.MasterRefresh != old.GARP.MasterRefresh {
		effects = m.startRefresh(now, effects)
	}
	return effects
}

// backupReconfigured gives the master a whole new Active_Down_Interval when
// what it is made of has changed: its advertisements may come at another pace
// now. A changed priority alone moves the timer by what the skew changes.
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
