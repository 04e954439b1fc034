package machine_test

import (
	"testing"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/machine"
)

func TestFollow(t *testing.T) {
	states := []event.VRRPState{event.Init, event.Backup, event.Master, event.Fault}
	type pair struct{ state, other event.VRRPState }
	want := map[pair]machine.InputKind{
		{event.Backup, event.Master}: machine.JoinMaster,
		{event.Master, event.Backup}: machine.JoinBackup,
	}
	for _, state := range states {
		for _, other := range states {
			in, ok := machine.Follow(state, other)
			if wanted, does := want[pair{state, other}]; ok != does || ok && in != wanted {
				t.Errorf("a member in %v does %v (%v) when another becomes %v", state, in, ok, other)
			}
		}
	}
}

func TestGroupState(t *testing.T) {
	const i, b, m, f = event.Init, event.Backup, event.Master, event.Fault
	for _, tt := range []struct {
		members []event.VRRPState
		want    event.VRRPState
	}{
		{nil, i}, {[]event.VRRPState{i, i}, i},
		{[]event.VRRPState{b, b}, b}, {[]event.VRRPState{m, m}, m}, {[]event.VRRPState{m, b}, b},
		{[]event.VRRPState{b, m}, b},
		{[]event.VRRPState{m, m, f}, f}, {[]event.VRRPState{f, i}, f},
		{[]event.VRRPState{m, i}, m}, {[]event.VRRPState{i, b}, b}, // one that has not started does not count
	} {
		if got := machine.GroupState(tt.members); got != tt.want {
			t.Errorf("members in %v make a group in %v, want %v", tt.members, got, tt.want)
		}
	}
}

func TestJoining(t *testing.T) {
	join := func(kind machine.InputKind) machine.Input { return machine.Input{Kind: kind, Reason: "VI_2 did"} }
	t.Run("a backup becomes master without waiting", func(t *testing.T) {
		s := backup(t)
		s.want(time.Second, join(machine.JoinMaster), "send 100", "acquire", "stop down", "set adver 2s",
			"BACKUP -> MASTER: its sync group became MASTER (VI_2 did)")
		s.want(time.Second, join(machine.JoinMaster)) // only once
	})
	t.Run("a master becomes backup without a priority 0", func(t *testing.T) {
		s := master(t)
		s.want(500*ms, join(machine.JoinBackup), "stop adver", "release", "set down 4.109375s",
			"MASTER -> BACKUP: its sync group became BACKUP (VI_2 did)")
		s.want(500*ms, join(machine.JoinBackup))
	})
	t.Run("one in fault does neither", func(t *testing.T) {
		s := backup(t)
		s.do(0, fault(true, "eth0 is down"))
		s.want(time.Second, join(machine.JoinMaster))
		s.want(time.Second, join(machine.JoinBackup))
	})
}
