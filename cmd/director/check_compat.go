package main

import (
	"fmt"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/words"
)

// checkCompat gives what director check --compat keepalived says instead of
// findings; ok is false when the file cannot be read.
func (c *checkCmd) checkCompat(file string) (list []conf.Finding, ok bool) {
	cfg, findings := load.Load(file, load.Options{ConfigID: c.ConfigID, Compat: true})
	if cfg.Digest == "" {
		return findings, false
	}
	return load.NotUnderstood(findings), true
}

// compatSummary is the last line of director check --compat keepalived.
func compatSummary(file string, findings []conf.Finding) string {
	if len(findings) == 0 {
		return fmt.Sprintf("%s: keepalived would understand every line", file)
	}
	lines := make(map[conf.Pos]bool)
	for _, f := range findings {
		lines[conf.Pos{File: f.Pos.File, Line: f.Pos.Line}] = true
	}
	return fmt.Sprintf("%s: keepalived would not understand %s", file, words.Count(len(lines), "line"))
}
