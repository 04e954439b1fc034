package machine

import (
	"time"

	"github.com/lvs-director/director/event"
)

// The members of a sync group are MASTER together or not at all:
//
//   - when a member becomes MASTER, the members in BACKUP become MASTER too;
//   - when a member yields to a better router, the members in MASTER become BACKUP;
//   - when a member is in FAULT, all are: the engine sends FaultChanged to each.
//
// All members start together. Each machine learns of the group by inputs.

// Follow returns the input for a member in state when another member has
// changed to other; ok is false if there is none.
func Follow(state, other event.VRRPState) (in InputKind, ok bool) {
	switch {
	case state == event.Backup && other == event.Master:
		return JoinMaster, true
	case state == event.Master && other == event.Backup:
		return JoinBackup, true
	}
	return 0, false
}

// GroupState is the state of a group whose members are in states: FAULT if any
// member is, MASTER if all are, else BACKUP. Members that have not started do
// not count; if none has, the group is in INIT.
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

// joinMaster becomes MASTER with the group.
func (m *Machine) joinMaster(now time.Time, reason string, effects []Effect) []Effect {
	if m.state != event.Backup {
		return effects
	}
	return m.becomeMaster(now, cause{reason: GroupMaster, detail: reason}, effects)
}

// joinBackup becomes BACKUP with the group. It does not send priority 0: the
// group of the better router takes over this virtual router too.
func (m *Machine) joinBackup(now time.Time, reason string, effects []Effect) []Effect {
	if m.state != event.Master {
		return effects
	}
	return m.withdraw(now, cause{reason: GroupBackup, detail: reason}, effects)
}
