package supervisor

import (
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
)

func TestWhatBecameOfAHandover(t *testing.T) {
	const number = 3
	told := func(state event.VRRPState, peer string, inForce bool) event.InstanceState {
		return event.InstanceState{State: state, Peer: peer, HandOver: number, HandedOver: inForce}
	}
	for name, test := range map[string]struct {
		was     event.VRRPState
		told    event.InstanceState
		inForce bool
		known   bool
		want    string
	}{
		"before it is known": {event.Master, event.InstanceState{State: event.Master, HandOver: 2}, true, false,
			"nobody was heard"},
		"nobody heard yet": {event.Master, told(event.Backup, "", true), true, false, "nobody was heard"},
		"the peer took over": {event.Master, told(event.Backup, "10.0.0.2", true), true, true,
			"VI: 10.0.0.2 is MASTER after 600ms"},
		"it was BACKUP": {event.Backup, told(event.Backup, "10.0.0.2", true), true, true,
			"remains BACKUP, MASTER is 10.0.0.2"},
		"nobody took over": {event.Master, told(event.Master, "", false), false, true,
			"no other router took over: the addresses are back here after 600ms"},
		"ended by a resume": {event.Master, told(event.Backup, "", true), false, true,
			"the handover was ended meanwhile; it is BACKUP"},
		"ended after the peer": {event.Master, told(event.Backup, "10.0.0.2", false), false, true,
			"the handover was ended meanwhile; it is BACKUP"},
	} {
		t.Run(name, func(t *testing.T) {
			o := control.HandoverOutcome{Instance: "VI", Was: test.was}
			if got := evaluateHandover(&o, test.told, number, test.inForce, 600*time.Millisecond); got != test.known {
				t.Errorf("known: %v, want %v", got, test.known)
			}
			if got := control.OutcomeText(o); !strings.Contains(got, test.want) {
				t.Errorf("it reads %q, want %q", got, test.want)
			}
		})
	}
}
