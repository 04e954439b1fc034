package machine

import "fmt"

// Reason is why a transition happened, or what a Noted effect reports.
type Reason uint8

// The reasons.
const (
	NoReason Reason = iota
	StartedUp
	ShutDown
	MasterSilent     // Active_Down_Timer expired
	MasterResigned   // Skew_Time passed after an advertisement with priority 0
	HigherPriority   // advertisement with a higher priority
	HigherAddress    // advertisement with the same priority from a higher address
	TrackedDown      // a tracked object went down: FAULT
	TrackedUp        // all tracked objects are up: end of FAULT
	AddressOwner     // priority 255
	Resumed          // the worker restarted and was MASTER before
	LowerPriority    // advertisement with a lower priority
	SameAddress      // advertisement with our own source address and priority
	PreemptDelayOver // preempt_delay has passed
	IntervalMismatch // version 3: the master's interval differs from ours (RFC 9568 section 7.1)
	Preempting       // Active_Down_Timer expired while a router with lower priority was MASTER
	TwoOwners        // another router claims to own the addresses too (RFC 9568 section 8.3.2)
	GroupMaster      // another member of the sync group became MASTER
	GroupBackup      // another member of the sync group yielded
	HandedOver       // hand-over requested
	NobodyTookOver   // after a hand-over no other router was heard
	WokeLate         // a timer fired so late that another router may have taken over
)

var reasonTexts = [...]string{
	"", "started", "stopped", "no advertisement within the master down interval",
	"the master resigned (priority 0)", "advertisement with higher priority",
	"advertisement with the same priority from a higher address",
	"a tracked object is down", "all tracked objects are up", "address owner",
	"resumed after a restart", "advertisement with lower priority",
	"advertisement with our own address and priority: a loop or a duplicate address",
	"preempt delay is over", "advertisement interval differs from ours",
	"preempting a master with lower priority",
	"another router claims to own the addresses (priority 255)",
	"its sync group became MASTER", "its sync group became BACKUP",
	"mastership handed over on request",
	"mastership handed over, but no other router took over",
	"timer fired so late that another router may have become MASTER (timer_expired_backup)",
}

// String is the text for logs and status.
func (r Reason) String() string {
	if int(r) < len(reasonTexts) {
		return reasonTexts[r]
	}
	return fmt.Sprintf("Reason(%d)", uint8(r))
}

// FollowsPriority says that a transition for this reason is what comes of two priorities.
func (r Reason) FollowsPriority() bool {
	switch r {
	case HigherPriority, HigherAddress, LowerPriority, PreemptDelayOver, Preempting, AddressOwner:
		return true
	}
	return false
}
