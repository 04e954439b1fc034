package status

import (
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/notify/tracking"
	"github.com/lvs-director/director/supervisor/control"
)

// Trackers is the form of what is known of trackers.
func Trackers(list []tracking.Known) []control.Tracker {
	all := make([]control.Tracker, len(list))
	for n, k := range list {
		t := control.Tracker{Kind: k.Kind.String(), Name: k.Name, State: "unknown", Running: k.Running}
		if k.Told {
			t.Since, t.Reason = k.Since, k.Reason
			t.State = map[bool]string{true: "up", false: "down"}[k.Up]
		}
		switch {
		case k.Ignored:
			t.State = "ignored"
		case k.Kind == event.TrackFile && k.Told:
			t.State, t.Value = "value", k.Value
		}
		all[n] = t
	}
	return all
}
