package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/lvs-director/director/cmd/director/report"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/doctor"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/directors"
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
addresses, routes, filters, real servers that answer ARP for a virtual address, other programs, hosts that have a
virtual address too, networks that lose advertisements or large packets, and other virtual routers, for which it
listens for three seconds. Of each it prints the cause, what was seen, and the cure. It changes nothing. What it sends
are a few ARP requests, neighbour solicitations and pings. Exit status 0 when there is nothing but notes, 1 with
warnings, 2 with errors.

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
	list, err := report.Diagnose(cfg, &s)
	if err != nil {
		return err
	}
	if c.JSON {
		err = control.Write(std.out, control.DoctorReport{File: file, Findings: list}, true)
	} else {
		err = report.Findings(std.out, list)
	}
	if err != nil {
		return fmt.Errorf("writing the findings: %w", err)
	}
	if code := doctor.ExitStatus(list); code != exitOK {
		return exitCode(code)
	}
	return nil
}

type reportCmd struct {
	byPid
	reading
	File   string `short:"f" placeholder:"FILE" help:"Configuration file; default the one of the running director, else as for check."`
	Output string `short:"o" placeholder:"FILE" help:"File that is written, which must not be there yet; - is standard output; default director-report-HOST-TIME.tar.gz in this directory."`
}

// Help is the example that "director report --help" shows.
func (reportCmd) Help() string {
	return `Writes an archive of what a maintainer asks for: status, events, the effective configuration without secrets, the
kernel's tables, settings and counters, limits of the processes, versions, the history's list, what doctor finds. It
changes nothing, takes a minute at most, and works when director does not run. Look at it before you send it.

Example: director report -o /tmp/report.tar.gz`
}

// Run writes the report and prints what is in it.
func (c *reportCmd) Run(std streams) error {
	o := report.Options{RunDir: c.run(), StateDir: c.StateDir, File: c.File, Load: c.options(), Version: version}
	w, ok := std.out.(*checkedWriter)
	return report.Run(o, c.Output, std.out, std.err, ok && w.isTerminal())
}
