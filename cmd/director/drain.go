package main

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"os"
	"os/user"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/status"
	"github.com/lvs-director/director/words"
)

// overrideTarget is what the commands that override a weight are about.
type overrideTarget struct {
	byFile
	Name  string `arg:"" help:"A real server (10.0.0.2:80) or a host with all its real servers (10.0.0.2)."`
	VS    string `name:"vs" placeholder:"VS" help:"Only in this virtual server (192.0.2.10:80, fwmark 5, a group); default is all that have it."`
	Local bool   `help:"On this host only: the other half of the pair is not told."`
}

// asJSON prints a command's answer as JSON instead of for people.
type asJSON struct {
	JSON bool `name:"json" help:"Print JSON."`
}

// ask has the running director carry a request out.
func (t overrideTarget) ask(q control.OverrideRequest) (r control.OverrideReport, err error) {
	q.Name, q.VirtualServer, q.By, q.Local = t.Name, t.VS, operator(), t.Local
	err = control.Ask(t.run(), http.MethodPost, "/v1/override", 10*time.Second, q, &r)
	return r, err
}

// operator is who types the command: sudo's caller, or the user of this process.
func operator() string {
	if name := os.Getenv("SUDO_USER"); name != "" {
		return name
	}
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return ""
}

// lasting are the flags of what goes on until it is undone or its time is over.
type lasting struct {
	For    *lasts `placeholder:"TIME" help:"End automatically after this time (10m, 2h)."`
	Reason string `placeholder:"TEXT" help:"Reason, shown by status."`
}

func (l lasting) into(q *control.OverrideRequest) {
	q.Reason, q.For = l.Reason, l.For.text()
}

type drainCmd struct {
	overrideTarget
	lasting
	asJSON
	Wait    bool  `help:"Wait until no connection is left."`
	Timeout lasts `default:"1h" placeholder:"TIME" help:"With --wait: stop waiting after this time (default 1h)."`
}

// Help is the example that "director drain --help" shows.
func (drainCmd) Help() string {
	return `Gives a real server, or every real server of a host, weight 0: connections that it has go on, new ones go
elsewhere. A reload, a restart and a reboot leave it drained, until "director undrain" or the end of --for; status
shows it first. Checks go on meanwhile. Exit status 1 when nothing is called so, or when --wait ends too early.

Example: director drain 10.0.0.2 --for 2h --reason "kernel update" --wait`
}

// Run drains, after saying what persistence makes of it.
func (c *drainCmd) Run(io streams) error {
	q := control.OverrideRequest{Action: control.ActionDrain, DryRun: true}
	c.into(&q)
	before, err := c.ask(q)
	if err != nil {
		return err
	}
	for _, line := range before.Notices {
		fmt.Fprintln(io.err, "director: note:", line)
	}
	q.DryRun = false
	r, err := c.ask(q)
	if err != nil {
		return err
	}
	r.Notices = before.Notices
	if !c.JSON {
		printOverrides(io, "drained", r)
		for _, o := range r.Changed {
			fmt.Fprintf(io.out, "%s: %s ends it\n", untilWords(o), status.UndoCommand(o))
		}
	}
	if c.Wait {
		since := time.Now()
		for _, o := range r.Changed {
			since = o.Since // of all of them
		}
		if r.Servers, err = c.wait(io, since); err != nil {
			return err
		}
	}
	if c.JSON {
		return control.Write(io.out, r, true)
	}
	return nil
}

// drainPoll is how often one who waits for a drain looks.
const drainPoll = time.Second

// wait returns the real servers when the connections are gone, as counted after the drain began.
func (c *drainCmd) wait(io streams, began time.Time) ([]control.ServerConnections, error) {
	say := func(format string, args ...any) {
		if !c.JSON {
			fmt.Fprintf(io.out, format, args...)
		}
	}
	left := uint64(0)
	for end := began.Add(time.Duration(c.Timeout)); ; time.Sleep(drainPoll) {
		r, err := c.ask(control.OverrideRequest{Action: control.ActionDrain, DryRun: true})
		if err != nil {
			return nil, err
		}
		now, gone, counted := uint64(0), true, true
		for _, s := range r.Servers {
			now += s.Active + s.Inactive
			gone = gone && s.Gone(began)
			counted = counted && !s.Counted.IsZero()
		}
		switch {
		case !r.Drained:
			return nil, errors.New("the drain ended before the last connection: its time is over, or somebody ended it " +
				"(director status shows what is drained)")
		case gone:
			say("no connection is left after %s\n", words.Age(time.Now(), began))
			return r.Servers, nil
		case time.Now().After(end) && !counted:
			return nil, fmt.Errorf("after %s it is not known how many connections are left (director status says why); "+
				"the drain goes on", words.Duration(time.Duration(c.Timeout)))
		case time.Now().After(end):
			return nil, fmt.Errorf("after %s there are still %s; the drain goes on", words.Duration(time.Duration(c.Timeout)),
				words.Count(int(now), "connection"))
		case now != left:
			say("%s left\n", words.Count(int(now), "connection"))
			left = now
		}
	}
}

type undrainCmd struct {
	overrideTarget
	asJSON
}

// Help is the example that "director undrain --help" shows.
func (undrainCmd) Help() string {
	return `Ends a drain: the real server gets the weight again that the configuration and its checks give it.

Example: director undrain 10.0.0.2`
}

// Run ends a drain.
func (c *undrainCmd) Run(io streams) error {
	r, err := c.ask(control.OverrideRequest{Action: control.ActionUndrain})
	if err != nil {
		return err
	}
	if c.JSON {
		return control.Write(io.out, r, true)
	}
	printOverrides(io, "no longer drained", r)
	return nil
}

type weightCmd struct {
	overrideTarget
	lasting
	asJSON
	Weight string `arg:"" optional:"" help:"The weight, 0 to 65535."`
	Reset  bool   `help:"Restore the configured weight, even if it was changed with ipvsadm."`
}

// Help is the example that "director weight --help" shows.
func (weightCmd) Help() string {
	return `Sets the weight of a real server in the place of the configured one, until --reset or the end of --for, also
over a reload or a restart. A server whose checks fail stays out of service, and one that is drained stays drained.

Example: director weight 10.0.0.2:80 50 --vs 192.0.2.10:80`
}

// Run sets or resets a weight.
func (c *weightCmd) Run(io streams) error {
	if c.Reset == (c.Weight != "") {
		return errors.New("give either a weight or --reset")
	}
	q := control.OverrideRequest{Action: control.ActionReset}
	done := "has the configured weight again"
	if c.Weight != "" {
		weight, err := number("weight", c.Weight, 0, math.MaxUint16)
		if err != nil {
			return err
		}
		q.Action, q.Weight = control.ActionWeight, weight
		done = fmt.Sprintf("has weight %d", weight)
		c.into(&q)
	}
	r, err := c.ask(q)
	if err != nil {
		return err
	}
	if c.JSON {
		return control.Write(io.out, r, true)
	}
	printOverrides(io, done, r)
	for _, o := range r.Changed {
		if !c.Reset {
			fmt.Fprintf(io.out, "%s: %s ends it\n", untilWords(o), status.UndoCommand(o))
		}
	}
	return nil
}

// printOverrides says what was done, and to how many real servers.
func printOverrides(io streams, done string, r control.OverrideReport) {
	if r.Nothing != "" {
		fmt.Fprintln(io.out, r.Nothing)
	}
	for _, o := range r.Changed {
		where := ""
		if o.VirtualServer != "" {
			where = " in " + o.VirtualServer
		}
		fmt.Fprintf(io.out, "%s%s: %s\n", o.RealServer, where, done)
	}
	for _, s := range r.Servers {
		fmt.Fprintf(io.out, "  -> %s in %s\n", s.RealServer, s.VirtualServer)
	}
	if where := r.Where(); where != "" {
		fmt.Fprintln(io.out, where)
	}
	if r.NoWorker {
		fmt.Fprintln(io.err, "director: note: the lvs worker does not run: the kernel's table follows when it does")
	}
	if r.NotKept != "" {
		fmt.Fprintln(io.err, "director: note: this is in force, but a restart would not know of it:", r.NotKept)
	}
}

// untilWords says when an override ends by itself.
func untilWords(o event.Override) string {
	if o.Until.IsZero() {
		return "until it is undone"
	}
	return "until " + o.Until.Local().Format("2006-01-02 15:04:05")
}
