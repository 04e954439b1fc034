package verdict

import (
	"time"

	"github.com/lvs-director/director/conf"
)

// Rules is the part of a checker's configuration that its verdict depends on.
type Rules struct {
	Retries      int           // failures in a row that are tolerated while up (retry)
	RetryDelay   time.Duration // from a tolerated failure to the next run (delay_before_retry)
	Interval     time.Duration // from the end of a run to the next one (delay_loop)
	Alpha        bool          // starts down
	Rise         int           // successes in a row that bring it up (rise); 0 means 1
	URLs         int           // number of URLs, of which each run checks one; 0 means 1
	FastRecovery bool          // after a failed URL recovered the others follow without a pause
}

// Of returns the rules of a checker's configuration.
func Of(c *conf.Checker) Rules {
	r := Rules{Retries: c.Retries, RetryDelay: c.RetryDelay, Interval: c.Interval, Alpha: c.Alpha, Rise: c.Rise}
	if c.HTTP != nil {
		r.URLs, r.FastRecovery = len(c.HTTP.URLs), c.HTTP.FastRecovery
	}
	return r
}

// Outcome is the result of a run.
type Outcome uint8

// The outcomes of a run.
const (
	Failure Outcome = iota
	Success
	// Unknown is a run that this host failed to make (no free descriptor, no such
	// interface). It says nothing about the server.
	Unknown
	// Withdrawal is the word of the server itself, or of the operator, that it is not to be
	// used (AGENT_CHECK, FILE_CHECK): there is nothing to try again.
	Withdrawal
)

// Checker is the state of one checker. Its zero value is not useful; see New and Restore.
type Checker struct {
	Up bool
	// Ran says that at least one run ended with Failure or Success.
	Ran bool
	// Failures in a row while up; the one after Rules.Retries takes the checker down.
	Failures int
	// URL is the index of the URL that the next run checks.
	URL int
	// Passed is how many runs in a row succeeded while down: each of the URLs, Rise times.
	Passed int
}

// New returns a checker before its first run. One that starts up has no retries left.
func New(r Rules) Checker {
	return Checker{Up: !r.Alpha, Failures: max(r.Retries, 0)}
}

// Restore returns a checker whose verdict is known from before.
func Restore(up bool) Checker { return Checker{Up: up, Ran: true} }

// Decision is the consequence of a run.
type Decision struct {
	Changed  bool          // the checker went up or down
	First    bool          // the first run that ended with Failure or Success
	Retrying bool          // a failure that is tolerated so far
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
		if c.Passed >= urls*max(r.Rise, 1) {
			c.Up, c.Passed, c.Failures = true, 0, 0
			d.Changed = true
		} else if r.FastRecovery && c.Passed%urls != 0 {
			d.Next = 0
		}
	case c.Up:
		c.Failures++
		if c.Failures > r.Retries || outcome == Withdrawal {
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

// Adopt returns a checker that a reload adds to a real server that is alive or
// not. It does not take an alive server out before it has run, even with alpha,
// and does not bring a dead one back.
func Adopt(r Rules, alive bool) Checker {
	c := New(r)
	c.Up = alive
	return c
}
