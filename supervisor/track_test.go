package supervisor

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify/tracking"
	"github.com/lvs-director/director/supervisor/announcing"
	"github.com/lvs-director/director/supervisor/reload"
	"github.com/lvs-director/director/supervisor/rollout"
	"github.com/lvs-director/director/supervisor/status"
)

// TestQuorumsAreTracked: the vrrp worker is told of the virtual servers that
// something tracks, by their quorum.
func TestQuorumsAreTracked(t *testing.T) {
	s := &supervisor{
		known: status.New(), tracking: tracking.New(tracking.Options{}), rollout: rollout.New(rollout.Options{}),
		announcing: announcing.New(announcing.Options{}),
	}
	s.reload = reload.New(&loaded{cfg: &conf.Config{
		Instances:  []*conf.Instance{{TrackVirtualServers: []conf.Track{{Name: "[192.0.2.1]:tcp:80", Weight: -20}}}},
		SyncGroups: []*conf.SyncGroup{{TrackVirtualServers: []conf.Track{{Name: "FWM 5"}}}},
	}})
	for _, v := range []event.VirtualServerState{
		{VirtualServer: "[192.0.2.1]:tcp:80", Alive: 1, Total: 3},
		{VirtualServer: "FWM 5", Quorum: true, Alive: 2, Total: 2},
		{VirtualServer: "[192.0.2.2]:tcp:80", Quorum: true},
	} {
		s.virtualServer(v)
	}
	got := make(map[string]event.TrackerState)
	for _, t := range s.trackers() {
		got[t.Name] = t
	}
	want := map[string]event.TrackerState{
		"[192.0.2.1]:tcp:80": {Kind: event.TrackVirtualServer, Name: "[192.0.2.1]:tcp:80",
			Reason: "1 of 3 real servers are alive"},
		"FWM 5": {Kind: event.TrackVirtualServer, Name: "FWM 5", Up: true,
			Reason: "2 of 2 real servers are alive"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("trackers (-want +got):\n%s", diff)
	}
}
