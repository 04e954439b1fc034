package supervisor

import (
	"fmt"
	"log/slog"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/keyfile"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/supervisor/history"
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
	l := c.read(c.File, rec.Options(load.Options{ConfigID: c.ConfigID, Strict: c.Strict}))
	l.recorder, l.text = rec, rec.Text(c.File, l.cfg.ConfigID)
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
	}
	if c.OnlyCheckers {
		cfg.Instances = nil
	}
	return &loaded{cfg: cfg, keys: keys, findings: findings}
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
