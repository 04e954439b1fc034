package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/doctor"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/directors"
	"github.com/lvs-director/director/supervisor/hostcheck"
	"github.com/lvs-director/director/words"
)

type doctorCmd struct {
	byPid
	namedFile
	reading
	File string `short:"f" placeholder:"FILE" help:"Configuration file; default the one of the running director, else as for check."`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Help is the example that "director doctor --help" shows.
func (doctorCmd) Help() string {
	return `Looks for what keeps this director from serving although its configuration is right: settings of the kernel,
addresses, routes, filters, real servers that answer ARP for a virtual address, other programs, and other virtual
routers, for which it listens for three seconds. Of each it prints the cause, what was seen, and the cure. It changes
nothing. Exit status 0 when there is nothing but notes, 1 with warnings,
2 with errors.

Example: director doctor`
}

// Run looks and prints.
func (c *doctorCmd) Run(std streams) error {
	if err := c.into(&c.File); err != nil {
		return err
	}
	var s control.Status
	answered := control.Ask(c.run(), http.MethodGet, "/v1/status", 10*time.Second, nil, &s) == nil
	if c.File == "" && answered {
		c.File = directors.File(s)
	}
	file, err := load.FindFile(c.File)
	if err != nil {
		return err
	}
	cfg, findings := load.Load(file, c.options())
	if conf.HasErrors(findings) {
		return fmt.Errorf("%s has errors: director check shows them", file)
	}
	facts, err := hostcheck.Symptoms(cfg)
	if err != nil {
		return err
	}
	for _, stranger := range s.Strangers {
		facts.Strangers = append(facts.Strangers, fmt.Sprintf("%s on %s advertises VRID %d with priority %d: %s",
			stranger.Sender, stranger.Interface, stranger.VRID, stranger.Priority, stranger.Reason))
	}
	list := doctor.Examine(facts)
	if c.JSON {
		err = control.Write(std.out, control.DoctorReport{File: file, Findings: list}, true)
	} else {
		for _, f := range list {
			fmt.Fprintf(std.out, "%s: %s\n  seen: %s\n  cure: %s\n", f.Severity, f.Cause, f.Evidence, f.Cure)
		}
		_, err = fmt.Fprintln(std.out, words.Count(len(list), "finding"))
	}
	if err != nil {
		return fmt.Errorf("writing the findings: %w", err)
	}
	if code := doctor.ExitStatus(list); code != exitOK {
		return exitCode(code)
	}
	return nil
}
