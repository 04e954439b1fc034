package machine

import "time"

// AdvertInterval is Active_Adver_Interval: our own interval while MASTER and in
// version 2, else the one last heard from the master.
func (m *Machine) AdvertInterval() time.Duration { return m.interval }

// Skew is Skew_Time (RFC 9568 section 6.1; RFC 3768 section 6.1 for version 2,
// where it does not depend on the interval). It is not rounded to centiseconds:
// at an interval of one centisecond all priorities would have the same skew.
func (m *Machine) Skew() time.Duration {
	unit := m.interval
	if m.p.Version == 2 {
		unit = time.Second
	}
	return time.Duration(256-int(m.priority)) * unit / 256
}

// MasterDownInterval is Active_Down_Interval: how long the master may be silent
// before a BACKUP takes over.
func (m *Machine) MasterDownInterval() time.Duration {
	return time.Duration(m.p.DownTimerAdverts)*m.interval + m.Skew()
}

// EarlyAdvertisement is how much earlier than due an advertisement may leave, so
// that the engine can send it in a batch with others.
func EarlyAdvertisement(interval time.Duration) time.Duration {
	return min(time.Millisecond, interval/100)
}

func (m *Machine) running(timer Timer) bool { return !m.deadlines[timer].IsZero() }

func (m *Machine) setTimer(timer Timer, at time.Time, effects []Effect) []Effect {
	m.deadlines[timer] = at
	return append(effects, Effect{Kind: SetTimer, Timer: timer, At: at})
}

func (m *Machine) stopTimer(timer Timer, effects []Effect) []Effect {
	if !m.running(timer) {
		return effects
	}
	m.deadlines[timer] = time.Time{}
	return append(effects, Effect{Kind: StopTimer, Timer: timer})
}

func (m *Machine) stopAllTimers(effects []Effect) []Effect {
	for timer := range Timers {
		effects = m.stopTimer(timer, effects)
	}
	m.garp = [garpBlocks]garpBlock{}
	return effects
}

// shiftTimer moves the deadline of a running timer by d, but not before now.
func (m *Machine) shiftTimer(now time.Time, timer Timer, d time.Duration, effects []Effect) []Effect {
	if d == 0 || !m.running(timer) {
		return effects
	}
	at := m.deadlines[timer].Add(d)
	if at.Before(now) {
		at = now
	}
	return m.setTimer(timer, at, effects)
}

// setDownTimer sets Active_Down_Timer to a full Active_Down_Interval.
func (m *Machine) setDownTimer(now time.Time, effects []Effect) []Effect {
	m.awaits = awaitsAdvertisement
	return m.setTimer(DownTimer, now.Add(m.MasterDownInterval()), effects)
}

// timerFired acts only if the timer still runs and is due: the engine may report
// a timer that an effect of the same moment has stopped or moved.
func (m *Machine) timerFired(now time.Time, timer Timer, effects []Effect) []Effect {
	if timer >= Timers || !m.running(timer) {
		return effects
	}
	due := m.deadlines[timer]
	early := time.Duration(0)
	if timer == AdverTimer {
		early = EarlyAdvertisement(m.interval)
	}
	if now.Before(due.Add(-early)) {
		return m.setTimer(timer, due, effects)
	}
	overslept := m.Overslept(now)
	m.deadlines[timer] = time.Time{}
	switch timer {
	case AdverTimer:
		return m.advertisementDue(now, due, overslept, effects)
	case DownTimer:
		return m.masterDown(now, effects)
	case PreemptTimer:
		return m.preemptDelayOver(effects)
	case GARPTimer:
		return m.announceDue(now, effects)
	case RefreshTimer:
		return m.refreshDue(now, due, effects)
	}
	return effects
}

// advertisementDue handles AdverTimer (Adver_Timer of RFC 9568 section 6.4.3).
func (m *Machine) advertisementDue(now, due time.Time, overslept bool, effects []Effect) []Effect {
	if overslept && m.yieldsWhenLate() {
		return m.withdraw(now, cause{reason: WokeLate}, effects)
	}
	effects = m.advertise(effects)
	return m.setTimer(AdverTimer, next(now, due, m.p.AdvertInterval), effects)
}

// masterDown handles DownTimer (Active_Down_Timer of RFC 9568 section 6.4.2).
func (m *Machine) masterDown(now time.Time, effects []Effect) []Effect {
	return m.becomeMaster(now, cause{reason: m.awaits.reason()}, effects)
}

// preemptDelayOver handles PreemptTimer: from now on advertisements with lower
// priority no longer restart DownTimer.
func (m *Machine) preemptDelayOver(effects []Effect) []Effect {
	m.delayOver = true
	return append(effects, Effect{Kind: Noted, Reason: PreemptDelayOver})
}

// refreshDue handles RefreshTimer (garp_master_refresh).
func (m *Machine) refreshDue(now, due time.Time, effects []Effect) []Effect {
	effects = m.announce(max(m.p.GARP.RefreshRepeat, 1), effects)
	return m.setTimer(RefreshTimer, next(now, due, m.p.GARP.MasterRefresh), effects)
}

// next is the deadline that follows due. It stays in phase with due if the timer
// fired a little early or late. After a longer delay it restarts from now, so
// that missed deadlines do not fire in a burst.
func next(now, due time.Time, interval time.Duration) time.Time {
	if at := due.Add(interval); at.After(now) {
		return at
	}
	return now.Add(interval)
}
