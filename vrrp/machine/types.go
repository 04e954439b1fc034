package machine

import (
	"net/netip"
	"time"

	"github.com/lvs-director/director/event"
)

// Owner is the priority of the router that owns the addresses (RFC 9568 section 5.2.4).
const Owner = 255

// Params is what the rules need of an instance's configuration.
type Params struct {
	Version  uint8      // 2 or 3
	Priority uint8      // configured priority, 1..255
	Source   netip.Addr // primary address our advertisements leave from: breaks ties
	// AdvertInterval is Advertisement_Interval.
	AdvertInterval   time.Duration
	DownTimerAdverts int // advertisements that may be missed, 3 in the RFC

	Preempt      bool
	PreemptDelay time.Duration

	LowerPrioNoAdvert    bool
	HigherPrioSendAdvert bool
	OwnerIgnoreAdverts   bool
	// Reunite: a MASTER that yields to the very master whose silence had made
	// it MASTER sends one advertisement first. Where the silence was a broken
	// link, the other one never knew that there were two masters; now it does,
	// and tells the neighbours again where the addresses are.
	Reunite bool
	// TimerExpiredBackup, without Preempt: a MASTER of at most this priority
	// that wakes up so late that a BACKUP may have taken over becomes BACKUP
	// itself; 0 is off (keepalived's timer_expired_backup).
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

// InputKind says what happened.
type InputKind uint8

// What can happen to a machine.
const (
	// Startup begins: Input.Master resumes MASTER (a restarted worker). Input.Was is
	// the state in the process that died: to be in it again is quiet.
	// Otherwise addresses that a crashed predecessor left behind are released
	// first. What was said before Startup (FaultChanged, PriorityChanged) holds.
	Startup InputKind = iota
	// Shutdown ends: a MASTER gives its mastership away with priority 0.
	Shutdown
	// TimerFired: the timer Input.Timer, as set by SetTimer, has expired. One
	// that was stopped meanwhile is ignored, one that was moved is set again.
	// AdverTimer may fire early, by EarlyAdvertisement at most.
	TimerFired
	// Received: Input.Adv arrived and passed every receive check.
	Received
	// FaultChanged: Input.Fault and Input.Reason say whether something the
	// instance tracks is down (its interface, a tracked interface, ...).
	FaultChanged
	// PriorityChanged: Input.Priority is the effective priority from now on
	// (configured one and weights of trackers, 1..254; the owner's never changes).
	PriorityChanged
	// Reconfigured: Input.Params replace the parameters; state is kept. The
	// effective priority becomes Input.Priority, or the configured one when that is 0.
	Reconfigured
	// JoinMaster and JoinBackup: another member of the sync group has changed to
	// that state; Input.Reason says which and why. See Follow.
	JoinMaster
	JoinBackup
	// HandOver gives the mastership to whoever wants it, until TakePart, or
	// until there is nobody else: see HandedOver.
	HandOver
	// TakePart ends a hand-over.
	TakePart
	// Woke: the host was suspended for Input.Slept, which no timer has counted.
	// They are due so much earlier, as if it had been the process that slept.
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
	// PreemptTimer: preempt_delay is over.
	PreemptTimer
	// GARPTimer: the second block of announcements (garp_master_delay, garp_lower_prio_delay).
	GARPTimer
	// RefreshTimer: garp_master_refresh.
	RefreshTimer
	// Timers is their number.
	Timers
)

// Advert is what the rules need of a received advertisement.
type Advert struct {
	Priority uint8
	Interval time.Duration // Max Advertise Interval, never 0
	Source   netip.Addr
}

// Input is one thing that happened.
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

// EffectKind says what has to be done.
type EffectKind uint8

// What a machine asks for.
const (
	// SendAdvertisement with Effect.Priority (0 gives mastership away).
	SendAdvertisement EffectKind = iota
	// SetTimer sets Effect.Timer to Effect.At, replacing its former deadline.
	SetTimer
	// StopTimer cancels Effect.Timer.
	StopTimer
	// AcquireAddresses puts the virtual addresses on their interfaces.
	AcquireAddresses
	// ReleaseAddresses removes them.
	ReleaseAddresses
	// Announce sends Effect.Count gratuitous ARPs for every address, and with
	// Effect.Shared has the others of a sync group do the same.
	Announce
	// Changed reports a transition: Effect.From, Effect.To, Effect.Reason.
	Changed
	// Noted reports something worth a rate-limited line: Effect.Reason.
	Noted
)

// Effect is one thing to do.
type Effect struct {
	Kind     EffectKind
	Priority uint8
	Timer    Timer
	At       time.Time
	Count    int
	Shared   bool
	From, To event.VRRPState
	Reason   Reason
	Adv      Advert // what Reason is about, when it is about an advertisement
	Detail   string // the Input.Reason of a FAULT
	Quiet    bool   // the state was resumed, not reached: nobody is notified
}
