package supervisor

import (
	"os"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/status"
	"github.com/lvs-director/director/vrrp/track"
)

// report is what director status shows, on a host with these interfaces; it is
// called in the supervisor's goroutine.
func (s *supervisor) report(links map[string]track.Interface) control.Status {
	f := status.Facts{
		Now: time.Now(), Known: s.known, Config: s.current().cfg, Findings: s.current().findings,
		Header: control.Status{
			Version: s.opts.Version, Pid: os.Getpid(), Since: s.started,
			ConfigState: s.state(), Scripts: control.Scripts(s.notify.Last()),
		},
		Workers: s.rollout.Workers(), ReplaceProblem: s.rollout.ReplaceProblem(),
		Orders: make(map[string]control.Order),
		Host:   track.Host{Interfaces: links, Trackers: trackersByKey(s.trackers())},
	}
	for _, i := range f.Config.Instances {
		if o, ok := s.handovers.Of(i.Name); ok {
			f.Orders[i.Name] = control.Order{Since: o.Since, Until: o.Until}
		}
	}
	return status.Make(f)
}

func trackersByKey(list []event.TrackerState) map[track.Key]event.TrackerState {
	m := make(map[track.Key]event.TrackerState, len(list))
	for _, t := range list {
		m[track.Key{Kind: t.Kind, Name: t.Name}] = t
	}
	return m
}
