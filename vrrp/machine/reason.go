package machine

import "fmt"

// Reason is why a transition happened, or what was noteworthy.
type Reason uint8

// The reasons.
const (
	NoReason Reason = iota
	StartedUp
	ShutDown
	MasterSilent     // Active_Down_Timer expired
	MasterResigned   // Active_Down_Timer expired after a priority 0
	HigherPriority   // an advertisement of a better router
	HigherAddress    // same priority, higher address
	TrackedDown      // FAULT
	TrackedUp        // out of FAULT
	AddressOwner     // priority 255
	Resumed          // restarted worker that was MASTER
	LowerPriority    // a losing advertisement was heard
	SameAddress      // our own address and priority from somebody else
	PreemptDelayOver // preempt_delay has passed
	IntervalMismatch // version 3: the master's interval is not ours (RFC 9568 section 7.1)
	Preempting       // Active_Down_Timer expired while a master with lower priority was heard
	TwoOwners        // another router claims to own the addresses too (RFC 9568 section 8.3.2)
	GroupMaster      // another member of the sync group became MASTER
	GroupBackup      // another member of the sync group yielded
	HandedOver       // given away on purpose
	NobodyTook       // it was given away and no other router was heard
	WokeLate         // a timer fired so late that another may have taken over
)

var reasonTexts = [...]string{
	"", "started", "stopped", "no advertisement within the master down interval",
	"the master gave up its mastership", "advertisement with higher priority",
	"advertisement with the same priority from a higher address",
	"something tracked is down", "everything tracked is up", "address owner",
	"resumed after a restart", "advertisement with lower priority",
	"advertisement with our own address and priority: a loop or a duplicate address",
	"preempt delay is over", "advertisement interval differs from ours",
	"preempting a master with lower priority",
	"another router claims to own the addresses (priority 255)",
	"its sync group is MASTER", "its sync group is BACKUP",
	"handed over on purpose",
	"handed over, but no other router took over",
	"its timer fired so late that another may have become MASTER (timer_expired_backup)",
}

// String is the reason in words, as logs and status show it.
func (r Reason) String() string {
	if int(r) < len(reasonTexts) {
		return reasonTexts[r]
	}
	return fmt.Sprintf("Reason(%d)", uint8(r))
}
