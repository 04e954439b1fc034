package machine

import (
	"net/netip"
	"time"

	"github.com/lvs-director/director/event"
)

// Owner is the priority of the router that owns the addresses (RFC 9568 section 5.2.4).
const Owner = 255

// Params is the part of an instance's configuration that the state machine uses.
type Params struct {
	Version  uint8      // 2 or 3
	Priority uint8      // configured priority, 1..255
	Source   netip.Addr // our primary address: it decides between equal priorities
	// AdvertInterval is Advertisement_Interval.
	AdvertInterval   time.Duration
	DownTimerAdverts int // missed advertisements until the master is down, 3 in the RFC

	Preempt      bool
	PreemptDelay time.Duration

	LowerPrioNoAdvert    bool
	HigherPrioSendAdvert bool
	OwnerIgnoreAdverts   bool
	// Reunite: a MASTER sends one advertisement before it yields to the master
	// whose silence had made it MASTER. If the silence was a broken link, that
	// router never knew that there were two masters; the advertisement makes it
	// announce its addresses to the neighbours again.
	Reunite bool
	// TimerExpiredBackup applies without Preempt: a MASTER with at most this
	// priority that wakes up so late that a BACKUP may have taken over becomes
	// BACKUP; 0 is off (keepalived's timer_expired_backup).
	TimerExpiredBackup uint8

	GARP GARP
}

// GARP is how often and when addresses are announced; see conf.GARP.
type GARP struct {
	MasterRepeat    int
	MasterDelay     time.Duration
	MasterRefresh   time.Duration
	RefreshRepeat   int
	LowerPrioRepeat int
	LowerPrioDelay  time.Duration
}

// InputKind is the kind of an Input.
type InputKind uint8

// The kinds of inputs.
const (
	// Startup starts the machine. With Input.Master it resumes MASTER (a
	// restarted worker); else it first releases addresses that a crashed
	// predecessor left behind. Input.Was is the state in the process that died:
	// entering that state again is Quiet. FaultChanged and PriorityChanged take
	// effect even before Startup.
	Startup InputKind = iota
	// Shutdown stops the machine: a MASTER resigns with priority 0.
	Shutdown
	// TimerFired: the timer Input.Timer, set by SetTimer, has expired. The
	// machine ignores a timer that was stopped since, and sets one that was
	// moved again. AdverTimer may fire early, by EarlyAdvertisement at most.
	TimerFired
	// Received: Input.Adv arrived and passed every receive check.
	Received
	// FaultChanged: Input.Fault says whether a tracked object is down (the
	// instance's interface, a tracked interface, ...), Input.Reason which.
	FaultChanged
	// PriorityChanged: Input.Priority is the new effective priority, 1..254: the
	// configured priority plus the weights of trackers. The owner's never changes.
	PriorityChanged
	// Reconfigured: Input.Params replaces the parameters; the state is kept. The
	// effective priority becomes Input.Priority, or if that is 0 the configured one.
	Reconfigured
	// JoinMaster and JoinBackup: another member of the sync group has changed to
	// that state; Input.Reason says which and why. See Follow.
	JoinMaster
	JoinBackup
	// HandOver begins a hand-over: see HandedOver. It lasts until EndHandOver, or
	// until this router becomes MASTER because no other one is.
	HandOver
	// EndHandOver ends a hand-over.
	EndHandOver
	// Woke: the host was suspended for Input.Slept, which no timer counted. All
	// deadlines move to that much earlier, as if the process had slept.
	Woke
)

// Timer names a timer of a machine. Each has at most one deadline.
type Timer uint8

// The timers.
const (
	// AdverTimer: MASTER, the next advertisement is due (RFC 9568 section 6.2).
	AdverTimer Timer = iota
	// DownTimer: BACKUP, Active_Down_Timer.
	DownTimer
	// PreemptTimer: BACKUP, preempt_delay.
	PreemptTimer
	// GARPTimer: MASTER, the next pending block of gratuitous ARP
	// (garp_master_delay, garp_lower_prio_delay).
	GARPTimer
	// RefreshTimer: MASTER, garp_master_refresh.
	RefreshTimer
	// Timers is the number of timers.
	Timers
)

// Advert is the part of a received advertisement that the state machine uses.
type Advert struct {
	Priority uint8
	Interval time.Duration // Max Advertise Interval, never 0
	Source   netip.Addr
}

// Input is one event. InputKind documents which fields each kind uses.
type Input struct {
	Kind     InputKind
	Timer    Timer
	Adv      Advert
	Fault    bool
	Reason   string
	Priority uint8
	Master   bool
	Was      event.VRRPState
	Slept    time.Duration
	Params   *Params
}

// EffectKind is the kind of an Effect.
type EffectKind uint8

// The kinds of effects.
const (
	// SendAdvertisement sends an advertisement with Effect.Priority; 0 resigns.
	SendAdvertisement EffectKind = iota
	// SetTimer sets Effect.Timer to Effect.At, replacing its former deadline.
	SetTimer
	// StopTimer stops Effect.Timer.
	StopTimer
	// AcquireAddresses adds the virtual addresses to their interfaces.
	AcquireAddresses
	// ReleaseAddresses removes them.
	ReleaseAddresses
	// Announce sends Effect.Count gratuitous ARPs for every address. With
	// Effect.Shared the other members of the sync group announce too.
	Announce
	// Changed reports a transition: Effect.From, Effect.To, Effect.Reason.
	Changed
	// Noted reports an oddity that deserves a rate-limited log line: Effect.Reason.
	Noted
)

// Effect is one action for the engine. EffectKind documents which fields each
// kind uses.
type Effect struct {
	Kind     EffectKind
	Priority uint8
	Timer    Timer
	At       time.Time
	Count    int
	Shared   bool
	From, To event.VRRPState
	Reason   Reason
	Adv      Advert // the advertisement that caused Reason, if one did
	Detail   string // the Input.Reason of FaultChanged, JoinMaster or JoinBackup
	Quiet    bool   // a resumed state, not a new one: no notification
}
