package checkers

import (
	"math"
	"slices"
	"time"

	"github.com/lvs-director/director/checkers/verdict"
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
	// passed and failed are runs of a schedule before this one: those of this one are counted of the checker.
	passed, failed uint64
	ring           []seen   // the oldest one is at runs%maxHistory once it is full
	texts          []string // the reasons of those in ring, each once
}

// seen is a result in little space, since there are hundreds of thousands: without what all results
// of its checker have in common, and without a pointer.
type seen struct {
	at      int64  // Unix time in microseconds; 0 is no result
	took    uint32 // microseconds
	verdict event.Verdict
	text    uint8 // in history.texts
}

func seenOf(r event.CheckResult) seen {
	return seen{at: r.At.UnixMicro(), took: uint32(min(r.Took.Microseconds(), math.MaxUint32)), verdict: r.Verdict}
}

// result fills in a result that has the names of its checker.
func (e seen) result(as event.CheckResult, reason string) event.CheckResult {
	as.Verdict, as.OK, as.Reason = e.verdict, e.verdict == event.Alive, reason
	as.At, as.Took = time.UnixMicro(e.at), time.Duration(e.took)*time.Microsecond
	return as
}

// add remembers a result, and returns the text that all results have that say the same.
func (h *history) add(e seen, reason string) string {
	e.text = h.text(reason)
	switch n := len(h.ring); {
	case n == maxHistory:
		h.ring[h.runs%maxHistory] = e
	case n == cap(h.ring):
		h.ring = append(make([]seen, 0, min(2*n+2, maxHistory)), h.ring...)
		fallthrough
	default:
		h.ring = append(h.ring, e)
	}
	h.runs++
	return h.texts[e.text]
}

// text is the place of a reason among the texts: that of other results, or one that no result has.
func (h *history) text(reason string) uint8 {
	if i := slices.Index(h.texts, reason); i >= 0 {
		return uint8(i)
	}
	var used [maxHistory + 1]bool
	for _, e := range h.ring {
		used[e.text] = true
	}
	for i := range h.texts {
		if !used[i] {
			h.texts[i] = reason
			return uint8(i)
		}
	}
	h.texts = append(h.texts, reason)
	return uint8(len(h.texts) - 1)
}

// results are the last ones, at most so many, the latest one last.
func (h *history) results(most int, as event.CheckResult) []event.CheckResult {
	n := min(most, len(h.ring))
	list := make([]event.CheckResult, 0, n)
	for i := h.runs - uint64(n); i < h.runs; i++ {
		e := h.ring[i%maxHistory]
		list = append(list, e.result(as, h.texts[e.text]))
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
	counts func([]event.CheckCounts, event.Lateness) // instead of it
}

// Ask has answer called with what is remembered, from the goroutine that owns the schedule:
// it must not block. Checkers that have not run yet are left out.
func (s *Schedule) Ask(q Question, answer func([]event.CheckHistory)) {
	s.questions.Put(func(all *[]question) {
		if len(*all) < maxQuestions {
			*all = append(*all, question{Question: q, answer: answer})
		}
	})
}

// Count has answer called, as Ask does, with what the checkers have counted and with how late runs have begun.
// Virtual servers without a checker are left out.
func (s *Schedule) Count(answer func([]event.CheckCounts, event.Lateness)) {
	s.questions.Put(func(all *[]question) {
		if len(*all) < maxQuestions {
			*all = append(*all, question{counts: answer})
		}
	})
}

// maxAnswer bounds the results of an answer: of many checkers there are fewer of each, at
// least one.
const maxAnswer = 40_000

// maxQuestions bounds those that wait; further ones get no answer.
const maxQuestions = 64

// outcomes is how many verdict.Outcomes there are.
const outcomes = int(verdict.Withdrawal) + 1

// passed and failed are how many runs of this schedule have ended so.
func (c *checker) passed() uint64 { return c.counted[verdict.Success] }
func (c *checker) failed() uint64 { return c.counted[verdict.Failure] + c.counted[verdict.Withdrawal] }

// count puts into a result, which is the last one, how many runs have ended how, those of a schedule before this
// one included.
func (c *checker) count(r *event.CheckResult) {
	r.Passed, r.Failed = c.past.passed+c.passed(), c.past.failed+c.failed()
}

// counts are what the checkers have counted: of this schedule alone, so that whoever reads them sees when they
// begin anew.
func (s *Schedule) counts() []event.CheckCounts {
	list := make([]event.CheckCounts, 0, len(s.services))
	for _, b := range s.services {
		n := 0
		for _, sv := range b.servers {
			n += len(sv.checkers)
		}
		if n == 0 {
			continue
		}
		numbers, names := make([]uint64, 3*n), make([]string, 2*n)
		one := event.CheckCounts{
			RealServers: names[:0:n], Checkers: names[n : n : 2*n],
			OK: numbers[:0:n], Failed: numbers[n : n : 2*n], Unknown: numbers[2*n : 2*n : 3*n],
		}
		for _, sv := range b.servers {
			one.VirtualServer = sv.state.VirtualServer
			for _, c := range sv.checkers {
				one.RealServers = append(one.RealServers, sv.state.RealServer)
				one.Checkers = append(one.Checkers, c.name)
				one.OK = append(one.OK, c.passed())
				one.Failed = append(one.Failed, c.failed())
				one.Unknown = append(one.Unknown, c.counted[verdict.Unknown])
			}
		}
		list = append(list, one)
	}
	return list
}

// reply answers one question.
func (s *Schedule) reply(q question) {
	if q.counts != nil {
		q.counts(s.counts(), event.Lateness{Counts: slices.Clone(s.lag.counts[:]), Sum: s.lag.sum})
		return
	}
	var asked []*server
	count := 0
	for _, b := range s.services {
		for _, sv := range b.servers {
			if (len(q.VirtualServers) == 0 || slices.Contains(q.VirtualServers, sv.state.VirtualServer)) &&
				(len(q.RealServers) == 0 || slices.Contains(q.RealServers, sv.state.RealServer)) {
				asked = append(asked, sv)
				count += len(sv.checkers)
			}
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
			as := c.named()
			results := c.past.results(most, as)
			c.count(&results[len(results)-1])
			list = append(list, event.CheckHistory{
				VirtualServer: as.VirtualServer, RealServer: as.RealServer, Checker: as.Checker,
				Runs: c.past.before + c.past.runs, Results: results,
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
	servers := make(map[conf.RealServerID]*server)
	for id, b := range s.services {
		for _, sv := range b.servers {
			servers[conf.RealServerID{Service: id, Server: sv.conf.Key}] = sv
		}
	}
	for _, h := range list {
		id, err := conf.ParseRealServer(h.VirtualServer, h.RealServer)
		sv := servers[id]
		if err != nil || sv == nil {
			continue // it is in no configuration, or not in this one
		}
		for _, c := range sv.checkers {
			if c.name != h.Checker || c.past.runs > 0 {
				continue
			}
			var passed, failed uint64
			for _, r := range h.Results[max(len(h.Results)-maxHistory, 0):] {
				r.Verdict = r.Said()
				c.past.add(seenOf(r), r.Reason)
				switch r.Verdict {
				case event.Alive:
					passed++
				case event.Dead:
					failed++
				}
				// A program that did not count them has told none.
				passed, failed = max(passed, r.Passed), max(failed, r.Failed)
			}
			c.past.before = max(h.Runs, c.past.runs) - c.past.runs
			c.past.passed, c.past.failed = passed, failed
		}
	}
}
