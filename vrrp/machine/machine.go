package machine

import (
	"net/netip"
	"time"

	"github.com/lvs-director/director/event"
)

// Machine is the state of one virtual router. The zero value is not usable.
// It belongs to one goroutine.
type Machine struct {
	p        Params
	state    event.VRRPState
	priority uint8 // effective
	fault    bool
	detail   string // why fault

	// interval is the master's: Active_Adver_Interval. Own one while MASTER.
	interval time.Duration
	heard    bool       // interval was learned from an advertisement
	master   netip.Addr // who is MASTER, when another is

	// missed is the master whose silence made this router MASTER.
	missed netip.Addr

	awaits awaited // what becomes of the master, while DownTimer runs

	delayOver bool // preempt_delay has passed and no better master was heard since

	handedOver bool // the mastership is left to others

	deadlines [Timers]time.Time // zero: not running
	garp      [garpBlocks]garpBlock
	// answers were given to advertisements since answering began; see answer.
	answers   int
	answering time.Time

	// lowerAnnounced is when a losing advertisement was last answered by announcements.
	lowerAnnounced time.Time
}

// New makes a machine in Init; Startup begins.
func New(p Params) *Machine {
	m := &Machine{state: event.Init}
	m.configure(p)
	m.priority = m.p.Priority
	m.interval = m.p.AdvertInterval
	return m
}

// configure takes parameters over, with the defaults of the RFC for what is missing.
func (m *Machine) configure(p Params) {
	if p.Version != 2 {
		p.Version = 3
	}
	if p.Priority == 0 {
		p.Priority = 100
	}
	if p.AdvertInterval <= 0 {
		p.AdvertInterval = time.Second
	}
	if p.DownTimerAdverts <= 0 {
		p.DownTimerAdverts = 3
	}
	m.p = p
}

// Step applies one input at now and appends what has to be done to effects.
func (m *Machine) Step(now time.Time, in Input, effects []Effect) []Effect {
	switch in.Kind {
	case Startup:
		return m.startup(now, in, effects)
	case Shutdown:
		return m.shutdown(effects)
	case TimerFired:
		return m.timerFired(now, in.Timer, effects)
	case Received:
		return m.received(now, in.Adv, effects)
	case FaultChanged:
		return m.faultChanged(now, in, effects)
	case PriorityChanged:
		return m.priorityChanged(now, in.Priority, effects)
	case JoinMaster:
		return m.joinMaster(now, in.Reason, effects)
	case HandOver:
		return m.handOver(now, effects)
	case TakePart:
		return m.takePart(effects)
	case Woke:
		return m.woke(in.Slept, effects)
	case JoinBackup:
		return m.joinBackup(now, in.Reason, effects)
	case Reconfigured:
		if in.Params != nil {
			return m.reconfigured(now, *in.Params, in.Priority, effects)
		}
	}
	return effects
}

// State is Init, Backup, Master or Fault.
func (m *Machine) State() event.VRRPState { return m.state }

// Priority is the effective one, as advertisements carry it.
func (m *Machine) Priority() uint8 { return m.priority }

// Params are the parameters in force.
func (m *Machine) Params() Params { return m.p }

// Master is the address of the router that is MASTER, as last heard; the zero
// Addr when it is this one or none was heard.
func (m *Machine) Master() netip.Addr { return m.master }

// Fault says what holds the machine in FAULT, or would: the Input.Reason.
func (m *Machine) Fault() (detail string, down bool) { return m.detail, m.fault }

// Deadline is when timer fires; zero when it does not run.
func (m *Machine) Deadline(timer Timer) time.Time {
	if timer >= Timers {
		return time.Time{}
	}
	return m.deadlines[timer]
}

// owner says whether the addresses are this router's own.
func (m *Machine) owner() bool { return m.p.Priority == Owner }

// preempts says whether a master with lower priority is replaced: the owner
// always does (RFC 9568 section 6.1, Preempt_Mode), and nobody who has handed
// the mastership over.
func (m *Machine) preempts() bool { return (m.p.Preempt || m.owner()) && !m.handedOver }

// preemptDelay is how long a master with lower priority is let be.
func (m *Machine) preemptDelay() time.Duration {
	if m.owner() {
		return 0
	}
	return m.p.PreemptDelay
}
