package lvs

import (
	"fmt"

	"github.com/lvs-director/director/checkers"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/worker"
)

// countChecks answers a question for counts, in parts, from the goroutine of the schedule.
func countChecks(schedule *checkers.Schedule, q worker.CountChecks, put func(string, worker.Message)) {
	schedule.Count(func(list []event.CheckCounts, lag event.Lateness) {
		if q.Lag {
			list = nil
		}
		for part := 0; ; part++ {
			n, checks := 0, 0
			for ; n < len(list) && (n == 0 || checks+len(list[n].OK) <= worker.HistoryPart); n++ {
				checks += len(list[n].OK)
			}
			a := worker.ChecksCounted{ID: q.ID, List: list[:n], Last: n == len(list)}
			if list = list[n:]; a.Last {
				a.Lag = lag
			}
			put(fmt.Sprintf("checks counted %d part %d", q.ID, part), worker.Message{ChecksCounted: &a})
			if a.Last {
				return
			}
		}
	})
}

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
