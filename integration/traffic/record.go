package traffic

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Outcome is the result of a request as its client saw it.
type Outcome string

// The outcomes. A request without an answer within [Patience] is NoAnswer.
const (
	Answered    Outcome = "answered"
	Refused     Outcome = "refused"
	Reset       Outcome = "reset"
	NoAnswer    Outcome = "no-answer"
	Unreachable Outcome = "unreachable"
	Garbled     Outcome = "garbled"
)

// Patience is how long a client waits for an answer.
const Patience = time.Second

// Pace is the time between the starts of two requests of a client.
const Pace = 20 * time.Millisecond

// Request is one request and its outcome.
type Request struct {
	Start   time.Time
	Took    time.Duration
	Outcome Outcome
	Server  string // that answered
}

// Summary is what a client saw during a period of time.
type Summary struct {
	Sent       int
	Failed     int
	Failures   []Request // in the order of their ends
	Outcomes   map[Outcome]int
	Servers    map[string]int // answers by server
	LongestGap time.Duration  // between two answers, or an answer and the start or end of the period
	GapStart   time.Time
	Slowest    time.Duration // of the answers, from the request on
}

// Summarize sums up the requests started from one time up to another. A gap is
// measured between the arrivals of answers.
func Summarize(requests []Request, from, to time.Time) Summary {
	s := Summary{Outcomes: map[Outcome]int{}, Servers: map[string]int{}}
	answers := []time.Time{from}
	for _, r := range requests {
		if arrived := r.Start.Add(r.Took); r.Outcome == Answered && arrived.After(from) && arrived.Before(to) {
			answers = append(answers, arrived)
		}
		if r.Start.Before(from) || r.Start.After(to) {
			continue
		}
		s.Sent++
		if r.Outcome == Answered {
			s.Slowest = max(s.Slowest, r.Took)
		}
		s.Outcomes[r.Outcome]++
		if r.Outcome == Answered {
			s.Servers[r.Server]++
		} else {
			s.Failed++
			s.Failures = append(s.Failures, r)
		}
	}
	slices.SortFunc(answers, time.Time.Compare)
	answers = append(answers, to)
	for i := 1; i < len(answers); i++ {
		if gap := answers[i].Sub(answers[i-1]); gap > s.LongestGap {
			s.LongestGap, s.GapStart = gap, answers[i-1]
		}
	}
	return s
}

// String is the summary in one line.
func (s Summary) String() string {
	var failures []string
	for _, o := range []Outcome{Refused, Reset, NoAnswer, Unreachable, Garbled} {
		if n := s.Outcomes[o]; n > 0 {
			failures = append(failures, fmt.Sprintf("%d %s", n, o))
		}
	}
	text := fmt.Sprintf("%d sent, %d failed", s.Sent, s.Failed)
	if len(failures) > 0 {
		text += " (" + strings.Join(failures, ", ") + ")"
	}
	return text + fmt.Sprintf(", longest gap %.2f s", s.LongestGap.Seconds())
}
