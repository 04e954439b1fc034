package mail

import (
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/retry"
)

const (
	// gather is how long the first news waits for others: what happens together is one mail.
	gather = time.Second
	// longestPause bounds the time between two mails of a storm.
	longestPause = time.Minute
	// maxWaiting bounds the news that wait, all of which are one mail: 200 real servers that go down
	// and up 20 times in a minute are 8000.
	maxWaiting = 10000
	// giveUp is when a mail that no server has taken is given up.
	giveUp = 24 * time.Hour
	// Kept is how long what was not sent before a stop is sent after a start.
	Kept = time.Hour
)

// Mail is one mail that is to be sent.
type Mail struct {
	ID    string // for Message-ID; the same in every attempt, so that a receiver knows a second copy
	At    time.Time
	News  []News
	Left  int      // older news that had no room
	To    []string // who have not got it yet; nil is whom the configuration names
	First time.Time
	// Got are those who have it, and Refused those to whom it is not sent any more.
	Got     []string  `json:",omitempty"`
	Refused []Refusal `json:",omitempty"`
}

// Refusal is a recipient whom a server has refused for good.
type Refusal struct {
	To  string
	Why string // what the server says, one line
}

// Share is a part of the news that wait, one behind the other.
type Share struct {
	News int      // how many they are
	To   []string // for whom; nil is whom the configuration names, of an older program
}

// Queue gathers news to mails and says when one may be sent. It has no clock. The zero value
// is an empty queue.
type Queue struct {
	waiting []News
	shares  []Share  // of waiting
	to      []string // for whom what is added is
	left    int      // news that had no room since the last mail
	pending *Mail
	busy    bool // pending is being sent
	taken   time.Time
	pause   time.Duration // after the last mail
	due     time.Time     // of what waits
	retry   retry.Retry
	flush   bool // nothing is waited for

	// Counts since the start.
	Sent   int // mails, also those that not all recipients have
	Partly int // of them those that not all recipients have
	Failed int // mails that were given up, or refused for good
	Lost   int // news that had no room
}

// For says for whom what is added from now on is. What waits stays for those for whom it was.
func (q *Queue) For(to []string) { q.to = slices.Clone(to) }

// Add queues news. What has no room takes the place of the oldest that waits; it returns how
// many those were.
func (q *Queue) Add(now time.Time, list ...News) (lost int) {
	if len(list) == 0 {
		return 0
	}
	if len(q.waiting) == 0 {
		q.due = now.Add(gather)
		if next := q.taken.Add(q.pause); next.After(q.due) {
			q.due = next
		}
	}
	q.waiting = append(q.waiting, list...)
	if n := len(q.shares); n == 0 || !slices.Equal(q.shares[n-1].To, q.to) {
		q.shares = append(q.shares, Share{To: q.to})
	}
	q.shares[len(q.shares)-1].News += len(list)
	if lost = len(q.waiting) - maxWaiting; lost <= 0 {
		return 0
	}
	q.waiting = append(q.waiting[:0], q.waiting[lost:]...)
	for rest := lost; rest > 0; {
		n := min(rest, q.shares[0].News)
		rest -= n
		if q.shares[0].News -= n; q.shares[0].News == 0 {
			q.shares = q.shares[1:]
		}
	}
	q.left += lost
	q.Lost += lost
	return lost
}

// Flush has what waits sent without a pause: director stops, or was told to send it now.
func (q *Queue) Flush() {
	q.flush = true
	q.retry.Now()
}

// Len is how many news wait.
func (q *Queue) Len() int {
	n := len(q.waiting)
	if q.pending != nil {
		n += len(q.pending.News)
	}
	return n
}

// When is the time at which Take has a mail; the zero Time is never, until something is told.
func (q *Queue) When() time.Time {
	switch {
	case q.busy:
		return time.Time{}
	case q.pending != nil && q.retry.Next().IsZero():
		return q.pending.At
	case q.pending != nil:
		return q.retry.Next()
	case len(q.waiting) == 0:
		return time.Time{}
	case q.flush:
		return q.taken.Add(1) // any time that is over, and not zero
	}
	return q.due
}

// Take is the mail to send now, nil when there is none. Done must be told how it went.
func (q *Queue) Take(now time.Time, id func() string) *Mail {
	if q.busy {
		return nil
	}
	if q.pending == nil {
		if len(q.waiting) == 0 || !q.flush && now.Before(q.due) {
			return nil
		}
		first := q.shares[0]
		q.pending = &Mail{ID: id(), At: now, News: q.waiting[:first.News:first.News], Left: q.left, To: first.To}
		q.waiting, q.shares, q.left = slices.Clone(q.waiting[first.News:]), q.shares[1:], 0
		q.pace(now)
	} else if !q.retry.Ready(now) {
		return nil
	}
	q.busy = true
	return q.pending
}

// pace sets when the next mail may leave: the pause grows while mails follow each other.
func (q *Queue) pace(now time.Time) {
	if q.pause == 0 || now.Sub(q.taken) > 3*q.pause {
		q.pause = gather
	} else {
		q.pause = min(2*q.pause, longestPause)
	}
	q.taken = now
}

// Outcome is how an attempt to send a mail went.
type Outcome struct {
	Err     error     // why it was not sent to all; nil when it was
	Again   []string  // who may get it in another attempt; nil with an Err is all but Taken and Refused
	Never   bool      // it is refused for good
	Taken   []string  // with an Err: for whom it was taken all the same
	Refused []Refusal // beside others who have it or may get it
}

// End is how a mail ended. A Mail that goes on has none.
type End struct {
	Over bool      // it is not tried again
	Got  []string  // who have it
	Not  []Refusal // who do not; Why is empty of those whom the last Err is about
}

// without are those who have it not, in one line.
func (e End) without() string {
	var list []string
	for _, r := range e.Not {
		list = append(list, r.To)
	}
	return strings.Join(list, ", ")
}

// why is why they have it not, in one line; last is the error of the last attempt.
func (e End) why(last string) string {
	var list []string
	for _, r := range e.Not {
		if r.Why == "" {
			return strings.Join(append(list, last), "; ")
		}
		list = append(list, r.Why)
	}
	return strings.Join(list, "; ")
}

// Done notes how the attempt went, and says how the mail ended, if it did.
func (q *Queue) Done(now time.Time, o Outcome) (end End) {
	q.busy = false
	m := q.pending
	if m == nil {
		return End{}
	}
	if m.First.IsZero() {
		m.First = now
	}
	if o.Err == nil {
		o.Taken = m.To
	}
	m.Got, m.Refused = append(m.Got, o.Taken...), append(m.Refused, o.Refused...)
	m.To = slices.DeleteFunc(slices.Clone(m.To), func(a string) bool {
		return slices.Contains(o.Taken, a) || slices.ContainsFunc(o.Refused, func(r Refusal) bool { return r.To == a })
	})
	if o.Err != nil && !o.Never && now.Sub(m.First) <= giveUp {
		if o.Again != nil {
			m.To = o.Again
		}
		q.retry.Failed(now)
		return End{}
	}
	end = End{Over: true, Got: m.Got, Not: m.Refused}
	for _, a := range m.To {
		end.Not = append(end.Not, Refusal{To: a})
	}
	switch {
	case o.Err != nil && len(end.Got) == 0:
		q.Failed++
	case len(end.Not) > 0:
		q.Partly++
		q.Sent++
	default:
		q.Sent++
	}
	q.pending, q.retry = nil, retry.Retry{}
	return end
}

// Cut notes that the attempt was cut off: it counts for nothing.
func (q *Queue) Cut() { q.busy = false }

// Backlog is what a queue has not sent. Fields are only added.
type Backlog struct {
	Pending            *Mail `json:"pending,omitempty"`
	Waiting            []News
	Shares             []Share `json:",omitempty"` // of Waiting; an older program has not written it
	Left               int
	Sent, Failed, Lost int
	Partly             int `json:",omitempty"` // of Sent
}

// Changes is how many there are in it.
func (b Backlog) Changes() int {
	n := len(b.Waiting)
	if b.Pending != nil {
		n += len(b.Pending.News)
	}
	return n
}

// Backlog is what has not been sent.
func (q *Queue) Backlog() Backlog {
	return Backlog{q.pending, slices.Clone(q.waiting), slices.Clone(q.shares), q.left, q.Sent, q.Failed, q.Lost, q.Partly}
}

// Restore adds what another queue had not sent, before what waits here. What is older than limit
// is not added; it returns how many news those were. counts takes over what was counted as well.
func (q *Queue) Restore(now time.Time, b Backlog, limit time.Duration, counts bool) (old int) {
	fresh := func(list []News) (kept []News) {
		for _, n := range list {
			if now.Sub(n.At) <= limit {
				kept = append(kept, n)
			}
		}
		old += len(list) - len(kept)
		return kept
	}
	if counts {
		q.Sent, q.Failed, q.Lost, q.Partly = q.Sent+b.Sent, q.Failed+b.Failed, q.Lost+b.Lost, q.Partly+b.Partly
	}
	to, after, shares := q.to, q.waiting, q.shares
	q.waiting, q.shares = nil, nil
	q.left += b.Left
	add := func(news []News, shares []Share, keep func([]News) []News) {
		for _, s := range append(shares, Share{News: len(news)}) { // the rest is an older program's
			n := min(max(s.News, 0), len(news))
			q.to = s.To
			q.Add(now, keep(news[:n])...)
			news = news[n:]
		}
	}
	if p := b.Pending; p != nil && q.pending != nil {
		add(p.News, []Share{{len(p.News), p.To}}, fresh)
	} else if p != nil {
		if kept := fresh(p.News); len(kept) > 0 {
			mail := *p
			mail.News = kept
			q.pending = &mail
		}
	}
	add(b.Waiting, slices.Clone(b.Shares), fresh)
	add(after, shares, func(list []News) []News { return list })
	q.to = to
	return old
}
