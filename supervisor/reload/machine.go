package reload

import (
	"slices"
	"time"
)

// phase is what the machine does with a request that comes now.
type phase uint8

const (
	// idle: it is read.
	idle phase = iota
	// readingFile: the file is being read for those who wait.
	readingFile
	// readingFileAgain: somebody asked after the reading had begun. What is
	// being read may be older than his request, so the file is read once more.
	readingFileAgain
	// readingHistory: a configuration of the history is being read for the one
	// who waits.
	readingHistory
	// readingHistoryInVain: a signal asked for the file meanwhile. The rollback
	// is refused, and the file is read next.
	readingHistoryInVain
	// held: another program is about to take over.
	held
	// heldSignalled: a signal asked for the file meanwhile.
	heldSignalled
	// stopped: nothing is read any more.
	stopped
)

// progress is how far the generation in force has come.
type progress uint8

const (
	// deployed: all workers have applied it.
	deployed progress = iota
	// deploying: not yet.
	deploying
	// overdue: not within Patience; those who asked were told so.
	overdue
)

// applying is a request whose configuration is in force, and that is answered
// when the workers have it, or at by.
type applying struct {
	request Request
	by      time.Time
}

// probation is the time in which what is in force has to be confirmed.
type probation struct {
	back  Config // what comes back without a confirmation
	until time.Time
}

// Machine decides what a reload does next. It belongs to one goroutine.
type Machine struct {
	phase      phase
	waiting    []Request // for what is being read
	current    Config
	generation uint64
	progress   progress
	applying   []applying
	signalled  time.Time  // when a signal that waits for the workers is obeyed at the latest; zero: none waits
	probation  *probation // nil when nothing waits for a confirmation
	reloading  bool       // the service manager was told TellReloading last

	now time.Time // of the step that is under way
	out []Effect
}

// New makes a machine with a configuration that is in force as generation 1.
func New(current Config) *Machine { return &Machine{current: current, generation: 1} }

// Resume makes a machine that goes on where another program ended. The signal
// that it had not obeyed has to be told again, as a Request.
func Resume(s State) *Machine {
	m := &Machine{current: s.Current, generation: s.Generation}
	if s.Back != nil {
		m.probation = &probation{back: s.Back, until: s.Until}
	}
	return m
}

// State is what Resume needs.
func (m *Machine) State() State {
	s := State{Generation: m.generation, Current: m.current, Signalled: m.phase == heldSignalled || !m.signalled.IsZero()}
	if m.probation != nil {
		s.Back, s.Until = m.probation.back, m.probation.until
	}
	return s
}

// Generation counts the configurations that were in force, from 1.
func (m *Machine) Generation() uint64 { return m.generation }

// Current is the configuration in force.
func (m *Machine) Current() Config { return m.current }

// Back is what comes into force without a confirmation; nil when nothing does.
func (m *Machine) Back() Config {
	if m.probation == nil {
		return nil
	}
	return m.probation.back
}

// ConfirmUntil is when Back comes into force; zero is never.
func (m *Machine) ConfirmUntil() time.Time {
	if m.probation == nil {
		return time.Time{}
	}
	return m.probation.until
}

// Busy says that a configuration is being read or applied.
func (m *Machine) Busy() bool {
	return m.phase != idle && m.phase != held && m.phase != heldSignalled || m.progress == deploying
}

// Deadline is when the machine wants a Tick; zero is never.
func (m *Machine) Deadline() time.Time {
	var at time.Time
	if m.probation != nil && m.phase == idle {
		at = m.probation.until
	}
	if !m.signalled.IsZero() && m.phase == idle && (at.IsZero() || m.signalled.Before(at)) {
		at = m.signalled
	}
	for _, a := range m.applying {
		if at.IsZero() || a.by.Before(at) {
			at = a.by
		}
	}
	return at
}

// Step takes in what happened at now and appends what has to be done to effects.
func (m *Machine) Step(now time.Time, in Input, effects []Effect) []Effect {
	m.now, m.out = now, effects
	switch in := in.(type) {
	case Asked:
		m.asked(in.Request)
	case Read:
		m.read(in)
	case Deployed:
		m.deployed(in)
	case Confirmed:
		m.confirmed(in.ID)
	case Tick:
		m.answerOverdue()
	case Hold:
		if m.phase == idle {
			m.phase = held
		}
	case Release:
		m.release()
	case Stop:
		m.stop()
	}
	m.obeySignal()
	m.goBackWhenDue()
	if m.reloading && !m.Busy() {
		m.reloading = false
		m.emit(TellReady{})
	}
	effects, m.out = m.out, nil
	return effects
}

// obeySignal reads the file for the signal that came while the workers were busy.
func (m *Machine) obeySignal() {
	if m.signalled.IsZero() || m.phase != idle || m.progress == deploying && m.now.Before(m.signalled) {
		return
	}
	m.signalled = time.Time{}
	m.readForAll(Request{})
}

func (m *Machine) emit(e Effect) { m.out = append(m.out, e) }

// apply puts a configuration in force.
func (m *Machine) apply(c Config, reason Reason, requests []Request) {
	before := m.current
	m.current = c
	m.generation++
	m.progress = deploying
	for _, r := range requests {
		if r.signal() { // the last one is enough
			m.applying = slices.DeleteFunc(m.applying, func(a applying) bool { return a.request.signal() })
		}
		m.applying = append(m.applying, applying{r, m.now.Add(Patience)})
	}
	of := idsOf(requests)
	if reason == NotConfirmed {
		of = nil // nobody asked
	}
	m.emit(Apply{m.generation, c, reason, before, of})
	m.await(before, requests)
	m.emit(Remember{c, reason, before, m.probation != nil})
}

// deployed answers those who asked: what they asked for is in force.
func (m *Machine) deployed(in Deployed) {
	if in.Generation != m.generation || m.progress == deployed || m.phase == stopped {
		return
	}
	m.progress = deployed
	m.emit(InForce{Generation: m.generation, Config: m.current})
	for _, a := range m.applying {
		m.answer(a.request, m.applied(in.Problems, false))
	}
	m.applying = nil
}

// answerOverdue answers those who have waited long enough.
func (m *Machine) answerOverdue() {
	before := len(m.applying)
	m.applying = slices.DeleteFunc(m.applying, func(a applying) bool {
		due := !m.now.Before(a.by)
		if due {
			m.answer(a.request, m.applied(nil, true))
		}
		return due
	})
	if before > 0 && len(m.applying) == 0 && m.progress == deploying {
		m.progress = overdue
		m.emit(InForce{Generation: m.generation, Config: m.current, Overdue: true})
	}
}

func (m *Machine) applied(problems []string, overdue bool) Outcome {
	return Outcome{Applied: true, Config: m.current, Problems: problems, Overdue: overdue, ConfirmUntil: m.ConfirmUntil()}
}

// release obeys the signal that came meanwhile.
func (m *Machine) release() {
	switch m.phase {
	case held:
		m.phase = idle
	case heldSignalled:
		m.phase = idle
		m.asked(Request{})
	}
}

func (m *Machine) stop() {
	if m.phase == stopped {
		return
	}
	m.phase = stopped
	for _, r := range m.waiting {
		m.refuse(r, nil, refusedStopping)
	}
	for _, a := range m.applying {
		m.answer(a.request, m.applied([]string{refusedStopping}, false))
	}
	m.waiting, m.applying, m.reloading, m.signalled = nil, nil, false, time.Time{}
}
