package supervisor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/fronts"
	"github.com/lvs-director/director/supervisor/installed"
	"github.com/lvs-director/director/supervisor/notifytest"
	"github.com/lvs-director/director/supervisor/pair"
	"github.com/lvs-director/director/supervisor/peers"
	"github.com/lvs-director/director/supervisor/rollout"
	"github.com/lvs-director/director/supervisor/status"
	"github.com/lvs-director/director/vrrp/track"
	"github.com/lvs-director/director/worker"
	"github.com/lvs-director/director/worker/front"
)

// facts are what a status is made of; it is called in the supervisor's goroutine, and costs next to nothing.
func (s *supervisor) facts() status.Facts {
	f := status.Facts{
		Now: time.Now(), Known: s.known.Frozen(), Config: s.current().cfg, Findings: s.current().findings,
		Header: control.Status{
			Version: s.opts.Version, Pid: os.Getpid(), Since: s.started,
			ConfigState: s.state(), Scripts: control.Scripts(append(s.hooks.last(), s.notify.Last()...)),
			FIFOs: control.FIFOs(s.fifos.Status()),
		},
		Workers: s.rollout.Workers(), ReplaceProblem: s.rollout.ReplaceProblem(),
		Problems: append(s.fileProblems(), s.namespaceProblems()...), Orders: make(map[string]control.Order),
		Overrides: s.overrides.set.List(), Lifted: s.overrides.set.Lifted(), HostName: s.overrides.set.Host,
		Host:     track.Host{Trackers: trackersByKey(append(s.trackers(), s.bfdTrackers()...))},
		Trackers: status.Trackers(s.tracking.Known()),
	}
	if why := s.readers.Problem(); why != "" {
		f.Problems = append(f.Problems, why)
	}
	if why := s.chronicle.log.Problem(); why != "" {
		f.Problems = append(f.Problems, why)
	}
	for _, p := range f.Header.FIFOs {
		if p.Problem != "" {
			f.Problems = append(f.Problems, p.Keyword+" "+p.Path+": "+p.Problem)
		}
	}
	f.Header.LastReload = status.LastReload(s.refused.why, s.refused.at, s.reload.Generation(), s.current().kept.Time)
	for _, i := range f.Config.Instances {
		if o, ok := s.handovers.Of(i.Name); ok {
			f.Orders[i.Name] = control.Order{Since: o.Since, Until: o.Until}
		}
	}
	if m, on := s.mail.Status(); on {
		f.Header.Mail = control.NewMail(m)
		if why := m.Problem(); why != "" {
			f.Problems = append(f.Problems, why)
		}
	}
	var announcing []control.Problem
	f.Header.Announces, announcing = s.announcing.Report(f.Now)
	f.Header.Problems = slices.Clip(announcing)
	return f
}

// publish has the facts of now for those who look while the loop is busy; it is called in the loop, before what may
// take long.
func (s *supervisor) publish() *status.Facts {
	f := s.facts()
	s.looking.facts.Store(&f)
	return &f
}

// publishEach is how old the facts of a loop that is busy are at most, when it did not see that coming.
const publishEach = 10 * time.Second

// publishOld publishes when nobody has looked for a while.
func (s *supervisor) publishOld(now time.Time) {
	if last := s.looking.facts.Load(); last == nil || now.Sub(last.Now) >= publishEach {
		s.publish()
	}
}

// latestFacts are those of now, or of when the loop was heard last: stale says that it is busy for longer than that.
func (s *supervisor) latestFacts(ctx context.Context, patience time.Duration) (f *status.Facts, stale bool, err error) {
	made := make(chan *status.Facts, 1)
	inTime, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = s.do(inTime, func() { made <- s.publish() })
	last := s.looking.facts.Load()
	switch {
	case err == nil:
		return <-made, false, nil
	case ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded):
		return nil, false, err
	case last != nil:
		return last, true, nil
	}
	err = s.do(ctx, func() { made <- s.publish() }) // it has only begun: there is nothing to show yet
	if err != nil {
		return nil, false, err
	}
	return <-made, false, nil
}

// made is what director status shows, and what it was made of.
type made struct {
	status control.Status
	facts  *status.Facts
}

// report makes it beside the loop. All who look at about the same time share it.
func (s *supervisor) report(ctx context.Context) (m made, err error) {
	links, err := s.looking.links.Get(ctx)
	if err != nil {
		return m, err
	}
	latest, stale, err := s.latestFacts(ctx, loopPatience)
	if err != nil {
		return m, err
	}
	f := *latest
	f.Host.Interfaces = links
	w, problems, on := fronts.Report(s.front.State())
	f.Problems = append(slices.Clip(f.Problems), problems...)
	r := status.Make(f)
	s.reportPair(&r)
	if on {
		r.Workers, r.Parts = append(r.Workers, w), append(r.Parts, status.WorkerPart(w))
	}
	if stale {
		r = status.Stale(r, time.Now())
	}
	return made{r, latest}, nil
}

// forFront is the status of which the front is told a part (fronts.Visible). What checks remember is not
// asked for: it is no part of that. What they have counted is, when there are series of single checks.
func (s *supervisor) forFront(ctx context.Context) ([]byte, error) {
	if err := s.countForFront(ctx); err != nil {
		return nil, fmt.Errorf("status: %w", err)
	}
	m, err := s.looking.reports.Get(ctx)
	if err != nil {
		return nil, fmt.Errorf("status: %w", err)
	}
	v := fronts.Snapshot{Status: fronts.Visible(m.status)}
	if m.facts.Config.Web.Wanted() {
		v = fronts.ForPage(m.status, s.chronicle.log.Recent())
	}
	v.CheckStartLag = m.facts.Known.CheckLag
	status.CountChecks(m.facts.Known.CheckCounts, v.VirtualServers)
	return s.looking.front.Of(v)
}

// countForFront has what workers count brought up to date. A loop that is busy, and a worker that hangs, are not
// waited for: what is old has its age.
func (s *supervisor) countForFront(ctx context.Context) error {
	inTime, cancel := context.WithTimeout(ctx, 2*checksPatience)
	defer cancel()
	series := make(chan bool, 1)
	err := s.do(inTime, func() {
		s.watch(time.Now())
		series <- s.current().cfg.Metrics.RealServers.Bool(true)
	})
	if err == nil {
		s.countChecks(inTime, !<-series)
		err = s.count(inTime)
	}
	if ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// reportPair puts what is known of the peers into a status.
func (s *supervisor) reportPair(r *control.Status) {
	list, findings := s.peers.Report()
	if s.front.State().Silent { // what it said last of them is old
		for n := range list {
			list[n].Up, list[n].Error = false, "the front does not answer"
		}
	}
	r.Peers = list
	for _, f := range findings {
		r.Problems = append(r.Problems, control.Problem{Object: f.Object, Text: f.Text})
	}
}

// forPeers is how this half is, for the others. It is asked for each second, so it is no whole report, and what it has
// of real servers is made when that may be another one. What is known of a loop that hangs is told for a while only,
// after which this half says nothing of itself.
func (s *supervisor) forPeers(ctx context.Context) (o peers.Own, err error) {
	links, err := s.looking.links.Get(ctx)
	if err != nil {
		return o, err
	}
	latest, stale, err := s.latestFacts(ctx, loopPatience)
	switch {
	case err != nil:
		return o, err
	case stale && time.Since(latest.Now) > publishEach:
		return o, fmt.Errorf("the supervisor has been busy since %s", latest.Now.Format(time.TimeOnly))
	}
	f := *latest
	f.Host.Interfaces = links
	return peers.Own{Status: status.Half(f), Config: f.Config, Verdicts: f.Known.Verdicts(),
		Servers: func() []control.VirtualServer { return status.Verdicts(f) }}, nil
}

// pairProblem says what becomes wrong with the pair, and what is right again.
func (s *supervisor) pairProblem(f pair.Finding, begins bool) {
	was, is := "well", "wrong"
	if begins {
		s.log.Warn("the pair", "problem", f.Text)
	} else {
		s.log.Info("the pair: a problem is over", "problem", f.Text)
		was, is = is, was
	}
	s.chronicle.log.Note(event.Record{Kind: event.RecordProblem, Object: "pair", From: was, To: is, Text: f.Text})
}

// PeerDiff says how the configuration of a peer differs.
func (s *supervisor) PeerDiff(ctx context.Context, q control.PeerDiffRequest) (control.PeerDiffReport, error) {
	r, err := s.peers.Diff(ctx, q)
	if err != nil {
		return r, fmt.Errorf("diff: %w", err)
	}
	return r, nil
}

// SendGARP has the vrrp worker announce the addresses of an instance that is MASTER; the front asks for it.
func (s *supervisor) SendGARP(ctx context.Context, q front.About) (err error) {
	id := q.Instance
	failed := s.do(ctx, func() {
		for _, i := range s.current().cfg.Instances {
			if i.ID().String() != id {
				continue
			}
			if is, _ := s.known.Of(i); is.State != event.Master {
				err = fmt.Errorf("%s is %v: only a MASTER announces its addresses", i.Name, is.State)
				return
			}
			s.command(ctx, "instance "+i.Name, "gratuitous ARP")
			s.sendVRRP("announce "+id, worker.Message{Announce: &worker.Announce{ID: id}})
			return
		}
		err = errors.New("there is no such instance")
	})
	return cmp.Or(failed, err)
}

// toldFront passes a state of an instance on to the front.
func (s *supervisor) toldFront(i event.InstanceState) {
	id := i.ID
	if id == "" { // of an older worker
		if found := instanceNamed(s.current().cfg, i.Instance); found != nil {
			id = found.ID().String()
		}
	}
	s.front.Changed(id, i)
}

func trackersByKey(list []event.TrackerState) map[track.Key]event.TrackerState {
	m := make(map[track.Key]event.TrackerState, len(list))
	for _, t := range list {
		m[track.Key{Kind: t.Kind, Name: t.Name}] = t
	}
	return m
}

// state is called in the supervisor's goroutine.
func (s *supervisor) state() control.ConfigState {
	c := control.ConfigState{
		Config: s.opts.File, Generation: s.reload.Generation(), Digest: s.current().Digest(), Number: s.current().kept.Number,
		AppliedAt: s.current().kept.Time, StateDir: s.opts.StateDir,
		HistoryError: s.historyTrouble(time.Now()), Fallback: s.fallback,
		ReloadRefused: s.refused.why, ReloadRefusedAt: s.refused.at,
	}
	if until := s.reload.ConfirmUntil(); !until.IsZero() {
		c.ConfirmUntil = &until
	}
	return c
}

// TestNotify tries each kind of notification that the configuration asks for.
func (s *supervisor) TestNotify(ctx context.Context, q control.NotifyTestRequest) (control.NotifyTest, error) {
	return notifytest.Try(ctx, notifytest.Parts{Mail: s.mail.Mailer, FIFOs: s.fifos, Scripts: s.notify}, q), nil
}

// compareProgram looks whether the file of this program holds another one by now, never in the supervisor's goroutine.
func (s *supervisor) compareProgram(ctx context.Context, r *control.Status) error {
	path, err := ownFile()
	if err != nil {
		r.Problems = append(r.Problems, control.Problem{Text: "the installed version is not known: " + err.Error()})
		return nil
	}
	var known installed.File
	if err := s.do(ctx, func() { known = s.program }); err != nil {
		return err
	}
	known = installed.Look(ctx, known, path, "/proc/self/exe")
	if why := known.Problem(path, s.opts.Version); why != "" {
		r.Problems = append(r.Problems, control.Problem{Text: why})
	}
	return s.do(ctx, func() { s.program = known })
}

// compareFile looks whether the file on disk is what is in force. It reads the
// file only when it was changed since it was read last, and never in the
// supervisor's goroutine.
func (s *supervisor) compareFile(ctx context.Context, c *control.ConfigState) error {
	var disk *loaded
	if err := s.do(ctx, func() { disk = s.disk }); err != nil {
		return err
	}
	if disk.recorder == nil || disk.recorder.Changed() {
		disk = s.opts.load()
		disk.cfg = &conf.Config{Path: disk.cfg.Path, Digest: disk.cfg.Digest} // the rest is not needed
		if err := s.do(ctx, func() { s.disk = disk }); err != nil {
			return err
		}
	}
	c.FileErrors, _, _ = conf.Count(disk.findings)
	c.FileDiffers = disk.Digest() != c.Digest
	if !c.FileDiffers {
		c.ReloadRefused, c.ReloadRefusedAt = "", time.Time{}
	}
	return nil
}

// The lvs worker tells results of checks when they change something. It remembers the last
// ones of each checker, and is asked for them when somebody wants to know.

// checksPatience is how long an answer of the lvs worker is waited for.
const checksPatience = 300 * time.Millisecond

// asking are the questions for results and counts that are not answered yet.
type asking struct {
	last uint64
	open map[uint64]*asked
}

type asked struct {
	list   []event.CheckHistory
	counts []event.CheckCounts
	lag    event.Lateness
	whole  bool          // the last part of the answer is here
	done   chan struct{} // closed then
}

// askChecks sends a question; nil when there is nobody to ask. forgetChecks ends it.
func (s *supervisor) askChecks(q worker.AskChecks) (uint64, *asked) {
	return s.askLVS(func(id uint64) worker.Message { q.ID = id; return worker.Message{AskChecks: &q} })
}

// askLVS sends the question that make makes, as askChecks.
func (s *supervisor) askLVS(question func(id uint64) worker.Message) (uint64, *asked) {
	if !s.runs(rollout.LVS) {
		return 0, nil
	}
	if s.asking.last == 0 {
		// A worker may still answer what a supervisor before an upgrade has asked.
		s.asking.last = rand.Uint64() >> 1
	}
	s.asking.last++
	id := s.asking.last
	a := &asked{done: make(chan struct{})}
	if s.asking.open == nil {
		s.asking.open = make(map[uint64]*asked)
	}
	s.asking.open[id] = a
	s.keepers[rollout.LVS].Send(fmt.Sprintf("ask checks %d", id), question(id))
	return id, a
}

// checkHistory takes a part of an answer. One that nobody waits for any more is dropped.
func (s *supervisor) checkHistory(h worker.CheckHistory) {
	a := s.asking.open[h.ID]
	if a == nil {
		return
	}
	a.list = append(a.list, h.List...)
	if h.Last {
		delete(s.asking.open, h.ID)
		a.whole = true
		close(a.done)
	}
}

// checksCounted takes a part of an answer, as checkHistory.
func (s *supervisor) checksCounted(c worker.ChecksCounted) {
	a := s.asking.open[c.ID]
	if a == nil {
		return
	}
	a.counts = append(a.counts, c.List...)
	if c.Last {
		a.lag = c.Lag
		delete(s.asking.open, c.ID)
		a.whole = true
		close(a.done)
	}
}

// countChecks has the counts of the checks brought up to date, if that is possible in time.
func (s *supervisor) countChecks(ctx context.Context, lagAlone bool) {
	a, err := s.answer(ctx, func() (uint64, *asked) {
		return s.askLVS(func(id uint64) worker.Message {
			return worker.Message{CountChecks: &worker.CountChecks{ID: id, Lag: lagAlone}}
		})
	})
	if err == nil {
		_ = s.do(ctx, func() { s.known.CheckCounts, s.known.CheckLag = a.counts, &a.lag })
	}
}

// checks asks for results from another goroutine than the loop's.
func (s *supervisor) checks(ctx context.Context, q worker.AskChecks) ([]event.CheckHistory, error) {
	a, err := s.answer(ctx, func() (uint64, *asked) { return s.askChecks(q) })
	if err != nil {
		return nil, err
	}
	return a.list, nil
}

// answer asks the lvs worker and waits for the whole answer, for so long at most.
func (s *supervisor) answer(ctx context.Context, ask func() (uint64, *asked)) (*asked, error) {
	var id uint64
	var a *asked
	if err := s.do(ctx, func() { id, a = ask() }); err != nil {
		return nil, err
	}
	if a == nil {
		return nil, fmt.Errorf("asking for results of checks: the lvs worker does not run")
	}
	enough := time.NewTimer(checksPatience)
	defer enough.Stop()
	select {
	case <-a.done:
		return a, nil
	case <-enough.C:
	case <-s.done:
		return nil, errStopping
	case <-ctx.Done():
	}
	go s.post(func() { delete(s.asking.open, id) }) // the loop may be busy
	return nil, fmt.Errorf("asking for results of checks: the lvs worker does not answer within %v", checksPatience)
}

// Checks says what is remembered of the checks of an object.
func (s *supervisor) Checks(ctx context.Context, q control.ChecksRequest) (control.ChecksReport, error) {
	var r control.ChecksReport
	ask := worker.AskChecks{}
	err := s.do(ctx, func() {
		ask.VirtualServers, ask.RealServers = status.Named(s.current().cfg, q.Name)
	})
	if err != nil {
		return r, fmt.Errorf("asking for results of checks: %w", err)
	}
	if len(ask.VirtualServers) == 0 {
		return r, nil
	}
	list, err := s.checks(ctx, ask)
	if err != nil {
		r.Error = err.Error()
	}
	r.Checkers = control.NewHistories(list)
	return r, nil
}

// Told says what scripts and FIFOs were told of an object.
func (s *supervisor) Told(ctx context.Context, q control.ToldRequest) (control.ToldReport, error) {
	var cfg *conf.Config
	if err := s.do(ctx, func() { cfg = s.current().cfg }); err != nil {
		return control.ToldReport{}, fmt.Errorf("asking what scripts and FIFOs were told: %w", err)
	}
	list := append(control.ToldByScripts(s.notify.Recent(), s.notify.Last()), control.ToldByFIFOs(s.fifos.Status())...)
	list = slices.DeleteFunc(list, func(t control.Told) bool { return !status.About(cfg, t.Object, q.Name) })
	return control.ToldReport{Told: control.LastTold(list, q.Limit)}, nil
}

// wholePatience is how long a worker that is replaced may take to tell all that it remembers of
// so many checks: of each its last results, of many checks fewer of each. 40,000 results take
// half a second on an idle host.
func wholePatience(checks int) time.Duration {
	results := max(checks, min(20*checks, 40_000))
	return min(checksPatience+time.Duration(results)*time.Second/40_000, 3*time.Second)
}

// replaceLVS replaces the lvs worker by one that knows what it remembers.
func (s *supervisor) replaceLVS() {
	keeper := s.keepers[rollout.LVS]
	id, a := s.askChecks(worker.AskChecks{})
	if a == nil {
		go keeper.Replace()
		return
	}
	checks := s.current().checks()
	patience := wholePatience(checks)
	go func() {
		whole := false // a worker that dies meanwhile leaves a part of an answer
		select {
		case <-a.done:
			whole = true
		case <-time.After(patience):
			s.log.Warn("the lvs worker does not tell in time what it remembers of its checks: the next one knows the result "+
				"of each that was told last", "waited", patience, "checks", checks)
		case <-s.done:
		}
		s.post(func() {
			if whole {
				s.known.Histories = a.list
			}
			delete(s.asking.open, id)
		})
		keeper.Replace()
	}()
}
