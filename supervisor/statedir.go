package supervisor

import (
	"time"

	"github.com/lvs-director/director/retry"
	"github.com/lvs-director/director/supervisor/history"
	"github.com/lvs-director/director/supervisor/statefile"
)

// archive is where configurations that were in force are kept.
type archive struct {
	store   *history.Store // nil when there is none
	trouble string         // why there is none, or why something was not kept
	owed    *owedEntry     // the newest one that was not kept; nil when it was
	confirm int            // the number that could not be marked as confirmed; 0 is none
	again   retry.Retry    // when what is owed is tried again
}

// owedEntry is a configuration that is in force and not kept yet.
type owedEntry struct {
	config *loaded
	entry  history.Entry
}

// openHistory finds the history of the configuration file.
func (s *supervisor) openHistory() {
	var err error
	if s.archive.store, err = history.Open(s.opts.StateDir, s.opts.File); err != nil {
		s.historyFailed(err)
	}
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

// payHistory writes what is owed to the history.
func (s *supervisor) payHistory() {
	a := &s.archive
	if a.store == nil {
		s.openHistory()
	}
	if a.store == nil {
		return
	}
	if a.confirm != 0 {
		if err := a.store.Confirm(a.confirm); err != nil {
			s.historyFailed(err)
			return
		}
		a.confirm = 0
	}
	if a.owed != nil {
		kept, err := a.store.Add(a.owed.entry, a.owed.config.text)
		if err != nil {
			s.historyFailed(err)
			return
		}
		a.owed.config.kept, a.owed = kept, nil
	}
	s.historyWritten()
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
}

// fileProblems are the files that cannot be written, for status.
func (s *supervisor) fileProblems() (list []string) {
	if why := s.files.problem; why != "" {
		list = append(list, "the files of the run directory are not written: "+why)
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
	return list
}
