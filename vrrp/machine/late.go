package machine

import (
	"net/netip"
	"time"

	"github.com/lvs-director/director/event"
)

// Overslept reports whether a MASTER has sent no advertisement for so long that
// a BACKUP may have taken over: the process did not run, or the host was
// suspended. The caller should then process received advertisements before it
// lets AdverTimer fire.
func (m *Machine) Overslept(now time.Time) bool {
	due := m.deadlines[AdverTimer]
	return m.state == event.Master && !due.IsZero() &&
		now.Sub(due) >= time.Duration(m.p.DownTimerAdverts-1)*m.p.AdvertInterval
}

// yieldsWhenLate reports whether a MASTER that overslept becomes BACKUP
// (timer_expired_backup).
func (m *Machine) yieldsWhenLate() bool { return !m.preempts() && m.priority <= m.p.TimerExpiredBackup }

// withdraw makes a MASTER BACKUP without sending priority 0: another router is
// MASTER already, or is about to be.
func (m *Machine) withdraw(now time.Time, why cause, effects []Effect) []Effect {
	effects = m.stopAllTimers(effects)
	effects = append(effects, Effect{Kind: ReleaseAddresses})
	m.master = netip.Addr{}
	return m.listen(now, why, effects)
}

// woke moves all deadlines earlier by slept, the time that the host was
// suspended and no timer counted. A MASTER that lost enough time has then
// overslept, and a BACKUP's down timer is due.
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
