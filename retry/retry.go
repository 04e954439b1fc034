// Package retry says when something that failed, or that something else has
// undone, may be tried again. It is a rule only: the time is told.
package retry

import "time"

const (
	// firstPause and longestPause bound the time between two attempts.
	firstPause   = time.Second
	longestPause = 30 * time.Second
	// Calm is how long something has to stay as it should be for what happened
	// before to be forgotten.
	Calm = 2 * longestPause
)

// FreeRepairs is how many times in a row what something else has removed is put
// back at once: every moment without an address is an outage. More of them are
// a problem to tell.
const FreeRepairs = 3

// Retry says when something that failed, or was undone, may be tried again:
// after 1 s, and then twice as long each time, 30 s at most. The zero value is
// ready at once.
type Retry struct {
	Times int // attempts since it was last calm
	Since time.Time
	last  time.Time
	next  time.Time
}

// Ready says whether it may be tried now.
func (r *Retry) Ready(now time.Time) bool { return !now.Before(r.next) }

// Next is when it may be tried; the zero Time is at once.
func (r *Retry) Next() time.Time { return r.next }

// Failed notes an attempt that failed.
func (r *Retry) Failed(now time.Time) {
	r.count(now)
	r.next = now.Add(pause(r.Times))
}

// Repaired notes that something was put back. The first repairs are free.
func (r *Retry) Repaired(now time.Time) {
	r.count(now)
	r.next = now
	if r.Times > FreeRepairs {
		r.next = now.Add(pause(r.Times - FreeRepairs))
	}
}

// CalmAt is when what happened can be forgotten, unless something happens.
func (r *Retry) CalmAt() time.Time { return r.last.Add(Calm) }

// Last is when the last attempt was noted.
func (r *Retry) Last() time.Time { return r.last }

// Now lets it be tried at once.
func (r *Retry) Now() { r.next = time.Time{} }

// IsCalm says whether nothing has happened for so long that it can be forgotten.
func (r *Retry) IsCalm(now time.Time) bool { return now.Sub(r.last) > Calm && r.Ready(now) }

func (r *Retry) count(now time.Time) {
	if r.Times == 0 || r.IsCalm(now) {
		r.Times, r.Since = 0, now
	}
	r.Times++
	r.last = now
}

func pause(attempt int) time.Duration {
	return min(firstPause<<min(max(attempt, 1)-1, 10), longestPause)
}
