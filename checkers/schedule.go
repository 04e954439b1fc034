package checkers

import (
	"context"
	"hash/maphash"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/checkers/verdict"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/deadline"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/mailbox"
)

// Prober carries runs out. *probe.Prober is the real one.
type Prober interface {
	// Start begins a run and returns at once. It calls done at most once, from any
	// goroutine; after cancel it may still do so once.
	Start(t probe.Target, done func(probe.Result)) (cancel func())
}

// Options are what a Schedule needs from its surroundings. Events and Results
// are called from the goroutine that owns the schedule: they must not block
// and must not call back.
type Options struct {
	Log    *slog.Logger
	Prober Prober
	// Rand spreads the first runs over the warmup. The Schedule owns it.
	Rand *rand.Rand
	// Events is called with the states of real servers: of those that are new, or are
	// configured otherwise, when a configuration is applied, and whenever they have
	// changed. Those that change at the same time come together.
	Events func([]event.RealServerState)
	// Results is called with results that change something: the first one of a checker,
	// those with another verdict than the one before or another warning, and those with another
	// reason for the same bad verdict, that at most once in tellAgain. All are remembered; see Ask.
	Results func(event.CheckResult)
	// Number numbers the changes of real servers, from the Schedule's goroutine; nil does not.
	Number func() event.Number
}

// Snapshot is what was known of real servers before this process started.
type Snapshot map[conf.RealServerID]event.RealServerState

// SnapshotOf makes a snapshot of a list of states.
func SnapshotOf(known []event.RealServerState) Snapshot {
	s := make(Snapshot, len(known))
	for _, state := range known {
		if id, err := conf.ParseRealServer(state.VirtualServer, state.RealServer); err == nil {
			s[id] = state // one with another name is in no configuration
		}
	}
	return s
}

// tellAgain is how soon another reason of a failure is passed on: it may be another one
// each time.
const tellAgain = 10 * time.Second

// minPause is the least time between two runs of a checker: a configured delay of
// 0 must not become a busy loop.
const minPause = time.Millisecond

// Schedule runs the checkers of a configuration.
type Schedule struct {
	opts    Options
	applies chan application
	files   chan tracked
	halts   chan map[conf.ServiceID]bool
	results *mailbox.Mailbox[[]outcome] // bounded by the runs under way: each sends one
	// questions are those that wait, and memories what an earlier schedule remembered.
	questions *mailbox.Mailbox[[]question]
	memories  chan []event.CheckHistory
	stop      chan struct{}
	ended     chan struct{}

	// Owned by the goroutine.
	services map[conf.ServiceID]*siblings
	round    uint64             // number of the last configuration
	tasks    map[uint64][]*task // by the hash of their keys
	seed     maphash.Seed       // of these hashes
	due      deadline.Heap[*task]
	longest  time.Duration          // of the ticks
	fresh    []*task                // those that a configuration has begin without a warmup
	ramps    deadline.Heap[*server] // real servers that start slowly, by the time of the next step
	runs     uint64                 // number of the last run
	// underWay is how many runs are.
	underWay int
	news     []event.RealServerState // for Events
	causes   event.Numbers           // of the configuration that is being applied
	hosts    hostTrouble
	// suspended are the virtual servers that are not checked at present.
	suspended map[conf.ServiceID]bool
	// lag is how late runs have begun.
	lag struct {
		counts [len(event.LatenessBounds) + 1]uint64
		sum    time.Duration
	}
	// expected is when the timer is to fire, and slept when this process was found to be late.
	expected, slept time.Time
}

type application struct {
	cfg      *conf.Config
	snapshot Snapshot
	causes   event.Numbers
	done     chan struct{}
}

// outcome is the result of a run on its way to the owner.
type outcome struct {
	task   *task
	run    uint64
	result probe.Result
}

// New starts a schedule without checkers. Close ends it, but not the Prober.
func New(opts Options) *Schedule {
	if opts.Number == nil {
		opts.Number = func() event.Number { return "" }
	}
	s := &Schedule{
		opts: opts, applies: make(chan application), files: make(chan tracked),
		halts: make(chan map[conf.ServiceID]bool), results: mailbox.New[[]outcome](),
		questions: mailbox.New[[]question](), memories: make(chan []event.CheckHistory),
		stop: make(chan struct{}), ended: make(chan struct{}),
		tasks: make(map[uint64][]*task), seed: maphash.MakeSeed(),
	}
	go s.own()
	return s
}

// Apply replaces the configuration and returns when that is done and the state of
// every real server that it changes was passed to Events. Checkers that are the same as before
// are not touched. Real servers that are new to the schedule start with their
// state in snapshot, which may be nil. cfg must not be changed afterwards. causes are the events
// that brought it.
func (s *Schedule) Apply(cfg *conf.Config, snapshot Snapshot, causes ...event.Number) {
	a := application{cfg, snapshot, event.NumbersOf(causes...), make(chan struct{})}
	select {
	case s.applies <- a:
		<-a.done
	case <-s.ended:
	}
}

// FileChanged has the checks of a track_file run at once.
func (s *Schedule) FileChanged(name string) { s.outsideChanged(tracked{conf.FileCheck, name}) }

// SessionChanged has the checks of a BFD session run at once.
func (s *Schedule) SessionChanged(name string) { s.outsideChanged(tracked{conf.BFDCheck, name}) }

// tracked is something that others watch and that checks of a kind follow.
type tracked struct {
	kind conf.CheckKind
	name string
}

func (s *Schedule) outsideChanged(what tracked) {
	select {
	case s.files <- what:
	case <-s.ended:
	}
}

// Suspend has no checks made of the real servers of these virtual servers, and of no
// others: what is known of them stays. Those that were suspended before are checked at once.
// The set must not be changed afterwards, and is for later configurations too.
func (s *Schedule) Suspend(set map[conf.ServiceID]bool) {
	select {
	case s.halts <- set:
	case <-s.ended:
	}
}

// Close ends the schedule and cancels every run. It must be called only once.
func (s *Schedule) Close() {
	close(s.stop)
	<-s.ended
}

func (s *Schedule) own() {
	defer close(s.ended)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var results []outcome
	for {
		select {
		case a := <-s.applies:
			s.causes = a.causes
			s.apply(a.cfg, a.snapshot, time.Now())
			s.causes = ""
			s.tell()
			close(a.done)
		case set := <-s.halts:
			s.suspended = set
			s.settle()
			s.begin(time.Now())
		case what := <-s.files:
			s.lookAt(what, time.Now())
		case <-s.results.Signal():
			results = s.results.Take(results[:0])
			now := time.Now()
			s.noticeLateness(now)
			for i, o := range results {
				s.finish(o, now)
				results[i] = outcome{}
			}
		case <-s.questions.Signal():
			for _, q := range s.questions.Take(nil) {
				s.reply(q)
			}
		case list := <-s.memories:
			s.remember(list)
		case <-timer.C:
			s.noticeLateness(time.Now())
			s.rampsDue(time.Now())
		case <-s.stop:
			for _, list := range s.tasks {
				for _, t := range list {
					s.end(t)
				}
			}
			return
		}
		s.tell()
		now := time.Now()
		s.noticeLateness(now)
		for t, ok := s.due.Pop(now); ok; t, ok = s.due.Pop(now) {
			if t.run != 0 {
				s.frozen(t, now)
			} else {
				s.start(t, now)
			}
		}
		at, ok := s.due.Next()
		if next, ramps := s.ramps.Next(); ramps && (!ok || next.Before(at)) {
			at, ok = next, true
		}
		end := time.Now()
		if end.Sub(now) > lateness {
			s.slept = end
		}
		if look := end.Add(lateness / 2); s.underWay > 0 && (!ok || look.Before(at)) {
			at, ok = look, true // whether this process is late for the results
		}
		s.expected = at
		if ok {
			timer.Reset(at.Sub(end))
		}
	}
}

// take gives a checker the result of a run of its task.
func (s *Schedule) take(c *checker, outcome verdict.Outcome, r *probe.Result, now time.Time) verdict.Decision {
	sv := c.server
	c.last = seenOf(event.CheckResult{Verdict: verdictOf(outcome), At: now, Took: r.Took})
	c.reason = c.past.add(c.last, r.Reason)
	c.counted[outcome]++
	known := s.cannotTell(c, outcome, r, now)
	url := c.state.URL // of this run
	d := c.state.Step(c.task.rules(), outcome)
	s.tellResult(c, c.takeWarning(url, outcome, r.Warning), now)
	s.logFlaps(sv, now)

	if d.Retrying && c.task.conf.LogAll {
		s.opts.Log.Info("check failed, trying again",
			"virtual_server", sv.state.VirtualServer, "real_server", sv.state.RealServer, "checker", c.name,
			"reason", c.reason, "failure", c.state.Failures, "retries", c.task.conf.Retries)
	}
	// A first result also replaces the reason "not checked yet" of a server that is down.
	wasUp, initial := sv.state.Up, sv.state.Initial
	news := d.Changed || known || d.First && (sv.state.Initial || !sv.state.Up)
	if news {
		reason := c.name + ": " + c.reason
		if sv.state.Initial && c.state.Ran {
			sv.state.Initial, sv.state.Reason = false, reason
		}
		s.updateState(sv, reason, now)
		if !wasUp && sv.state.Up && !initial {
			sv.cameBack = now
		}
		s.ramp(sv, now)
		s.noticeTogether(sv, now)
	}
	if sv.updateWarnings() {
		news = true
	}
	if c.takeWish(outcome, r.Wish) && sv.updateWeight() || news {
		s.news = append(s.news, sv.state)
	}
	return d
}

// tellResult passes a result on when it changes something, be it what is warned of.
func (s *Schedule) tellResult(c *checker, warned bool, now time.Time) {
	same := !warned && !c.toldAt.IsZero() && c.told == c.last.verdict
	if same && (c.told == event.Alive || c.toldReason == c.reason || now.Sub(c.toldAt) < tellAgain) {
		return
	}
	c.told, c.toldReason, c.toldAt = c.last.verdict, c.reason, now
	r := c.result()
	c.count(&r)
	s.opts.Results(r)
}

// tell passes on what has changed. The list is the receiver's.
func (s *Schedule) tell() {
	if len(s.news) > 0 {
		s.opts.Events(s.news)
		s.news = nil
	}
}

// updateState makes the state of a real server follow its checkers.
func (s *Schedule) updateState(sv *server, reason string, now time.Time) {
	alive, failed, unknown := sv.verdict()
	sv.state.Failed, sv.state.Unknown = failed, unknown
	if alive == sv.state.Up {
		return
	}
	from, to, level, text := "up", "down", slog.LevelWarn, "real server is down"
	if alive {
		from, to, level, text = to, from, slog.LevelInfo, "real server is up"
	}
	sv.state.Up, sv.state.Since, sv.state.Reason = alive, now, reason
	sv.state.Event, sv.state.Causes = s.opts.Number(), s.causes
	if !sv.lines.may(now) {
		sv.lines.left++
		return
	}
	s.opts.Log.Log(context.Background(), level, text,
		"virtual_server", sv.state.VirtualServer, "real_server", sv.state.RealServer,
		"from", from, "to", to, "reason", reason)
}
