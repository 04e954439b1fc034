package checkers

import (
	"hash/maphash"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/checkers/verdict"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/deadline"
	"github.com/lvs-director/director/event"
)

// task is what equal checkers of one real server have in common, whatever virtual servers it is
// in: one run at a time, whose result each of them gets. What they make of it is their own.
type task struct {
	deadline.Entry // of the next run, or of the time when the one under way is taken for frozen
	real           netip.Addr
	conf           *conf.Checker // of the last configuration that has it
	members        []*checker
	url            int       // what the next run checks, or the one under way does; see probe.Target
	began          time.Time // when the last run did
	run            uint64    // number of the run in progress; 0 is none
	cancel         func()
	lates          int    // runs in a row that this process was late for
	retrying       bool   // a member waits for the next run to forgive a failure or not
	idle           bool   // all members are suspended
	agreed         bool   // a run was OK in which the server and this program agreed on TLS, if they had to
	round          uint64 // of the last configuration that a member is new in
}

// taskKey finds equal checkers: those with different keys are not.
type taskKey struct {
	real    netip.Addr // two real servers with one connect_ip may mean different things by it
	kind    conf.CheckKind
	connect netip.AddrPort
	words   string // of a program, a file or a page
}

func keyOf(real netip.Addr, c *conf.Checker) taskKey {
	key := taskKey{real: real, kind: c.Kind, connect: netip.AddrPortFrom(c.ConnectIP, c.ConnectPort)}
	switch {
	case c.Misc != nil:
		key.words = strings.Join(c.Misc.Script.Argv, "\x00")
	case c.File != nil:
		key.words = c.File.Name
	case c.HTTP != nil && len(c.HTTP.URLs) > 0:
		key.words = c.HTTP.URLs[0].Path
	}
	return key
}

// hash stands for the key in a map: there are as many as checks, and a key has ninety bytes.
func (k taskKey) hash(seed maphash.Seed) uint64 { return maphash.Comparable(seed, k) }

// rules are what the verdicts of its checkers depend on.
func (t *task) rules() verdict.Rules { return verdict.Of(t.conf) }

// join gives a new checker its task: that of its equals, or a new one.
func (s *Schedule) join(c *checker, real netip.Addr, cfg *conf.Checker, now time.Time) {
	key := keyOf(real, cfg).hash(s.seed)
	for _, t := range s.tasks[key] {
		if t.real == real && t.conf.Same(cfg) {
			c.task = t
			break
		}
	}
	if c.task == nil {
		c.task = &task{real: real}
		s.tasks[key] = append(s.tasks[key], c.task)
	}
	t := c.task
	t.conf = cfg
	t.members = append(t.members, c)
	// Of many that are new only one asks for a run soon: the soonest of a hundred random
	// times would be no random time.
	if t.round != s.round {
		t.round = s.round
		s.warmUp(t, now)
	}
}

// warmUp has a task with a new member begin after a random part of its warmup.
func (s *Schedule) warmUp(t *task, now time.Time) {
	if t.conf.Warmup <= 0 {
		s.fresh = append(s.fresh, t)
		return
	}
	delay := time.Duration(s.opts.Rand.Int64N(int64(t.conf.Warmup)))
	at := now.Add(delay)
	if delay >= fine {
		at = together(at, s.tick(t.conf.Interval))
	}
	s.hasten(t, at)
}

// hasten has a task begin no later than at. A run under way is one, and the pause before a
// retry is not cut short.
func (s *Schedule) hasten(t *task, at time.Time) {
	if t.run == 0 && !t.retrying && !t.idle && (!t.Pending() || at.Before(t.Due())) {
		s.due.Set(t, at)
	}
}

// maxAtOnce is how many checks without a warmup begin at once. More are spread over their
// delay_loop, and a second at most.
const maxAtOnce = 100

// begin has the tasks begin that have a new member and no warmup.
func (s *Schedule) begin(now time.Time) {
	count := time.Duration(len(s.fresh))
	for i, t := range s.fresh {
		at := now
		if count > maxAtOnce {
			at = now.Add(min(time.Second, t.conf.Interval) * time.Duration(i) / count)
		}
		s.hasten(t, at)
	}
	s.fresh = nil
}

// leave takes checkers out of their tasks. A task that nobody is left in ends.
func (s *Schedule) leave(list []*checker) {
	left := make(map[*task]bool)
	for _, c := range list {
		c.gone, left[c.task] = true, true
	}
	for t := range left {
		t.members = slices.DeleteFunc(t.members, func(c *checker) bool { return c.gone })
		if len(t.members) > 0 {
			continue
		}
		s.end(t)
		key := keyOf(t.real, t.conf).hash(s.seed)
		rest := slices.DeleteFunc(s.tasks[key], func(o *task) bool { return o == t })
		if s.tasks[key] = rest; len(rest) == 0 {
			delete(s.tasks, key)
		}
	}
}

// end cancels the run of a task, and has none follow.
func (s *Schedule) end(t *task) {
	s.due.Remove(t)
	if t.run != 0 {
		s.underWay--
		t.run = 0
		t.cancel()
	}
}

// start begins a run of a task that has none in progress.
func (s *Schedule) start(t *task, now time.Time) {
	s.runs++
	s.underWay++
	t.began = now
	run, due := s.runs, t.Due()
	late := max(time.Since(due), 0)
	s.lag.counts[event.LatenessClass(late)]++
	s.lag.sum += late
	t.run = run
	s.due.Set(t, now.Add(t.patience()))
	t.cancel = s.opts.Prober.Start(probe.Target{Checker: t.conf, URL: t.url, Due: due}, func(r probe.Result) {
		s.results.Put(func(all *[]outcome) { *all = append(*all, outcome{t, run, r}) })
	})
}

// finish takes the result of a run, for all members.
func (s *Schedule) finish(o outcome, now time.Time) {
	t := o.task
	if t.run != o.run || t.run == 0 {
		return // the run was cancelled
	}
	s.underWay--
	t.run, t.cancel, t.retrying = 0, nil, false
	result := s.outcome(t, &o.result)
	pause, url := t.conf.Interval, t.url
	for _, c := range t.members {
		if s.suspended[c.server.siblings.service] {
			continue
		}
		c.state.URL = url // one that is new was at another one
		d := s.take(c, result, &o.result, now)
		t.url, t.retrying = c.state.URL, t.retrying || d.Retrying
		if d.Next != t.conf.Interval {
			pause = d.Next // after a failure that one forgives, or a page of several
		}
	}
	if o.result.Late {
		soon := min(againSoon, t.conf.Interval)
		s.due.Set(t, now.Add(minPause+time.Duration(s.opts.Rand.Int64N(int64(soon)+1))))
		return
	}
	s.due.Set(t, t.next(pause, s.tick(pause), now))
}

// outcomeOf is what a result means for a checker.
func outcomeOf(r probe.Result) verdict.Outcome {
	switch {
	case r.Local:
		return verdict.Unknown
	case r.OK:
		return verdict.Success
	case r.Withdrawn:
		return verdict.Withdrawal
	}
	return verdict.Failure
}

// next is when the run after this one begins. The pauses of a MISC_CHECK are counted from
// the start of a run, as keepalived does, those of all others from its end.
func (t *task) next(pause, tick time.Duration, now time.Time) time.Time {
	at := now.Add(pause)
	if t.conf.Kind == conf.MiscCheck {
		at = t.began.Add(pause)
	}
	if soonest := now.Add(minPause); at.Before(soonest) {
		return soonest
	}
	if pause < fine {
		return at
	}
	return together(at, tick)
}
