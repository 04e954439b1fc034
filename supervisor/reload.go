package supervisor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/keyfile"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/history"
	"github.com/lvs-director/director/supervisor/hostcheck"
	"github.com/lvs-director/director/words"
	"github.com/lvs-director/director/worker"
)

// A reload reads the file beside the supervisor's loop (a large one takes half
// a second), and applies it only when it has no errors: the table first, then,
// when the table is loaded, the addresses. A rollback is the same with a
// configuration of the history.

// order asks for another configuration to be put in force.
type order struct {
	// number is the configuration of the history to go back to; 0 reads the file.
	number int
	// expect is the digest of what the one who asks has seen the plan of;
	// another text is refused. Empty takes any.
	expect string
	// confirm is the time in which a confirmation has to come; 0 needs none.
	confirm time.Duration
	// signal: nobody is there to confirm or to be told.
	signal bool
	result chan control.ReloadReport
}

// answer tells the one who asked, if anybody did.
func (o order) answer(r control.ReloadReport) {
	if o.result != nil {
		o.result <- r // it has room for one
	}
}

// loaded is a configuration that was read.
type loaded struct {
	cfg      *conf.Config
	keys     keyfile.Keys
	findings []conf.Finding
	text     history.Text
	recorder *history.Recorder // nil when it was not read from the disk
	entry    history.Entry     // of the history, when it is from there
	err      error             // why nothing could be read from the history
}

// digest identifies the text; empty before anything was read.
func (l loaded) digest() string {
	if l.cfg == nil {
		return ""
	}
	return l.cfg.Digest
}

// name is what was read, in words.
func (l loaded) name() string {
	if l.entry.Number != 0 {
		return entryName(l.entry) + " of the history"
	}
	return l.cfg.Path
}

// reload puts what is ordered in force and waits for it.
func (s *supervisor) reload(ctx context.Context, o order) (control.ReloadReport, error) {
	o.result = make(chan control.ReloadReport, 1)
	if err := s.do(ctx, func() { s.startReload(o) }); err != nil {
		return control.ReloadReport{}, fmt.Errorf("reload: %w", err)
	}
	select {
	case r := <-o.result:
		return r, nil
	case <-ctx.Done():
		return control.ReloadReport{}, ctx.Err()
	case <-s.done:
		return control.ReloadReport{}, errors.New("reload: director is stopping")
	}
}

// startReload begins to read what is asked for. A file that is being read
// already may be older than the request, so it is read once more after that.
func (s *supervisor) startReload(o order) {
	if s.upgrading {
		o.answer(s.refusal("an upgrade is under way: ask again"))
		s.hupMissed = s.hupMissed || o.signal
		return
	}
	if s.loading && (o.number != 0 || s.rollingBack) {
		o.answer(s.refusal("another configuration is being read just now: ask again"))
		s.again = s.again || o.signal
		return
	}
	s.waiting = append(s.waiting, o)
	if s.loading {
		s.again = true
		return
	}
	s.beginLoading(o.number)
}

func (s *supervisor) beginLoading(number int) {
	s.loading, s.rollingBack = true, number != 0
	s.ready(reloadingNow())
	read := s.load
	if number != 0 {
		store := s.history
		read = func() loaded { return s.loadEntry(store, number) }
	}
	go func() {
		l := read()
		keyfile.Insist(l.findings)
		if l.err == nil && !conf.HasErrors(l.findings) {
			hostcheck.LoadModules(l.cfg)
		}
		select {
		case s.loaded <- l:
		case <-s.done:
		}
	}()
}

// loadEntry reads a configuration of the history.
func (s *supervisor) loadEntry(store *history.Store, number int) loaded {
	if store == nil {
		return loaded{err: errors.New("there is no history: director status says why")}
	}
	e, text, err := store.Load(number)
	if err != nil {
		return loaded{err: err}
	}
	l := s.loadText(text)
	l.entry = e
	return l
}

func (s *supervisor) finishLoading(l loaded) {
	s.loading = false
	if l.recorder != nil {
		s.disk = l
	}
	if s.again {
		s.again = false
		s.waiting = slices.DeleteFunc(s.waiting, func(o order) bool {
			if o.number != 0 { // it was read for this one
				o.answer(s.refusal("the file was to be read again at the same time: ask again"))
			}
			return o.number != 0
		})
		if len(s.waiting) == 0 {
			s.waiting = append(s.waiting, order{signal: true})
		}
		s.beginLoading(0)
		return
	}
	orders := s.stillWanted(l)
	if len(orders) == 0 {
		s.ready("READY=1")
		return
	}
	entry := history.Entry{Reason: "reload"}
	if s.rollingBack {
		entry = history.Entry{Reason: fmt.Sprintf("rollback to %d", l.entry.Number), Of: l.entry.Of, Replaced: s.current.digest()}
	}
	s.replace(l, entry, orders)
}

// stillWanted answers the orders that what was read is not for, and gives the others.
func (s *supervisor) stillWanted(l loaded) []order {
	orders := s.waiting
	s.waiting = nil
	refused := ""
	switch {
	case l.err != nil:
		refused = l.err.Error()
		s.log.Error("configuration not replaced", "error", l.err)
	case !conf.HasErrors(l.findings):
		logFindings(s.log, l.findings)
		if needsRestart(s.current.cfg, l.cfg) {
			refused = "net_namespace, net_namespace_ipvs and instance change with a restart only"
			s.log.Error("reload refused: "+refused, "config", l.cfg.Path, "generation", s.generation)
		}
	default:
		logFindings(s.log, l.findings)
		refused = fmt.Sprintf("%s has errors: generation %d keeps running unchanged", l.cfg.Path, s.generation)
		s.log.Error("reload refused: the configuration has errors, the old one stays in force",
			"config", l.cfg.Path, "generation", s.generation)
	}
	return slices.DeleteFunc(orders, func(o order) bool {
		why := refused
		if why == "" && o.expect != "" && o.expect != l.digest() {
			why = "the text has changed since the plan was made: look at the plan again"
		}
		if why != "" {
			r := s.refusal(why)
			r.Findings = control.Findings(l.findings)
			o.answer(r)
		}
		return why != ""
	})
}

// needsRestart says that the configurations differ in what cannot be changed
// under a running director.
func needsRestart(a, b *conf.Config) bool {
	return a.NetworkNamespace != b.NetworkNamespace || a.IPVSNamespace != b.IPVSNamespace || a.InstanceName != b.InstanceName
}

func (s *supervisor) refusal(why string) control.ReloadReport {
	return control.ReloadReport{File: s.opts.File, Generation: s.generation, Refused: why}
}

// replace puts a configuration without errors in force.
func (s *supervisor) replace(l loaded, e history.Entry, orders []order) {
	before := s.current
	s.current, s.generation, s.fallback = l, s.generation+1, ""
	s.applying = append(s.applying, orders...)
	s.known.Forget(l.cfg)
	s.forgetHandovers()
	s.log.Info("reloading", "config", l.cfg.Path, "generation", s.generation, "digest", words.ShortDigest(l.digest()), "reason", e.Reason)
	s.notify.Apply(l.cfg)
	s.tracking.Apply(l.cfg)
	if s.workers[worker.LVS] != nil {
		s.configureRunning(worker.LVS)
		s.tableWait.Reset(tablePatience)
		s.tableAwaited = true
	} else {
		s.configureRunning(worker.VRRP)
	}
	s.giveUpWaiting(s.generation)
	e.Unconfirmed = s.await(before, orders)
	s.remember(e)
}

// configureRunning sends a running worker the configuration of a reload. One
// that does not run gets it when it starts.
func (s *supervisor) configureRunning(name string) {
	w := s.workers[name]
	if w == nil || w.pid == 0 {
		return
	}
	w.given, w.cfg, w.keys = s.generation, s.current.cfg, nil
	if name == worker.VRRP {
		w.keys = s.current.keys
	}
	w.keeper.Send("configure", worker.Message{Configure: &worker.Configure{
		Generation: s.generation, Config: s.current.cfg, Keys: w.keys, Proceed: s.proceeded, Trackers: s.trackers(),
		HandOver:      worker.HandOver{Numbers: s.handovers.Numbers()},
		KeepAddresses: s.opts.KeepAddresses, KeepServices: s.opts.KeepServices,
	}})
}

// giveUpWaiting answers those who wait for generation when the workers take too long.
func (s *supervisor) giveUpWaiting(generation uint64) {
	time.AfterFunc(control.ApplyPatience, func() {
		_ = s.do(context.Background(), func() {
			if s.generation == generation {
				s.answerReloads(true)
			}
		})
	})
}

// answerReloads tells those who asked for a reload that it is in force, once it is.
func (s *supervisor) answerReloads(overdue bool) {
	if s.loading || s.generation == 1 || s.reported == s.generation {
		return
	}
	r := control.ReloadReport{
		File: s.current.name(), Applied: true, Generation: s.generation, Number: s.entry.Number,
		Findings: control.Findings(s.current.findings), ConfirmUntil: s.confirmUntil(),
	}
	for name, w := range s.workers {
		switch {
		case w.applied.Generation == s.generation && w.applied.Error != "":
			r.Problems = append(r.Problems, w.applied.Error)
		case w.applied.Generation == s.generation:
		case overdue:
			r.Problems = append(r.Problems, fmt.Sprintf("the %s worker has not applied it after %v", name, control.ApplyPatience))
		default:
			return
		}
	}
	s.reported = s.generation
	if e := s.known.Table.Error; e != "" && s.known.Table.Generation == s.generation {
		r.Problems = append(r.Problems, e)
	}
	s.log.Info("reloaded", "config", s.current.cfg.Path, "generation", s.generation)
	s.ready("READY=1")
	for _, o := range s.applying {
		o.answer(r)
	}
	s.applying = nil
}
