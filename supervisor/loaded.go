package supervisor

import (
	"errors"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/keyfile"
	"github.com/lvs-director/director/notify/program"
	"github.com/lvs-director/director/supervisor/history"
	"github.com/lvs-director/director/supervisor/hostcheck"
	"github.com/lvs-director/director/supervisor/reload"
)

// loaded is a configuration that was read. Nothing of it changes but kept and programs.
type loaded struct {
	cfg      *conf.Config
	keys     keyfile.Keys
	findings []conf.Finding
	text     history.Text
	recorder *history.Recorder          // nil when it was not read from the disk
	origin   history.Entry              // what it was read from; number 0 when it was the file
	kept     history.Entry              // where it is kept since it came into force; number 0 when it is not
	programs map[string]program.Command // of its MISC_CHECKs by their identity; made by commands
}

// Digest identifies the text.
func (l *loaded) Digest() string { return l.cfg.Digest }

// tellConfiguration has those told of it who tell others: scripts and mail.
func (s *supervisor) tellConfiguration(l *loaded) {
	s.mail.Password(l.keys.Password(l.cfg))
	s.notify.Apply(l.cfg)
}

// name is what was read, in words.
func (l *loaded) name() string {
	if l.origin.Number != 0 {
		return entryName(l.origin) + " of the history"
	}
	return l.cfg.Path
}

// of is the entry of the history that this configuration repeats.
func (l *loaded) of() int {
	if l.kept.Number != 0 {
		return l.kept.Of
	}
	return l.origin.Of
}

// readFile reads the file beside the loop: a large one takes half a second.
func (s *supervisor) readFile() {
	go func() {
		l := s.opts.load()
		prepare(l)
		host := hostcheck.HostFor(l.cfg)
		s.post(func() {
			s.disk = l
			r := s.evaluate(l)
			r.Loss = lossText(s.losses(l, host))
			s.tellReload(r)
		})
	}()
}

// readHistory reads a configuration of the history beside the loop.
func (s *supervisor) readHistory(number int) {
	store := s.archive.store
	go func() {
		l, err := s.opts.loadEntry(store, number)
		if err == nil {
			prepare(l)
		}
		s.post(func() {
			if err != nil {
				s.tellReload(reload.Read{Refused: err.Error()})
				return
			}
			s.tellReload(s.evaluate(l))
		})
	}()
}

// prepare has the kernel ready for a configuration that may come into force.
func prepare(l *loaded) {
	keyfile.Insist(l.findings)
	if !conf.HasErrors(l.findings) {
		hostcheck.LoadModules(l.cfg)
	}
}

// loadEntry reads a configuration of the history.
func (c *Options) loadEntry(store *history.Store, number int) (*loaded, error) {
	if store == nil {
		return nil, errors.New("there is no history: director status says why")
	}
	e, text, err := store.Load(number)
	if err != nil {
		return nil, err
	}
	l := c.loadText(text)
	l.origin = e
	return l, nil
}
