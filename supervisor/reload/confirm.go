package reload

import "time"

// A configuration that was asked for with Confirm is on probation: unless
// somebody confirms it in time, the one before comes back. The history notes
// it, so that a director that dies and starts in that time does not start with
// it.

// await begins, prolongs or ends the probation. Those who asked said whether
// they want one. A signal says nothing about it; whoever asks without one is
// there and content.
func (m *Machine) await(before Config, requests []Request) {
	var patience time.Duration
	signals := true
	for _, r := range requests {
		signals = signals && r.signal()
		if r.Confirm > 0 && (patience == 0 || r.Confirm < patience) {
			patience = r.Confirm
		}
	}
	switch {
	case patience > 0 && m.probation != nil:
		m.probation.until = m.now.Add(patience)
	case patience > 0:
		m.probation = &probation{back: before, until: m.now.Add(patience)}
	case !signals:
		m.probation = nil
	}
	if m.probation != nil {
		m.emit(AwaitConfirmation{m.probation.back, m.probation.until})
	}
}

// confirmed ends the probation. Until the configuration before is back, it is
// not too late.
func (m *Machine) confirmed(id uint64) {
	waited := m.probation != nil && m.phase != stopped
	if waited {
		m.probation = nil
		m.emit(MarkConfirmed{})
	}
	m.emit(AnswerConfirm{id, waited})
}

// goBackWhenDue puts the configuration before in force when nobody confirmed
// in time. What is being read belongs to somebody, and decides first; another
// program that is about to take over takes the probation along.
func (m *Machine) goBackWhenDue() {
	p := m.probation
	if p == nil || m.phase != idle || m.now.Before(p.until) {
		return
	}
	m.probation = nil
	m.tellReloading()
	m.emit(Unconfirmed{m.current, p.back})
	m.apply(p.back, NotConfirmed, []Request{{}})
}
