package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/lvs-director/director/retry"
	"github.com/lvs-director/director/supervisor/history"
	"github.com/lvs-director/director/supervisor/statefile"
)

// archive is where configurations that were in force are kept. What is written to it is
// written beside the loop, one thing at a time.
type archive struct {
	store   *history.Store // nil when there is none
	trouble string         // why there is none, or why something was not kept
	owed    *owedEntry     // the newest one that was not kept; nil when it was
	confirm int            // the number that could not be marked as confirmed; 0 is none
	again   retry.Retry    // when what is owed is tried again
	began   time.Time      // when the write under way began; zero when none is
	ended   chan payment   // how it ended
	waiting []func()       // those who wait for what is owed to be written
}

// payment is one write to the history, and how it ended.
type payment struct {
	store   *history.Store
	confirm int        // the number to be marked as confirmed; 0 is none, or that it failed
	owed    *owedEntry // nil is none
	kept    history.Entry
	err     error
}

// slowHistory is when a write that is under way is a problem.
const slowHistory = 10 * time.Second

// owedEntry is a configuration that is in force and not kept yet.
type owedEntry struct {
	config *loaded
	entry  history.Entry
}

// historyFailed says once that the history cannot be written.
func (s *supervisor) historyFailed(err error) {
	s.archive.again.Failed(time.Now())
	if text := err.Error(); text != s.archive.trouble {
		s.archive.trouble = text
		s.log.Warn("failed to write the history of configurations: no rollback to this one, and no fallback to it at "+
			"the next start, until it can be written",
			"error", err)
	}
}

// historyWritten forgets that it could not be.
func (s *supervisor) historyWritten() {
	if s.archive.trouble != "" {
		s.log.Info("the history of configurations is written again")
	}
	s.archive.trouble, s.archive.again = "", retry.Retry{}
}

// keepEntry keeps a configuration that has come into force, as soon as it can.
func (s *supervisor) keepEntry(l *loaded, e history.Entry) {
	l.kept = history.Entry{}
	e.Time, e.Digest = time.Now(), l.Digest()
	e.Instances, e.VirtualServers = len(l.cfg.Instances), len(l.cfg.VirtualServers)
	s.archive.owed = &owedEntry{l, e}
	s.payHistory()
}

// payHistory has what is owed written to the history, beside the loop. What is owed
// meanwhile follows.
func (s *supervisor) payHistory() {
	a := &s.archive
	if !a.began.IsZero() {
		return
	}
	a.began = time.Now()
	p := payment{store: a.store, confirm: a.confirm, owed: a.owed}
	var entry history.Entry // the loop may change the owed one
	if p.owed != nil {
		entry = p.owed.entry
	}
	ended := a.ended
	go func() {
		p.pay(s.opts, entry)
		select {
		case ended <- p:
		case <-s.done:
		}
	}()
}

// pay writes, and finds the history first if need be.
func (p *payment) pay(o *Options, entry history.Entry) {
	if p.store == nil {
		store, err := history.Open(o.StateDir, o.File)
		if err != nil {
			p.confirm, p.err = 0, err
			return
		}
		p.store = store
	}
	if p.confirm != 0 {
		// An entry that is gone cannot be confirmed, now or later: what is owed goes on.
		p.err = p.store.Confirm(p.confirm)
		if errors.Is(p.err, fs.ErrNotExist) {
			p.err = nil
		}
		if p.err != nil {
			p.confirm = 0
			return
		}
	}
	if p.owed != nil {
		p.kept, p.err = p.store.Add(entry, p.owed.config.text)
	}
}

// historyPaid takes in how a write to the history ended.
func (s *supervisor) historyPaid(p payment) {
	a := &s.archive
	a.began, a.store = time.Time{}, p.store
	if p.confirm != 0 && a.confirm == p.confirm {
		a.confirm = 0
	}
	if p.err != nil {
		s.historyFailed(p.err)
	} else {
		s.historyWritten()
	}
	if p.err == nil && p.owed != nil {
		if p.kept.Unconfirmed && !p.owed.entry.Unconfirmed { // it was confirmed while it was written
			p.kept.Unconfirmed, a.confirm = false, p.kept.Number
		}
		p.owed.config.kept = p.kept
		if a.owed == p.owed {
			a.owed = nil
		}
	}
	if p.err == nil && (a.owed != nil || a.confirm != 0) {
		s.payHistory()
		return
	}
	waiting := a.waiting
	a.waiting = nil
	for _, then := range waiting {
		then()
	}
}

// whenRemembered calls then in the loop, once, when what is in force is in the history, or
// will not be in time.
func (s *supervisor) whenRemembered(then func()) {
	a := &s.archive
	if a.began.IsZero() {
		then()
		return
	}
	told := false
	once := func() {
		if !told {
			told = true
			then()
		}
	}
	a.waiting = append(a.waiting, once)
	time.AfterFunc(savePatience, func() { s.post(once) })
}

// remembered returns when what is in force is in the history, or will not be in time.
func (s *supervisor) remembered(ctx context.Context) error {
	_, err := ask(ctx, s, func(answer func(struct{})) { s.whenRemembered(func() { answer(struct{}{}) }) })
	return err
}

// historyTrouble is why the history does not have what is in force; empty when it has.
func (s *supervisor) historyTrouble(now time.Time) string {
	a := &s.archive
	if busy := now.Sub(a.began); a.trouble == "" && !a.began.IsZero() && busy > slowHistory {
		return fmt.Sprintf("the disk has not answered for %v", busy.Round(time.Second))
	}
	return a.trouble
}

// keepStateDir writes what could not be written before.
func (s *supervisor) keepStateDir() {
	now := time.Now()
	if a := &s.archive; a.trouble != "" && a.again.Ready(now) {
		s.payHistory()
	}
	if s.handoverFile.Due(now) {
		s.keepHandovers()
	}
	if s.overrides.file.Due(now) {
		s.keepOverrides()
	}
	s.greetHalves(now)
}

// fileProblems are the files that cannot be written, for status.
func (s *supervisor) fileProblems() (list []string) {
	if why := s.files.problem; why != "" {
		list = append(list, "the files of the run directory are not written: "+why)
	}
	if why := s.pids.Problem(); why != "" {
		list = append(list, "pid files are not written: "+why)
	}
	if k := s.opts.Keepalived; k != nil && k.SNMP {
		list = append(list, noSNMP)
	}
	if why := s.dumps.Problem(time.Now()); why != "" {
		list = append(list, why)
	}
	for _, f := range []*statefile.Saver{s.handoverFile, s.overrides.file} {
		if why := f.Problem(time.Now()); why != "" {
			list = append(list, why)
		}
	}
	if why := s.handoversAside.String(); why != "" {
		list = append(list, "instances that were handed over before the start take part: "+why)
	}
	if why := s.overrides.aside.String(); why != "" {
		list = append(list, "drains and weights that were set before the start are not in force: "+why)
	}
	return append(list, s.pairProblems()...)
}
