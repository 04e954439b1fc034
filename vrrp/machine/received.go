package machine

import (
	"net/netip"
	"time"

	"github.com/lvs-director/director/event"
)

// received handles an advertisement that passed every receive check. Only
// BACKUP and MASTER act on it.
func (m *Machine) received(now time.Time, adv Advert, effects []Effect) []Effect {
	if m.owner() {
		if m.p.OwnerIgnoreAdverts {
			return effects
		}
		if adv.Priority == Owner && (m.state == event.Backup || m.state == event.Master) {
			effects = noted(TwoOwners, adv, effects)
		}
	}
	switch m.state {
	case event.Backup:
		return m.receivedAsBackup(now, adv, effects)
	case event.Master:
		if m.Overslept(now) && m.yieldsWhenLate() {
			effects = m.withdraw(now, cause{reason: WokeLate}, effects)
			return m.receivedAsBackup(now, adv, effects)
		}
		return m.receivedAsMaster(now, adv, effects)
	}
	return effects
}

func noted(reason Reason, adv Advert, effects []Effect) []Effect {
	return append(effects, Effect{Kind: Noted, Reason: reason, Adv: adv})
}

// receivedAsBackup implements RFC 9568 section 6.4.2 with keepalived's preempt_delay.
func (m *Machine) receivedAsBackup(now time.Time, adv Advert, effects []Effect) []Effect {
	if adv.Priority == 0 {
		if m.awaits == awaitsTakeover {
			return effects // another router that resigns must not shorten the wait for a successor
		}
		m.awaits, m.master = awaitsSuccessor, netip.Addr{}
		return m.setTimer(DownTimer, now.Add(m.Skew()), effects)
	}
	if adv.Priority >= m.priority {
		// A better master cancels preempt_delay; the next one with lower priority starts it again.
		m.delayOver = false
		effects = m.stopTimer(PreemptTimer, effects)
		return m.follow(now, adv, effects)
	}
	if !m.preempts() {
		return m.follow(now, adv, effects)
	}
	if delay := m.preemptDelay(); delay > 0 && !m.delayOver {
		if !m.running(PreemptTimer) {
			effects = m.setTimer(PreemptTimer, now.Add(delay), effects)
		}
		return m.follow(now, adv, effects)
	}
	// DownTimer keeps running: this router preempts when it expires.
	m.master = adv.Source
	if m.awaits == awaitsAdvertisement {
		m.awaits = awaitsPreemption
	}
	return noted(LowerPriority, adv, effects)
}

// follow accepts the sender of adv as the master.
func (m *Machine) follow(now time.Time, adv Advert, effects []Effect) []Effect {
	effects = m.learn(adv, effects)
	return m.setDownTimer(now, effects)
}

// learn stores the master and, in version 3, its interval (RFC 9568 section
// 6.4.2). A change to an interval that differs from ours is noted.
func (m *Machine) learn(adv Advert, effects []Effect) []Effect {
	m.master = adv.Source
	if m.p.Version == 2 || adv.Interval <= 0 {
		return effects
	}
	if adv.Interval != m.p.AdvertInterval && adv.Interval != m.interval {
		effects = noted(IntervalMismatch, adv, effects)
	}
	m.interval, m.heard = adv.Interval, true
	return effects
}

// receivedAsMaster implements RFC 9568 section 6.4.3. A MASTER yields to a
// better router even with nopreempt, which applies to BACKUP only.
func (m *Machine) receivedAsMaster(now time.Time, adv Advert, effects []Effect) []Effect {
	if adv.Priority == 0 {
		if !m.mayAnswer(now) {
			return effects
		}
		effects = m.advertise(effects)
		return m.setTimer(AdverTimer, now.Add(m.p.AdvertInterval), effects)
	}
	// Addresses of one family compare as unsigned numbers in network order.
	order := adv.Source.Compare(m.p.Source)
	switch {
	case adv.Priority > m.priority:
		return m.yield(now, adv, HigherPriority, effects)
	case adv.Priority == m.priority && order > 0:
		return m.yield(now, adv, HigherAddress, effects)
	case adv.Priority == m.priority && order == 0:
		// Do not answer: if our own packets loop back, each answer would cause another.
		return noted(SameAddress, adv, effects)
	}
	if !m.p.LowerPrioNoAdvert && m.mayAnswer(now) {
		effects = m.advertise(effects)
	}
	effects = m.announceAgainstLower(now, effects)
	return noted(LowerPriority, adv, effects)
}

// maxAnswers is how many advertisements a MASTER answers in one interval. A real
// virtual router has fewer claimants; the limit keeps a flood from making this
// router send one multicast for each packet.
const maxAnswers = 8

// mayAnswer counts one more answer and reports whether it is within maxAnswers.
func (m *Machine) mayAnswer(now time.Time) bool {
	if m.answering.IsZero() || now.Sub(m.answering) >= m.p.AdvertInterval {
		m.answering, m.answers = now, 0
	}
	m.answers++
	return m.answers <= maxAnswers
}

// yield becomes BACKUP and follows the sender of adv.
func (m *Machine) yield(now time.Time, adv Advert, reason Reason, effects []Effect) []Effect {
	if m.p.HigherPrioSendAdvert || m.p.Reunite && m.missed.IsValid() && adv.Source == m.missed {
		effects = m.advertise(effects)
	}
	effects = m.stopAllTimers(effects)
	effects = append(effects, Effect{Kind: ReleaseAddresses})
	m.delayOver = false
	effects = m.follow(now, adv, effects)
	return m.changed(event.Backup, event.Backup, cause{reason: reason, adv: adv}, effects)
}
