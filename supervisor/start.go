package supervisor

import (
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/keyfile"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/notify/program"
	"github.com/lvs-director/director/supervisor/history"
	"github.com/lvs-director/director/supervisor/hostcheck"
	"github.com/lvs-director/director/supervisor/reload"
	"github.com/lvs-director/director/words"
)

// start is what a supervisor begins with.
type start struct {
	current  *loaded // to be put in force
	disk     *loaded // the file
	fallback string  // why it is not the file; empty when it is
}

// load reads the configuration file.
func (c *Options) load() *loaded {
	rec := history.NewRecorder(nil, nil)
	l := c.read(c.File, rec.Options(load.Options{ConfigID: c.ConfigID, Local: c.LocalFile, Strict: c.Strict}))
	l.recorder, l.text = rec, rec.Text(c.File, l.cfg.ConfigID)
	l.text.Local = c.LocalFile
	return l
}

// loadText reads a configuration of the history.
func (c *Options) loadText(t history.Text) *loaded {
	l := c.read(t.Path, t.Options(load.Options{Strict: c.Strict}))
	l.text = t
	return l
}

// read reads a configuration, without the half that was not asked for.
func (c *Options) read(path string, o load.Options) *loaded {
	cfg, findings := load.Load(path, o)
	keys, trouble := keyfile.Read(cfg, nil)
	findings = append(findings, trouble...)
	if c.Keepalived != nil && c.Keepalived.Namespace != "" {
		cfg.NetworkNamespace = c.Keepalived.Namespace
	}
	if c.OnlyVRRP {
		cfg.VirtualServers = nil
		cfg.Announces = nil // there is nothing to bring packets to
	}
	if c.OnlyCheckers {
		cfg.Instances = nil
		findings = append(findings, withoutSessions(cfg)...)
	}
	return &loaded{cfg: cfg, keys: keys, findings: findings}
}

// withoutSessions takes out the BFD sessions, which are in the process of VRRP, and has nothing wait for one.
func withoutSessions(cfg *conf.Config) (findings []conf.Finding) {
	cfg.BFDs = nil
	checks := 0
	for _, v := range cfg.VirtualServers {
		for _, r := range v.RealServers {
			for n := range r.Checkers {
				if c := &r.Checkers[n]; c.BFD != "" {
					c.BFD, c.Alpha = "", false
					checks++
				}
			}
		}
	}
	blocks := 0
	for _, a := range cfg.Announces {
		if len(a.TrackBFDs) > 0 {
			a.TrackBFDs = nil
			blocks++
		}
	}
	for _, f := range []struct {
		n               int
		keyword, effect string
	}{
		{checks, "BFD_CHECK", fmt.Sprintf("BFD_CHECK is not run (%s), and its real servers count as up",
			words.Count(checks, "check"))},
		{blocks, "track_bfd", "track_bfd is not followed in " + words.Count(blocks, "announce block")},
	} {
		if f.n > 0 {
			findings = append(findings, conf.Finding{
				Severity: conf.Warning, Code: "no-vrrp", Keyword: f.keyword, Unserved: true,
				Message: f.effect + ": BFD is in the process of VRRP, which does not run here",
			})
		}
	}
	return findings
}

// choose decides what to start with: the file, or, when that cannot or should
// not run, the last good configuration. The start's disk is set even with an error.
func (c *Options) choose(log *slog.Logger) (start, error) {
	file := c.load()
	s := start{current: file, disk: file}
	usable := !conf.HasErrors(file.findings)
	broken := fmt.Errorf(
		"%s has errors: nothing was started; correct the lines above (director check -f %s shows them again)",
		c.File,
		c.File,
	)
	if c.NoFallback {
		if !usable {
			return s, broken
		}
		return s, nil
	}
	store, err := history.Look(c.StateDir, c.File)
	var entries []history.Entry
	if err == nil {
		entries, err = store.List()
	}
	if err != nil && !usable { // else whoever opens it to write says it
		log.Warn("failed to read the history of configurations: there is no earlier one to start with", "error", err)
	}
	why, candidates := history.Choose(entries, file.Digest(), usable)
	if why == history.FileRuns {
		if !usable {
			return s, broken
		}
		return s, nil
	}
	logFindings(log, file.findings)
	for _, e := range candidates {
		l, err := c.fromHistory(store, e.Number)
		if err != nil {
			log.Warn("an earlier configuration cannot be used", "number", e.Number, "error", err)
			continue
		}
		s.current, s.fallback = l, whyNotTheFile(why, c.File, file.findings)
		log.Error("ATTENTION: NOT STARTED WITH THE FILE BUT WITH AN EARLIER CONFIGURATION", "config", c.File, "why",
			s.fallback, "number", e.Number, "in_force_since", e.Time, "digest", words.ShortDigest(e.Digest))
		return s, nil
	}
	if !usable {
		return s, broken
	}
	return s, nil
}

// fromHistory reads a configuration of the history that can run.
func (c *Options) fromHistory(store *history.Store, number int) (*loaded, error) {
	l, err := c.loadEntry(store, number)
	if err != nil {
		return nil, err
	}
	for _, f := range l.findings {
		if f.Severity == conf.Error {
			return l, fmt.Errorf("it has errors, the first: %s", f)
		}
	}
	return l, nil
}

func whyNotTheFile(why history.Why, file string, findings []conf.Finding) string {
	switch why {
	case history.FileUnconfirmed:
		return fmt.Sprintf("the configuration in %s was applied with --confirm and never confirmed", file)
	case history.FileRolledBack:
		return fmt.Sprintf("the configuration in %s was taken out of force by a rollback; a reload takes it all the same",
			file)
	}
	errors, _, _ := conf.Count(findings)
	return fmt.Sprintf("%s has %s; director check shows them", file, words.Count(errors, "error"))
}

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
	s.peers.Apply(l.cfg)
	s.readers.Keep(l.cfg.StatusSocket.Group)
	s.front.Apply(s.frontSettings(l))
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

const (
	// gcWhileReading makes garbage collections rare while a configuration is read and handed over:
	// nearly all that is allocated then is kept, and they would take a third of the time.
	gcWhileReading = 1600
	// readingRoom bounds it: about how much may be garbage then, in bytes. With 40,000 real servers in
	// the heap the percentage alone would allow for gigabytes.
	readingRoom = 256 << 20
	// readingTime is how long after its beginning that ends.
	readingTime = 5 * time.Second
)

// garbage is how often it is collected.
type garbage struct {
	atRest int         // the percentage when nothing is read
	rest   *time.Timer // runs while something is; nil when nothing was
}

// percentFor is the percentage while a configuration is read, with so much in the heap.
func percentFor(heap uint64) int {
	return max(100, min(gcWhileReading, int(readingRoom*100/max(heap, 1))))
}

// spare has it collected rarely for a while.
func (g *garbage) spare() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before := debug.SetGCPercent(percentFor(m.HeapAlloc))
	if g.rest != nil {
		g.rest.Reset(readingTime)
		return
	}
	g.atRest = before
	g.rest = time.AfterFunc(readingTime, func() {
		debug.SetGCPercent(g.atRest)
		debug.FreeOSMemory()
	})
}

// readFile reads the file beside the loop: a large one takes half a second.
func (s *supervisor) readFile() {
	s.publish()
	s.opts.garbage.spare()
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
