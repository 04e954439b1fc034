package lvs

import (
	"fmt"

	"github.com/lvs-director/director/checkers"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/worker"
)

// askChecks answers a question for results, in parts, from the goroutine of the schedule.
func askChecks(schedule *checkers.Schedule, q worker.AskChecks, put func(string, worker.Message)) {
	about := checkers.Question{VirtualServers: q.VirtualServers, RealServers: q.RealServers, Latest: q.Latest}
	schedule.Ask(about, func(list []event.CheckHistory) {
		for part := 0; ; part++ {
			n := min(len(list), worker.HistoryPart)
			a := worker.CheckHistory{ID: q.ID, List: list[:n], Last: n == len(list)}
			list = list[n:]
			put(fmt.Sprintf("checks %d part %d", q.ID, part), worker.Message{CheckHistory: &a})
			if a.Last {
				return
			}
		}
	})
}
