package rollout

import (
	"errors"
	"time"
)

// The lives of a worker: start, death, back-off, giving up.

// errReplaced is how a worker ended that was killed to be replaced: not in good
// order, so what it held is there still.
var errReplaced = errors.New("it was killed to be replaced")

func (m *Machine) start(p *process) {
	if p.phase != Absent {
		p.restarts++
	}
	p.phase = Starting
	m.emit(Start{p.name})
}

func (m *Machine) started(in Started) {
	p := m.find(in.Worker)
	if p == nil || p.phase != Starting && p.phase != Finishing {
		if m.Stopping() {
			m.emit(Kill{in.Worker, in.Pid, "director is stopping"})
		}
		return
	}
	p.pid, p.since = in.Pid, m.now
	p.applied, p.problem = 0, ""
	if p.name == LVS {
		m.loaded = Table{} // that was its predecessor
	}
	if p.phase == Finishing { // a stop came meanwhile
		m.emit(Finish{p.name, p.pid})
		return
	}
	p.phase = Running
	if !p.died.IsZero() {
		m.emit(WorkerRestarted{p.name, p.pid, m.now.Sub(p.died)})
	}
	m.hand(p, true)
}

// manyEarly is how often in a row a worker is started again at once that a signal ended early.
const manyEarly = 20

func (m *Machine) died(in Died) {
	p := m.find(in.Worker)
	if p == nil {
		return
	}
	switch p.phase {
	case Starting, Running, Finishing:
	default:
		return // it was given up waiting for
	}
	if in.Early && p.early < manyEarly && p.phase != Finishing && !m.Stopping() {
		p.early++
		p.pid, p.phase = 0, Starting // as if it had not been started: its predecessor did its work last
		m.emit(Start{p.name})
		return
	}
	lived := time.Duration(0)
	if p.phase != Starting { // else its predecessor did its work last
		lived = m.now.Sub(p.since)
		p.died, p.silenced = m.now, p.watch.step == killed
		p.resumable = !p.silenced || p.name == LVS // the table forwards on
		p.watch = watch{lastSent: p.watch.lastSent}
	}
	pid := p.pid
	p.pid, p.err = 0, in.Err
	if in.Planned && p.err == nil {
		p.err = errReplaced
	}
	switch {
	case p.phase == Finishing:
		m.finished(p)
		return
	case m.Stopping():
		p.phase = Waiting // endNext sees to it
		return
	case in.Planned && !p.silenced:
		p.err = nil
		m.start(p)
		return
	}
	p.deaths = append(p.deaths, m.now)
	if len(p.deaths) > manyDeaths {
		p.deaths = p.deaths[1:]
	}
	wait, tooMany := restartDelay(p.deaths, lived)
	if p.err == nil {
		wait = max(wait, politeRestart)
	}
	p.next = m.now.Add(wait)
	m.emit(WorkerDied{p.name, pid, p.err, wait, tooMany})
	m.rest(p, tooMany)
}

// rest is what a worker does until it is started again.
func (m *Machine) rest(p *process, tooMany bool) {
	p.phase = Waiting
	if tooMany {
		p.phase = GivenUp
	}
	if p.name != VRRP || !p.left || !tooMany && !p.silenced {
		return // the table stays and forwards; addresses are resumed
	}
	why := "the vrrp worker keeps dying"
	if p.silenced {
		why = "the vrrp worker stopped answering"
	}
	p.phase = Releasing
	p.resumable = false
	m.emit(Release{p.name, why})
	m.emit(Lost{p.name, why})
}

// released lets a worker go on to its next life, or to its end.
func (m *Machine) released(in Released) {
	p := m.find(in.Worker)
	if p == nil || p.phase != Releasing {
		return
	}
	if in.Err == nil {
		p.left = false
	}
	p.phase = Waiting
	if _, tooMany := restartDelay(p.deaths, 0); tooMany {
		p.phase = GivenUp
	}
	if m.Stopping() {
		p.phase = Ended
	}
}

// restartWhoIsDue starts those again whose time has come.
func (m *Machine) restartWhoIsDue() {
	if m.Stopping() {
		return
	}
	for _, p := range m.processes {
		if (p.phase == Waiting || p.phase == GivenUp) && !m.now.Before(p.next) {
			m.start(p)
		}
	}
}
