package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"text/tabwriter"
	"time"

	"github.com/lvs-director/director/cmd/director/screen"
	screens "github.com/lvs-director/director/cmd/director/watch"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/directors"
	"github.com/lvs-director/director/supervisor/hostcheck"
	"github.com/lvs-director/director/supervisor/status"
)

type statusCmd struct {
	byFile
	Name  string `arg:"" optional:"" help:"Show the details of one object: an instance, a sync group, an announce block, a virtual server or a real server."`
	JSON  bool   `name:"json" help:"Print JSON."`
	Watch bool   `help:"Draw it on the terminal again and again; q ends that."`
	Pair  bool   `help:"Show the instances of both halves."`
}

// Help is the example that "director status --help" shows.
func (statusCmd) Help() string {
	return `Shows problems first. Exit status 0 when all is well, 1 when something is degraded, 2 when something that is
configured serves nobody: director is not running, every instance in FAULT, a virtual server without a live real
server, a block of the configuration that was dropped. With a name the exit status is that of the object. A line that
begins with "!" is a problem, "*" what was asked for and is not over (a handover, a confirmation), "-" a remark.

Example: director status VI_1
         director status --watch`
}

// Run asks the running director and prints its answer.
func (c *statusCmd) Run(io streams) error {
	if c.Watch {
		return c.watch()
	}
	var r control.Status
	if err := c.ask(&r); err != nil {
		fmt.Fprintln(io.err, "director:", err)
		if errors.Is(err, control.ErrNoDirector) {
			return exitCode(status.NoService)
		}
		return exitCode(exitFailure)
	}
	if c.Name != "" {
		var ok bool
		if r, ok = status.Only(r, c.Name); !ok {
			return fmt.Errorf("there is no instance, sync group, announce block, virtual server or real server %q: "+
				"director status lists them",
				c.Name)
		}
		if len(r.VirtualServers) > 0 {
			c.askHistory(io, &r)
		}
		r.Told = c.askTold(io)
	}
	if c.JSON {
		if err := control.Write(io.out, r, true); err != nil {
			return fmt.Errorf("writing the status: %w", err)
		}
	} else {
		screen.Status(io.out, r, time.Now())
		if c.Pair {
			screen.Pair(io.out, r, time.Now())
		}
		if c.Name != "" {
			screen.Details(io.out, r, time.Now())
		}
	}
	if code := status.ExitStatus(r); code != exitOK {
		return exitCode(code)
	}
	return nil
}

// watch draws the status on the terminal.
func (c *statusCmd) watch() error {
	if c.JSON {
		return errors.New("give either --watch or --json")
	}
	return screens.Run(screens.Options{In: os.Stdin, Out: os.Stdout, Interval: time.Second, Name: c.Name,
		Ask: func() (r control.Status, err error) {
			return r, control.Ask(c.run(), http.MethodGet, "/v1/status", 10*time.Second, nil, &r)
		}})
}

// askTold asks what scripts and FIFOs were told of the object.
func (c *statusCmd) askTold(io streams) []control.Told {
	var t control.ToldReport
	q := control.ToldRequest{Name: c.Name}
	if err := control.Ask(c.run(), http.MethodPost, "/v1/told", 10*time.Second, q, &t); err != nil {
		fmt.Fprintln(io.err, "director: what scripts and FIFOs were told is not known:", err)
	}
	return t.Told
}

// askHistory puts what is remembered of the checks into the status of an object.
func (c *statusCmd) askHistory(io streams, r *control.Status) {
	var h control.ChecksReport
	err := control.Ask(c.run(), http.MethodPost, "/v1/checks", 10*time.Second, control.ChecksRequest{Name: c.Name}, &h)
	switch {
	case err != nil:
		h.Error = err.Error()
		fallthrough
	case h.Error != "":
		fmt.Fprintln(io.err, "director: no history of checks:", h.Error)
	}
	type name struct{ virtual, real string }
	all := make(map[name][]control.CheckHistory)
	for _, one := range h.Checkers {
		n := name{one.VirtualServer, one.RealServer}
		all[n] = append(all[n], one)
	}
	for v := range r.VirtualServers {
		vs := &r.VirtualServers[v]
		for s := range vs.RealServers {
			vs.RealServers[s].History = all[name{vs.Name, vs.RealServers[s].Name}]
			vs.RealServers[s].HistoryError = h.Error
		}
	}
}

// remakePatience is how long a director may take to make its run directory anew.
const remakePatience = 3 * time.Second

// ask asks the running director. One whose socket is gone makes it anew; until
// then it is not said that none runs.
func (c *statusCmd) ask(r *control.Status) error {
	for end := time.Now().Add(remakePatience); ; time.Sleep(100 * time.Millisecond) {
		err := control.Ask(c.run(), http.MethodGet, "/v1/status", 10*time.Second, nil, r)
		if !errors.Is(err, control.ErrNoDirector) {
			return err
		}
		pid := hostcheck.FindDirector(c.run(), defaultRunDir)
		switch {
		case pid == 0:
			return err
		case time.Now().After(end):
			return fmt.Errorf("director (pid %d) runs but cannot be asked: its control socket %s is missing", pid,
				c.run().Control())
		}
	}
}

type listCmd struct {
	asJSON
}

// Help is the example that "director list --help" shows.
func (listCmd) Help() string {
	return `Lists the directors that run on this host, in whatever run directory and network namespace. The other commands
choose one of them with --run-dir DIR, with -p and its pid file, or with -f and its configuration file.

Example: director list`
}

// Run prints the list.
func (c *listCmd) Run(std streams) error {
	list, err := directors.List()
	if err != nil {
		return err
	}
	if c.JSON {
		var doc control.List
		for _, o := range list {
			doc.Directors = append(doc.Directors, o.Listed)
		}
		return control.Write(std.out, doc, true)
	}
	if len(list) == 0 {
		fmt.Fprintln(std.out, "no director runs on this host")
		return nil
	}
	tab := tabwriter.NewWriter(std.out, 0, 8, 2, ' ', 0)
	fmt.Fprintln(tab, "PID\tRUN DIRECTORY\tCONFIGURATION\tINSTANCES\tVIRTUAL SERVERS\tPROBLEMS")
	for _, o := range list {
		if o.Error != "" {
			fmt.Fprintf(tab, "%d\t%s\tit does not answer: %s\n", o.Pid, o.RunDir, o.Error)
			continue
		}
		fmt.Fprintf(tab, "%d\t%s\t%s\t%d\t%d\t%d\n", o.Pid, o.RunDir, o.Config, o.Instances, o.VirtualServers, o.Problems)
	}
	return tab.Flush()
}
