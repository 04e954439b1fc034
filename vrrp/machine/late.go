package machine

import (
	"net/netip"
	"time"

	"github.com/lvs-director/director/event"
)

// Overslept says whether a MASTER has sent nothing for so long that a BACKUP
// may have taken over: its process did not run, or its host was suspended. Who
// is asked before its advertisement leaves looks first what was received.
func (m *Machine) Overslept(now time.Time) bool {
	due := m.deadlines[AdverTimer]
	return m.state == event.Master && !due.IsZero() &&
		now.Sub(due) >= time.Duration(m.p.DownTimerAdverts-1)*m.p.AdvertInterval
}

// concedes says whether a MASTER that overslept leaves the mastership to who may
// have taken over.
func (m *Machine) concedes() bool { return !m.preempts() && m.priority <= m.p.TimerExpiredBackup }

// withdraw makes a MASTER BACKUP without a word: another is MASTER already, or
// is about to be.
func (m *Machine) withdraw(now time.Time, why cause, effects []Effect) []Effect {
	effects = m.stopAllTimers(effects)
	effects = append(effects, Effect{Kind: ReleaseAddresses})
	m.master = netip.Addr{}
	return m.listen(now, why, effects)
}

// woke has all timers due by how long the host was suspended earlier: a MASTER
// has overslept then, and a BACKUP looks whether its master is there before it
// claims.
func (m *Machine) woke(slept time.Duration, effects []Effect) []Effect {
	for timer := range Timers {
		if m.running(timer) {
			effects = m.setTimer(timer, m.deadlines[timer].Add(-slept), effects)
		}
	}
	for n := range m.garp {
		if block := &m.garp[n]; !block.at.IsZero() {
			block.at = block.at.Add(-slept)
		}
	}
	return effects
}
