package rollout

import (
	"fmt"
	"time"
)

// After an upgrade the workers are replaced as well, when they run another
// file: one at a time, so that each has the other beside it, and with what the
// supervisor knows, as if they had died.

// renewalStep is how far the replacing of workers has come.
type renewalStep uint8

const (
	// between: the next of those that wait is replaced when nothing else moves.
	between renewalStep = iota
	// replacing: one of them is not back in service yet.
	replacing
	// failed: one of them did not come back in time; the others are left alone.
	failed
)

type renewal struct {
	step    renewalStep
	waiting []Worker
	done    []Worker
	worker  Worker // that is being replaced
	pid     int    // of the one that was replaced
	until   time.Time
	problem string
}

func (r *renewal) busy() bool { return r.step == replacing || r.step == between && len(r.waiting) > 0 }

// Replacing says that workers are being replaced.
func (m *Machine) Replacing() bool { return m.renewal.busy() }

// Replaced are the workers that were replaced after the last upgrade.
func (m *Machine) Replaced() []Worker { return m.renewal.done }

// ReplaceProblem says why workers were not replaced; empty when they were.
func (m *Machine) ReplaceProblem() string { return m.renewal.problem }

// replaceNext goes on when the last one is back in service.
func (m *Machine) replaceNext() {
	r := &m.renewal
	if m.Stopping() || r.step == failed {
		return
	}
	if r.step == replacing {
		p := m.find(r.worker)
		switch {
		case m.backInService(p):
			m.emit(WorkerReplaced{p.name, p.pid, r.pid})
			r.done, r.step = append(r.done, p.name), between
		case !m.now.Before(r.until):
			m.replaceFailed()
			return
		default:
			return
		}
	}
	if len(r.waiting) == 0 || m.table != tableReady {
		return // a reload goes first
	}
	p := m.find(r.waiting[0])
	r.worker, r.waiting = r.waiting[0], r.waiting[1:]
	if p == nil {
		return
	}
	r.step, r.pid, r.until = replacing, p.pid, m.now.Add(ReplacePatience)
	if p.phase == Running { // else it is started with this program anyway
		m.emit(ReplaceWorker{p.name})
	}
}

// backInService says that the successor of the one that was replaced does its work.
func (m *Machine) backInService(p *process) bool {
	return p.phase == Running && p.pid != m.renewal.pid && p.applied == m.generation &&
		(p.name != LVS || m.loaded.Generation == m.generation)
}

func (m *Machine) replaceFailed() {
	r := &m.renewal
	r.step = failed
	r.problem = fmt.Sprintf("the new %s worker is not in service after %v", r.worker, ReplacePatience)
	for _, name := range r.waiting {
		r.problem += fmt.Sprintf("; the %s worker still runs the program before", name)
	}
	m.emit(ReplaceFailed{r.problem})
}
