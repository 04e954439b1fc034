package conf

import (
	"time"

	"github.com/lvs-director/director/conf/syntax"
)

// delayLine is an interface_up_down_delays line.
type delayLine struct {
	node  *syntax.Node
	delay InterfaceDelay
}

// finishDelays names delays that are as long as other routers wait for the
// master: the lost link is still up here when another takes over there.
func (l *loader) finishDelays() {
	for _, line := range l.delays {
		for _, in := range l.cfg.Instances {
			limit := time.Duration(in.DownTimerAdverts-1) * in.AdvertInterval
			if in.Interface == line.delay.Interface && line.delay.Down >= limit && line.delay.Down > 0 {
				l.warnArg(line.node, 0, "long-delay", "(%s) %s counts as down after %s s only: by then another router is MASTER, and this one still has the addresses",
					clip(in.Name), clip(in.Interface), secs(line.delay.Down)).Hint = "less than " + secs(limit)
				break
			}
		}
	}
}
