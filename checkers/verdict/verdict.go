package verdict

import (
	"time"

	"github.com/lvs-director/director/conf"
)

// Rules is what the verdict needs of a checker's configuration.
type Rules struct {
	Retries      int           // further failures in a row that are forgiven while up (retry)
	RetryDelay   time.Duration // from a forgiven failure to the next run (delay_before_retry)
	Interval     time.Duration // from the end of a run to the next one (delay_loop)
	Alpha        bool          // starts down
	URLs         int           // number of URLs, one is checked per run; 0 is 1
	FastRecovery bool          // after a failed URL recovered the others follow without a pause
}

// Of picks the rules out of a checker's configuration.
func Of(c *conf.Checker) Rules {
	r := Rules{Retries: c.Retries, RetryDelay: c.RetryDelay, Interval: c.Interval, Alpha: c.Alpha}
	if c.HTTP != nil {
		r.URLs, r.FastRecovery = len(c.HTTP.URLs), c.HTTP.FastRecovery
	}
	return r
}

// Outcome is what a run found out.
type Outcome uint8

// The outcomes of a run.
const (
	Failure Outcome = iota
	Success
	// Unknown is a run that could not be made here (no free descriptor, no
	// such interface): it says nothing of the server.
	Unknown
)

// Checker is the state of one checker. Its zero value is not useful; see New and Restore.
type Checker struct {
	Up bool
	// Ran says that at least one run has ended with Failure or Success.
	Ran bool
	// Failures in a row while up; the one after Rules.Retries takes the checker down.
	Failures int
	// URL is the index of the URL that the next run checks.
	URL int
	// Passed is how many URLs in a row succeeded while down.
	Passed int
}

// New is a checker before its first run. Up ones have used up their retries.
func New(r Rules) Checker {
	return Checker{Up: !r.Alpha, Failures: max(r.Retries, 0)}
}

// Restore is a checker whose verdict is known from before.
func Restore(up bool) Checker { return Checker{Up: up, Ran: true} }

// Decision is what follows from a run.
type Decision struct {
	Changed  bool          // the checker went up or down
	First    bool          // this was the first run that said something
	Retrying bool          // a failure that is forgiven so far
	Next     time.Duration // from the end of this run to the start of the next
}

// Step takes the outcome of a run.
func (c *Checker) Step(r Rules, outcome Outcome) Decision {
	d := Decision{Next: r.Interval}
	if outcome == Unknown {
		return d
	}
	d.First = !c.Ran
	c.Ran = true
	urls := max(r.URLs, 1)
	if c.URL >= urls {
		c.URL = 0
	}
	switch {
	case outcome == Success && c.Up:
		c.Failures = 0
		c.URL = (c.URL + 1) % urls
	case outcome == Success:
		c.Passed++
		c.URL = (c.URL + 1) % urls
		if c.Passed >= urls {
			c.Up, c.Passed, c.Failures = true, 0, 0
			d.Changed = true
		} else if r.FastRecovery {
			d.Next = 0
		}
	case c.Up:
		c.Failures++
		if c.Failures > r.Retries {
			c.Up, c.Failures, c.Passed = false, 0, 0
			d.Changed = true
		} else {
			d.Retrying = true
			d.Next = r.RetryDelay
		}
	default:
		c.Passed = 0
	}
	return d
}

// Adopt is a checker that a reload added to a real server that has been
// serving (alive) or not. An alive server is not taken out for a check that
// has not run, not even an alpha one; a dead one is not brought back by it.
func Adopt(r Rules, alive bool) Checker {
	c := New(r)
	c.Up = alive
	return c
}
