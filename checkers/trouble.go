package checkers

import (
	"log/slog"
	"time"

	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/checkers/verdict"
	"github.com/lvs-director/director/event"
)

const (
	// lateness is how late this process has to be for the failures of runs that were under
	// way to say nothing: their servers may have answered in time.
	lateness = 500 * time.Millisecond
	// againSoon is the pause before a run that was late is made again: some part of it, so
	// that those of thousands of checks do not come at once.
	againSoon = time.Second
	// maxLates is how many runs of a task in a row may be late. A host that is always late
	// must judge in the end: then a failure counts, unless the probe itself says that it saw none.
	maxLates = 3
	// frozenAfter is how much longer than its time limits and its delay_loop a run may last.
	frozenAfter = 30 * time.Second
)

// noticeLateness notes that this process did not run when it should have.
func (s *Schedule) noticeLateness(now time.Time) {
	if !s.expected.IsZero() && now.Sub(s.expected) > lateness {
		s.slept = now
	}
}

// outcome is what a result means for a checker. A failure that came while this process was
// late is none. A server that refuses all kinds of TLS that it is offered may have others for its
// clients, unless it took one of them before.
func (s *Schedule) outcome(t *task, r *probe.Result) verdict.Outcome {
	switch {
	case !r.Unagreed:
		t.agreed = t.agreed || r.OK
	case t.agreed: // what is offered is what it was: it is the server that has changed
		r.OK, r.Local, r.Warning = false, false, ""
		r.Reason += " (it took that before)"
	}
	if !r.OK && !r.Local && s.slept.After(t.began) && t.lates < maxLates {
		r.Local, r.Late = true, true
		r.Reason = "this process did not run for some time, the check is repeated: " + r.Reason
	}
	if !r.Late {
		t.lates = 0
	} else if t.lates++; t.lates > maxLates {
		r.Late = false // it is a problem of this host
	}
	return outcomeOf(*r)
}

// cannotTell notes whether the run could be made. It says whether what is known of the
// checker has changed.
func (s *Schedule) cannotTell(c *checker, result verdict.Outcome, r *probe.Result, now time.Time) (changed bool) {
	switch {
	case result != verdict.Unknown:
		changed = c.unknowns > 0
		c.unknowns, c.trouble, c.unknownSince = 0, "", time.Time{}
	case r.Late: // it is made again at once
	default:
		was, reason := c.unknownIsDown(), c.trouble
		if c.unknowns == 0 {
			c.unknownSince = now
		}
		c.unknowns++
		s.hosts.report(s.opts.Log, c, now)
		changed = c.unknowns == 1 || c.trouble != reason || c.unknownIsDown() != was
	}
	return changed
}

// VerdictOf is what one run says of the server.
func VerdictOf(r probe.Result) event.Verdict { return verdictOf(outcomeOf(r)) }

// verdictOf is the word for an outcome.
func verdictOf(o verdict.Outcome) event.Verdict {
	switch o {
	case verdict.Success:
		return event.Alive
	case verdict.Unknown:
		return event.CannotTell
	}
	return event.Dead
}

// patience is how long a run may last before it is taken for frozen.
func (t *task) patience() time.Duration {
	limit := t.conf.Timeout
	if t.conf.Misc != nil {
		limit = max(limit, t.conf.Misc.Timeout, t.conf.Misc.Script.Timeout)
	}
	return t.conf.Interval + probe.Longest(limit, t.conf.TotalTimeout) + frozenAfter
}

// frozen ends a run that has lasted for longer than its limits allow.
func (s *Schedule) frozen(t *task, now time.Time) {
	if now.Sub(s.slept) < frozenAfter && !s.slept.IsZero() {
		s.due.Set(t, now.Add(frozenAfter)) // its result may be on its way
		return
	}
	t.cancel()
	s.finish(outcome{t, t.run, probe.Result{
		Local: true, Took: now.Sub(t.began), Reason: "the check did not end in its time and was started anew",
	}}, now)
	s.due.Set(t, now.Add(minPause))
}

// hostTrouble logs checks that this host failed to make: once for each checker and
// reason, and at most one line a second, since a fault of this host affects
// thousands of checks at once.
type hostTrouble struct {
	last    time.Time
	skipped int
}

func (h *hostTrouble) report(log *slog.Logger, c *checker, now time.Time) {
	if c.trouble == c.reason {
		return
	}
	c.trouble = c.reason
	if now.Sub(h.last) < time.Second {
		h.skipped++
		return
	}
	consequence := "real server state unchanged"
	if c.task.conf.UnknownDown {
		consequence = "unknown counts as down"
	}
	log.Warn("failed to run a check for a cause on this host: "+consequence,
		"virtual_server", c.server.state.VirtualServer, "real_server", c.server.state.RealServer, "checker", c.name,
		"reason", c.reason, "others_not_logged", h.skipped)
	h.last, h.skipped = now, 0
}

// A real server that goes up and down again and again has so many lines of log, and one more
// after each flapPause.
const (
	flapLines = 6
	flapPause = 30 * time.Second
)

// logPace bounds the lines about one real server.
type logPace struct {
	used int
	at   time.Time // when used was brought up to date
	left int       // changes without a line since the last one
}

func (l *logPace) may(now time.Time) bool {
	if n := int(now.Sub(l.at) / flapPause); n > 0 {
		l.used, l.at = max(l.used-n, 0), now
	}
	if l.used >= flapLines {
		return false
	}
	l.used++
	return true
}

// logFlaps says how it is with a real server whose last changes had no line.
func (s *Schedule) logFlaps(sv *server, now time.Time) {
	if sv.lines.left == 0 || !sv.lines.may(now) {
		return
	}
	s.opts.Log.Warn("real server goes up and down", "virtual_server", sv.state.VirtualServer,
		"real_server", sv.state.RealServer, "changes_not_logged", sv.lines.left, "up", sv.state.Up, "reason", sv.state.Reason)
	sv.lines.left = 0
}
