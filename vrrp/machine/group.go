package machine

import (
	"time"

	"github.com/lvs-director/director/event"
)

// The rules of a sync group, whose members are MASTER together or not at all:
//
//   - when a member becomes MASTER, those in BACKUP join it;
//   - when a member yields to a better router, the MASTERs yield with it;
//   - the fault of one is the fault of all, told to each by FaultChanged.
//
// All members start together. What a group is to its members is an input.

// Follow is what a member in state does when another member of its group has
// changed to a state; ok is false when it does nothing.
func Follow(state, other event.VRRPState) (in InputKind, ok bool) {
	switch {
	case state == event.Backup && other == event.Master:
		return JoinMaster, true
	case state == event.Master && other == event.Backup:
		return JoinBackup, true
	}
	return 0, false
}

// GroupState is the state of a group whose members are in states: FAULT with
// one that is, MASTER when all are. Members that have not started do not
// count; without any other it is INIT.
func GroupState(states []event.VRRPState) event.VRRPState {
	group := event.Init
	for _, s := range states {
		switch {
		case s == event.Fault:
			return event.Fault
		case s == event.Init || s == event.Stop:
		case group == event.Init || s == event.Backup:
			group = s
		}
	}
	return group
}

// joinMaster follows the group into MASTER.
func (m *Machine) joinMaster(now time.Time, reason string, effects []Effect) []Effect {
	if m.state != event.Backup {
		return effects
	}
	return m.becomeMaster(now, cause{reason: GroupMaster, detail: reason}, effects)
}

// joinBackup follows the group out of MASTER. No priority 0 is sent: the
// better router's group takes this member over too.
func (m *Machine) joinBackup(now time.Time, reason string, effects []Effect) []Effect {
	if m.state != event.Master {
		return effects
	}
	return m.withdraw(now, cause{reason: GroupBackup, detail: reason}, effects)
}
