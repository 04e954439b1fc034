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
	detail   string // reason for fault

	// interval is Active_Adver_Interval: that of the master, our own while MASTER.
	interval time.Duration
	heard    bool       // interval was learned from an advertisement
	master   netip.Addr // the router that is MASTER, if it is another one

	// missed is the master whose silence made this router MASTER.
	missed netip.Addr

	awaits awaited // while DownTimer runs

	delayOver bool // preempt_delay has passed and no better master was heard since

	handedOver bool // a hand-over is in force

	deadlines [Timers]time.Time // zero: not running
	garp      [garpBlocks]garpBlock
	// answers counts the advertisements answered since answering; see mayAnswer.
	answers   int
	answering time.Time

	// lowerAnnounced is when announceAgainstLower last announced.
	lowerAnnounced time.Time
}

// New makes a machine in Init; the input Startup starts it.
func New(p Params) *Machine {
	m := &Machine{state: event.Init}
	m.configure(p)
	m.priority = m.p.Priority
	m.interval = m.p.AdvertInterval
	return m
}

// configure sets the parameters, with the defaults of the RFC for missing ones.
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

// Step applies one input at now and appends the resulting effects to effects.
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
	case EndHandOver:
		return m.endHandOver(effects)
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

// Priority is the effective priority, the one that advertisements carry.
func (m *Machine) Priority() uint8 { return m.priority }

// Params are the parameters in force.
func (m *Machine) Params() Params { return m.p }

// Master is the source of the master's last advertisement; the zero Addr if
// this router is MASTER or no master was heard.
func (m *Machine) Master() netip.Addr { return m.master }

// Fault is the last FaultChanged: its Input.Fault, and as detail its
// Input.Reason. Before Startup it does not change the state yet.
func (m *Machine) Fault() (detail string, down bool) { return m.detail, m.fault }

// Deadline is when timer expires; the zero Time if it does not run.
func (m *Machine) Deadline(timer Timer) time.Time {
	if timer >= Timers {
		return time.Time{}
	}
	return m.deadlines[timer]
}

// owner reports whether this router owns the addresses.
func (m *Machine) owner() bool { return m.p.Priority == Owner }

// preempts reports whether a BACKUP replaces a master with lower priority. The
// address owner always preempts (RFC 9568 section 6.1, Preempt_Mode), except
// during a hand-over.
func (m *Machine) preempts() bool { return (m.p.Preempt || m.owner()) && !m.handedOver }

// preemptDelay is how long a BACKUP waits before it preempts; the owner does not wait.
func (m *Machine) preemptDelay() time.Duration {
	if m.owner() {
		return 0
	}
	return m.p.PreemptDelay
}
