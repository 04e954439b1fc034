package rollout

import (
	"slices"
	"time"
)

// table is how far the IPVS table has come.
type table uint8

const (
	// tableReady: nothing waits for it.
	tableReady table = iota
	// tableFirst: director has just started, and no instance becomes MASTER
	// before it is loaded.
	tableFirst
	// tableNext: the vrrp worker keeps the generation before until it is loaded.
	tableNext
)

// service is how far director has come.
type service uint8

const (
	// beginning: not everything that was configured runs yet.
	beginning service = iota
	// inService: it did, once.
	inService
	// stopping: the workers are ended one after the other.
	stopping
	// stopped: all have ended.
	stopped
)

// process is what the machine knows of a worker.
type process struct {
	name     Worker
	phase    Phase
	pid      int
	restarts int
	since    time.Time
	died     time.Time
	err      error
	deaths   []time.Time
	next     time.Time // when it is started again
	given    uint64
	applied  uint64
	problem  string
	// left: it was handed a configuration since what it left was removed last.
	left bool
	// resumable: its successor may go on where it was.
	resumable bool
	silenced  bool // it was killed because it had stopped answering
	early     int  // deaths in a row of Died.Early
	watch     watch
}

// atWork says that it has applied something in the life that runs, or in the
// last one.
func (p *process) atWork() bool { return p.applied != 0 }

// Machine decides what the workers do next. It belongs to one goroutine.
type Machine struct {
	options   Options
	processes []*process // in the order of Options.Workers

	generation uint64
	undeployed bool // Deployed was not said of generation
	table      table
	tableUntil time.Time // the end of TablePatience
	loaded     Table     // what was said of the table last
	service    service
	ending     []*process // those that a stop has still to end, the first now
	serving    bool       // a stop lets the services stay for now
	patience   Patience   // with the one that was asked to end
	upgrade    upgrade
	renewal    renewal
	round      time.Time // when the last Round was

	now time.Time // of the step that is under way
	out []Effect
}

// New makes a machine. Begin starts the workers.
func New(o Options) *Machine {
	m := &Machine{options: o, generation: 1, undeployed: true}
	for _, name := range o.Workers {
		m.processes = append(m.processes, &process{name: name})
	}
	return m
}

// Resume makes a machine that goes on where another program ended: its workers
// run.
func Resume(o Options, s State) *Machine {
	m := &Machine{options: o, generation: s.Generation, loaded: s.Table, service: inService}
	for _, name := range o.Workers {
		n := slices.IndexFunc(s.Workers, func(w Status) bool { return w.Worker == name })
		if n < 0 {
			continue // it did not have this one
		}
		w := s.Workers[n]
		p := &process{
			name: w.Worker, phase: Running, pid: w.Pid, restarts: w.Restarts, since: w.Since, err: w.Err,
			deaths: w.Deaths, given: s.Generation, applied: w.Applied, problem: w.Problem, left: true,
			watch: watch{lastSent: w.LastSent},
		}
		if w.Watched {
			p.watch.step = alive
		}
		m.processes = append(m.processes, p)
	}
	return m
}

// Generation is the one in force.
func (m *Machine) Generation() uint64 { return m.generation }

// MayMaster says that instances may become MASTER.
func (m *Machine) MayMaster() bool { return m.table != tableFirst }

// InService says that everything that was configured ran at least once.
func (m *Machine) InService() bool { return m.service != beginning }

// Stopping says that the workers are being ended, or have ended.
func (m *Machine) Stopping() bool { return m.service == stopping || m.service == stopped }

// Status is what is known of a worker; ok is false when this director has none
// of that name.
func (m *Machine) Status(name Worker) (s Status, ok bool) {
	p := m.find(name)
	if p == nil {
		return Status{}, false
	}
	return Status{
		Worker: p.name, Phase: p.phase, Pid: p.pid, Restarts: p.restarts, Since: p.since, Died: p.died, Err: p.err,
		Deaths: slices.Clone(p.deaths), Given: p.given, Applied: p.applied, Problem: p.problem,
		LastSent: p.watch.lastSent, Watched: p.watch.step != unheard, Silent: p.watch.unkillable,
	}, true
}

// Workers is the status of all, in the order of Options.Workers.
func (m *Machine) Workers() []Status {
	var list []Status
	for _, p := range m.processes {
		s, _ := m.Status(p.name)
		list = append(list, s)
	}
	return list
}

// State is what Resume needs.
func (m *Machine) State() State {
	return State{Generation: m.generation, Workers: m.Workers(), Table: m.loaded}
}

// Table is what was said of the IPVS table last.
func (m *Machine) Table() Table { return m.loaded }

// Behind are the workers that have not applied the generation in force.
func (m *Machine) Behind() []Worker {
	var list []Worker
	for _, p := range m.processes {
		if p.applied != m.generation || p.phase != Running {
			list = append(list, p.name)
		}
	}
	return list
}

// Deadline is when the machine wants a Tick; zero is never.
func (m *Machine) Deadline() time.Time {
	var at time.Time
	earlier := func(t time.Time) {
		if at.IsZero() || t.Before(at) {
			at = t
		}
	}
	if m.Stopping() {
		if len(m.ending) > 0 && m.ending[0].phase == Finishing {
			earlier(m.patience.Next())
		}
		return at
	}
	if m.table != tableReady {
		earlier(m.tableUntil)
	}
	for _, p := range m.processes {
		if p.phase == Waiting || p.phase == GivenUp {
			earlier(p.next)
		}
	}
	if m.renewal.step == replacing {
		earlier(m.renewal.until)
	}
	return at
}

// Step takes in what happened at now and appends what has to be done to effects.
func (m *Machine) Step(now time.Time, in Input, effects []Effect) []Effect {
	m.now, m.out = now, effects
	switch in := in.(type) {
	case Begin:
		m.begin()
	case Deploy:
		m.deploy(in.Generation)
	case Started:
		m.started(in)
	case Died:
		m.died(in)
	case Applied:
		m.applied(in)
	case TableLoaded:
		m.tableLoaded(in.Table)
	case Released:
		m.released(in)
	case Replace:
		m.renewal = renewal{waiting: in.Workers}
	case UpgradeAsked:
		m.upgradeAsked(in)
	case ProgramTried:
		m.programTried(in)
	case Prepared:
		m.prepared(in.Err)
	case ExecFailed:
		m.execFailed(in.Err)
	case Stop:
		m.stop(in)
	case Withdrawn:
		m.serving = false
	case Heard:
		m.heard(in)
	case Round:
		m.rounds(in)
	case Examined:
		m.examined(in)
	}
	m.proceedWithoutTable()
	m.restartWhoIsDue()
	m.sayDeployed()
	m.sayInService()
	m.replaceNext()
	m.endNext()
	effects, m.out = m.out, nil
	return effects
}

func (m *Machine) emit(e Effect) { m.out = append(m.out, e) }

func (m *Machine) find(name Worker) *process {
	for _, p := range m.processes {
		if p.name == name {
			return p
		}
	}
	return nil
}

// begin starts everything.
func (m *Machine) begin() {
	if m.find(LVS) != nil {
		m.awaitTable(tableFirst)
	}
	for _, p := range m.processes {
		m.start(p)
	}
}

// sayDeployed tells once that the generation in force has reached all workers.
func (m *Machine) sayDeployed() {
	if !m.undeployed || m.Stopping() || len(m.Behind()) > 0 {
		return
	}
	m.undeployed = false
	var problems []string
	for _, p := range m.processes {
		if p.problem != "" {
			problems = append(problems, p.problem)
		}
	}
	if m.loaded.Generation == m.generation && m.loaded.Problem != "" {
		problems = append(problems, m.loaded.Problem)
	}
	m.emit(Deployed{m.generation, problems})
}

// sayInService tells once that director is in service.
func (m *Machine) sayInService() {
	if m.service != beginning || m.table == tableFirst {
		return
	}
	for _, p := range m.processes {
		if p.phase != Running || !p.atWork() {
			return
		}
	}
	m.service = inService
	m.emit(InService{})
}
