package main

import (
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify/tracking"
	"github.com/lvs-director/director/worker"
)

// trackers are all states that the vrrp worker has to know.
func (s *supervisor) trackers() []event.TrackerState { return s.tracking.States() }

// tracked takes in what was seen of a tracker.
func (s *supervisor) tracked(r tracking.Result) {
	if t, changed := s.tracking.Take(r); changed {
		s.tellTracker(t)
	}
}

// tellTracker tells the vrrp worker. One that does not run is told when it starts.
func (s *supervisor) tellTracker(t event.TrackerState) {
	if w := s.workers[vrrpWorker]; w != nil && w.pid != 0 {
		w.keeper.Send("tracker "+t.Kind.String()+" "+t.Name, worker.Message{Tracker: &t})
	}
}
