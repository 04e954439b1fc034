package rollout

import "slices"

// A stop ends one worker after the other: mastership and addresses first, so
// that the peer takes over; then the services, which no client reaches any more.

func (m *Machine) stop(in Stop) {
	if m.Stopping() {
		return
	}
	m.service, m.serving = stopping, in.Withdrawing
	switch m.upgrade.step {
	case trying:
		m.answerUpgrade("director is stopping")
	case preparing, executing:
		m.emit(UpgradeFailed{"director is stopping"})
	}
	m.upgrade = upgrade{}
	m.renewal = renewal{}
	m.ending = slices.Clone(m.processes)
	slices.Reverse(m.ending)
}

// endNext ends the next worker when the one before has ended.
func (m *Machine) endNext() {
	if m.service != stopping {
		return
	}
	for len(m.ending) > 0 {
		p := m.ending[0]
		if p.name == LVS && m.serving {
			return
		}
		switch p.phase {
		case Running, Starting:
			p.phase = Finishing
			m.patience = NewPatience(m.now, FinishPatience, FinishLimit)
			m.emit(Finish{p.name, p.pid})
			return
		case Finishing:
			if !m.patience.IsOver(m.now) {
				return
			}
			m.emit(Kill{p.name, p.pid, "it does not end by itself"})
			p.pid = 0 // it may take its time, in the kernel
			m.releaseLast(p)
		case Absent, Waiting, GivenUp:
			if p.phase == Waiting && p.err == nil && p.atWork() {
				p.phase = Ended // it ended in good order, a moment before it was asked to
				continue
			}
			m.releaseLast(p)
		case Releasing:
			return
		case Ended:
			m.ending = m.ending[1:]
		}
	}
	m.service = stopped
	m.emit(Exit{})
}

// finished is the end of a worker that was asked to end.
func (m *Machine) finished(p *process) {
	if p.err == nil && p.atWork() {
		p.phase = Ended
		return
	}
	m.releaseLast(p)
}

// releaseLast removes what a worker left that did not end in good order, unless
// it is to be kept.
func (m *Machine) releaseLast(p *process) {
	if slices.Contains(m.options.Keep, p.name) {
		p.phase = Ended
		return
	}
	p.phase = Releasing
	m.emit(Release{p.name, "no worker is there to clean up after itself"})
}
