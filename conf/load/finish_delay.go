package load

import (
	"time"

	"github.com/lvs-director/director/conf/load/value"
)

// finishDelays names delays that are as long as other routers wait for the
// master: the lost link is still up here when another takes over there.
func (l *loader) finishDelays() {
	for _, line := range l.Delays {
		for _, in := range l.Config.Instances {
			limit := time.Duration(in.DownTimerAdverts-1) * in.AdvertInterval
			if in.Interface == line.Delay.Interface && line.Delay.Down >= limit && line.Delay.Down > 0 {
				l.WarnArg(line.Node, 0, "long-delay",
					"(%s) %s counts as down only after %s s: by then another router is MASTER, and this one still has the addresses",
					value.Clip(in.Name), value.Clip(in.Interface), value.Seconds(line.Delay.Down)).Hint = "set it to " +
					"less than " + value.Seconds(limit)
				break
			}
		}
	}
}
