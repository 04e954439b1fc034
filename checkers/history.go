package checkers

import (
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

// maxHistory is how many results of a checker are remembered.
const maxHistory = 20

// history is the last results of a checker. It grows with the results that there are: most
// of forty thousand checkers are asked for never.
type history struct {
	before uint64 // runs before those that this schedule knows of
	runs   uint64
	ring   []remembered // the oldest one is at runs%maxHistory once it is full
}

// remembered is a result without what all results of its checker have in common.
type remembered struct {
	verdict event.Verdict
	reason  string
	at      time.Time
	took    time.Duration
}

func (h *history) add(r event.CheckResult) {
	e := remembered{r.Verdict, r.Reason, r.At, r.Took}
	if n := len(h.ring); n > 0 {
		// One text for all results that say the same.
		if last := h.ring[(h.runs-1)%maxHistory].reason; last == e.reason {
			e.reason = last
		}
	}
	if len(h.ring) < maxHistory {
		h.ring = append(h.ring, e)
	} else {
		h.ring[h.runs%maxHistory] = e
	}
	h.runs++
}

// results are the last ones, at most so many, the latest one last.
func (h *history) results(most int, as event.CheckResult) []event.CheckResult {
	n := min(most, len(h.ring))
	list := make([]event.CheckResult, 0, n)
	for i := h.runs - uint64(n); i < h.runs; i++ {
		e := h.ring[i%maxHistory]
		as.Verdict, as.OK, as.Reason, as.At, as.Took = e.verdict, e.verdict == event.Alive, e.reason, e.at, e.took
		list = append(list, as)
	}
	return list
}

// Question asks for results.
type Question struct {
	// VirtualServers and RealServers are the ones that are asked for; empty: all.
	VirtualServers, RealServers []string
	Latest                      bool // the last result of each checker alone
}

type question struct {
	Question
	answer func([]event.CheckHistory)
}

// Ask has answer called with what is remembered, from the goroutine that owns the schedule:
// it must not block. Checkers that have not run yet are left out.
func (s *Schedule) Ask(q Question, answer func([]event.CheckHistory)) {
	s.questions.Put(func(all *[]question) {
		if len(*all) < maxQuestions {
			*all = append(*all, question{q, answer})
		}
	})
}

// maxAnswer bounds the results of an answer: of many checkers there are fewer of each, at
// least one.
const maxAnswer = 40_000

// maxQuestions bounds those that wait; further ones get no answer.
const maxQuestions = 64

// reply answers one question.
func (s *Schedule) reply(q question) {
	var asked []*server
	count := 0
	for _, sv := range s.servers {
		if (len(q.VirtualServers) == 0 || slices.Contains(q.VirtualServers, sv.virtual)) &&
			(len(q.RealServers) == 0 || slices.Contains(q.RealServers, sv.real)) {
			asked = append(asked, sv)
			count += len(sv.checkers)
		}
	}
	most := maxHistory
	if q.Latest {
		most = 1
	}
	most = min(most, max(1, maxAnswer/max(count, 1)))
	var list []event.CheckHistory
	for _, sv := range asked {
		for _, c := range sv.checkers {
			if len(c.past.ring) == 0 {
				continue
			}
			as := event.CheckResult{VirtualServer: sv.virtual, RealServer: sv.real, Checker: c.name}
			list = append(list, event.CheckHistory{
				VirtualServer: sv.virtual, RealServer: sv.real, Checker: c.name, Runs: c.past.before + c.past.runs,
				Results: c.past.results(most, as),
			})
		}
	}
	q.answer(list)
}

// Remember gives checkers that have not run yet what a schedule before this one remembered.
// It is called with what Ask has answered there.
func (s *Schedule) Remember(list []event.CheckHistory) {
	select {
	case s.memories <- list:
	case <-s.ended:
	}
}

func (s *Schedule) remember(list []event.CheckHistory) {
	for _, h := range list {
		id, err := conf.ParseRealServer(h.VirtualServer, h.RealServer)
		if err != nil || s.servers[id] == nil {
			continue // it is in no configuration, or not in this one
		}
		for _, c := range s.servers[id].checkers {
			if c.name != h.Checker || c.past.runs > 0 {
				continue
			}
			for _, r := range h.Results[max(len(h.Results)-maxHistory, 0):] {
				r.Verdict = r.Said()
				c.past.add(r)
			}
			c.past.before = max(h.Runs, c.past.runs) - c.past.runs
		}
	}
}
