package supervisor

import (
	"fmt"
	"slices"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify/tracking"
	"github.com/lvs-director/director/worker"
)

// trackers are all states that the vrrp worker has to know.
func (s *supervisor) trackers() []event.TrackerState {
	list := s.tracking.States()
	for name, v := range s.known.VirtualServers {
		if tracksServer(s.current().cfg, name) {
			list = append(list, trackerOf(v))
		}
	}
	return list
}

// trackerOf is a virtual server as something to be tracked: its quorum counts.
func trackerOf(v event.VirtualServerState) event.TrackerState {
	return event.TrackerState{
		Kind: event.TrackVirtualServer, Name: v.VirtualServer, Up: v.Quorum, Since: v.Since,
		Reason: fmt.Sprintf("%d of %d real servers are alive", v.Alive, v.Total),
	}
}

// virtualServer notes the state of a virtual server, and tells the vrrp worker
// when what it tracks has changed.
func (s *supervisor) virtualServer(v event.VirtualServerState) {
	before, known := s.known.VirtualServers[v.VirtualServer]
	s.known.VirtualServers[v.VirtualServer] = v
	if (!known || before.Quorum != v.Quorum) && tracksServer(s.current().cfg, v.VirtualServer) {
		s.tellTracker(trackerOf(v))
	}
}

// tracksServer says whether an instance or a group tracks a virtual server.
func tracksServer(cfg *conf.Config, name string) bool {
	is := func(t conf.Track) bool { return t.Name == name }
	return slices.ContainsFunc(cfg.Instances,
		func(i *conf.Instance) bool { return slices.ContainsFunc(i.TrackVirtualServers, is) }) ||
		slices.ContainsFunc(cfg.SyncGroups, func(g *conf.SyncGroup) bool {
			return slices.ContainsFunc(g.TrackVirtualServers, is)
		})
}

// tracked takes in what was seen of a tracker.
func (s *supervisor) tracked(r tracking.Result) {
	if t, changed := s.tracking.Take(r); changed {
		s.tellTracker(t)
	}
}

// tellTracker tells the vrrp worker. One that does not run is told when it starts.
func (s *supervisor) tellTracker(t event.TrackerState) {
	s.sendVRRP("tracker "+t.Kind.String()+" "+t.Name, worker.Message{Tracker: &t})
}
