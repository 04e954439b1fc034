package screen

import (
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
)

// TestPairSaysWhy: each half has a reason for the state that it is in, a healthy BACKUP too.
func TestPairSaysWhy(t *testing.T) {
	var out strings.Builder
	Pair(&out, control.Status{
		Instances: []control.Instance{{Name: "VI_1", VRID: 51, State: event.Master, Priority: 150, Reason: "none heard"}},
		Peers: []control.Peer{{Address: "192.0.2.2", Host: "lb2", Up: true, Instances: []control.PeerInstance{
			{Name: "VI_1", VRID: 51, State: event.Backup, Priority: 100, Reason: "advertisement with higher priority"},
			{Name: "VI_1", VRID: 51, State: event.UnknownState, Priority: 100, Reason: "x", Unable: "eth1 is down"},
		}}},
	}, time.Now())
	for _, want := range []string{"advertisement with higher priority\n", "UNKNOWN  100       eth1 is down\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("it lacks %q:\n%s", want, out.String())
		}
	}
}
