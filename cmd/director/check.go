package main

import (
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/keyfile"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/hostcheck"
	"github.com/lvs-director/director/words"
)

type checkCmd struct {
	namedFile
	File        string `short:"f" placeholder:"FILE" help:"Configuration file; default /etc/director/director.conf, else /etc/keepalived/keepalived.conf."`
	Strict      bool   `help:"Treat warnings as errors."`
	JSON        bool   `name:"json" help:"Print the findings as JSON on standard output."`
	ConfigID    string `short:"i" name:"config-id" placeholder:"ID" help:"Read lines that begin with @ID; default is the host name."`
	LocalConfig string `name:"local-config" placeholder:"FILE" help:"File with director's own words, read behind the main one; default /etc/director/local.conf, if it exists, behind a default file."`
	Host        bool   `help:"Also check against this host: interfaces, addresses, users, scripts, names, kernel."`
	Compat      string `enum:",keepalived" default:"" placeholder:"keepalived" help:"List only the lines that keepalived would not understand; exit status 1 if there are any."`
}

// Help is the example that "director check --help" shows.
func (checkCmd) Help() string {
	return `Findings go to standard error, one line each: FILE:LINE:COL: error|warning|note: TEXT.
Exit status 0 when the configuration runs, 1 when it does not or, with --strict, has warnings. The file is judged
alone, unless --host is given, so that it can be checked anywhere.

Example: director check /etc/keepalived/keepalived.conf`
}

// gcOfACommand makes garbage collections rare in a command that reads a file and ends: it keeps
// nearly all that it allocates.
const gcOfACommand = 400

// Run checks the file and says what was found.
func (c *checkCmd) Run(io streams) error {
	if err := c.into(&c.File); err != nil {
		return err
	}
	file, err := load.FindFile(c.File)
	if err != nil {
		return err
	}
	debug.SetGCPercent(gcOfACommand)
	cfg, findings := load.Load(file, load.Options{ConfigID: c.ConfigID, Local: c.LocalConfig, Strict: c.Strict})
	findings = append(findings, keyfile.CheckPeers(cfg, nil)...)
	if c.Host && !conf.HasErrors(findings) {
		h, err := hostcheck.ThisHost(cfg)
		if err != nil {
			return err
		}
		findings = append(findings, c.strictly(append(hostcheck.Findings(cfg, h), keyfile.CheckModes(cfg, nil)...))...)
	}
	compat := false
	if c.Compat != "" {
		findings, compat = c.checkCompat(file)
	}
	if c.JSON {
		if err := control.Write(io.out, control.NewCheckReport(file, cfg, findings), true); err != nil {
			return fmt.Errorf("writing findings: %w", err)
		}
	} else {
		if err := conf.WriteFindings(io.err, findings, isTerminal(io.err)); err != nil {
			return fmt.Errorf("writing findings: %w", err)
		}
	}
	if compat {
		if !c.JSON {
			fmt.Fprintln(io.out, compatSummary(file, findings))
		}
		if len(findings) > 0 {
			return exitCode(exitFailure)
		}
		return nil
	}
	if conf.HasErrors(findings) {
		if !c.JSON {
			fmt.Fprintf(io.err, "%s: not usable: %s\n", file, countFindings(findings))
		}
		return exitCode(exitFailure)
	}
	if !c.JSON {
		summary := []string{
			countUsed(len(cfg.Instances), cfg.Found.Instances, "VRRP instance"),
			countUsed(len(cfg.VirtualServers), cfg.Found.VirtualServers-cfg.Found.Merged, "virtual server"),
		}
		verdict := "good"
		if len(cfg.Instances) < cfg.Found.Instances || len(cfg.VirtualServers) < cfg.Found.VirtualServers-cfg.Found.Merged {
			verdict = "runs in part"
		}
		if n := countFindings(findings); n != "" {
			summary = append(summary, n)
		}
		fmt.Fprintf(io.out, "%s: %s: %s\n", file, verdict, strings.Join(summary, ", "))
	}
	return nil
}

// countUsed says "1 virtual server", or "1 of 3 virtual servers" when some of
// the blocks are not used.
func countUsed(used, found int, noun string) string {
	if used >= found {
		return words.Count(used, noun)
	}
	return fmt.Sprintf("%d of %s", used, words.Count(found, noun))
}

// strictly makes warnings errors for those who want that.
func (c *checkCmd) strictly(findings []conf.Finding) []conf.Finding {
	for i := range findings {
		if c.Strict && findings[i].Severity == conf.Warning {
			findings[i].Severity = conf.Error
		}
	}
	return findings
}

// countFindings says "1 error, 2 warnings"; notes are not counted.
func countFindings(findings []conf.Finding) string {
	errors, warnings, _ := conf.Count(findings)
	var parts []string
	if errors > 0 {
		parts = append(parts, words.Count(errors, "error"))
	}
	if warnings > 0 {
		parts = append(parts, words.Count(warnings, "warning"))
	}
	return strings.Join(parts, ", ")
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

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
