package main

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/lvs-director/director/cmd/director/screen"
	"github.com/lvs-director/director/supervisor/control"
)

type handoverCmd struct {
	byFile
	Name  string `arg:"" help:"A vrrp_instance, a vrrp_sync_group or an announce block, or all."`
	For   *lasts `placeholder:"TIME" help:"Take part again automatically after this time (10m, 2h)."`
	Force bool   `help:"Hand over also when no peer says that it is ready."`
	asJSON
}

// Help is the example that "director handover --help" shows.
func (handoverCmd) Help() string {
	return `Hands the mastership over: a peer takes over within its skew, sooner than after a failure, and this
host stays BACKUP until "director resume" or the end of --for, also over a reload or a restart. When no other
router is there, or falls silent later, this host serves again, and says so. Exit status 1 when nobody took over.
With a peer in the configuration it is asked first whether it is ready. An announce block is withdrawn; flows in
flight go on, since the services stay.

Example: director handover all --for 10m`
}

// Run hands over and prints what became of it.
func (c *handoverCmd) Run(io streams) error {
	q := control.HandoverRequest{Name: c.Name, For: c.For.text(), Force: c.Force}
	var r control.HandoverReport
	if err := control.Ask(c.run(), http.MethodPost, "/v1/handover", 10*time.Minute, q, &r); err != nil {
		return err
	}
	if r.Readiness != "" && !c.JSON {
		fmt.Fprintln(io.out, r.Readiness)
	}
	for _, o := range r.Announces {
		if !c.JSON {
			fmt.Fprintln(io.out, control.AnnounceText(o))
		}
	}
	failed := slices.ContainsFunc(r.Announces, control.AnnounceOutcome.Failed)
	for _, o := range r.Instances {
		if !c.JSON {
			fmt.Fprintln(io.out, control.OutcomeText(o))
		}
		failed = failed || o.TakenBack || o.Ended || !o.Settled
	}
	if c.JSON {
		if err := control.Write(io.out, r, true); err != nil {
			return err
		}
	}
	switch {
	case failed:
		return exitCode(exitFailure)
	case c.JSON:
	case r.Until.IsZero():
		fmt.Fprintf(io.out, "until you type: director resume %s\n", c.Name)
	default:
		fmt.Fprintf(io.out, "until %s, or you type: director resume %s\n", r.Until.Local().Format("2006-01-02 15:04:05"),
			c.Name)
	}
	return nil
}

type resumeCmd struct {
	byFile
	Name string `arg:"" help:"A vrrp_instance, a vrrp_sync_group or an announce block, or all."`
	asJSON
}

// Help is the example that "director resume --help" shows.
func (resumeCmd) Help() string {
	return `Ends a handover. An instance that preempts becomes MASTER again as soon as its priority allows.

Example: director resume all`
}

// Run ends a handover.
func (c *resumeCmd) Run(io streams) error {
	var r control.HandoverReport
	if err := control.Ask(c.run(), http.MethodPost, "/v1/resume", 10*time.Second, control.HandoverRequest{Name: c.Name},
		&r); err != nil {
		return err
	}
	if c.JSON {
		return control.Write(io.out, r, true)
	}
	if r.Nothing != "" {
		fmt.Fprintln(io.out, r.Nothing)
	}
	for _, o := range r.Instances {
		master := ""
		if o.Master != "" {
			master = ", MASTER is " + o.Master
		}
		fmt.Fprintf(io.out, "%s takes part again: it is %s%s\n", o.Instance, o.State, master)
	}
	for _, o := range r.Announces {
		fmt.Fprintf(io.out, "%s is announced again as soon as this host is ready\n", o.Announce)
	}
	if len(r.Instances)+len(r.Announces) == 0 {
		fmt.Fprintln(io.out, "nothing was handed over")
	}
	return nil
}

type announceCmd struct {
	Show announceShowCmd `cmd:"" help:"Show what is announced, since when, and why not."`
}

// Help is the example that "director announce --help" shows.
func (announceCmd) Help() string { return "Example: director announce show" }

type announceShowCmd struct {
	byFile
	Name string `arg:"" optional:"" help:"An announce block; default is all."`
	asJSON
}

// Help is the example that "director announce show --help" shows.
func (announceShowCmd) Help() string {
	return `Shows the announce blocks of a running director: which addresses are on the interface that a routing daemon
announces, since when, when they were refreshed last, and what keeps the others from it. Exit status 1 when something
that is to be announced is not, and nobody has handed it over.

Example: director announce show`
}

// Run asks the running director and prints its answer.
func (c *announceShowCmd) Run(io streams) error {
	var s control.Status
	if err := control.Ask(c.run(), http.MethodGet, "/v1/status", 10*time.Second, nil, &s); err != nil {
		return err
	}
	r := control.AnnounceReport{Announces: slices.DeleteFunc(s.Announces, func(a control.Announce) bool {
		return c.Name != "" && a.Name != c.Name
	})}
	if err := screen.NoAnnounce(r, c.Name); err != nil {
		return err
	}
	if c.JSON {
		if err := control.Write(io.out, r, true); err != nil {
			return err
		}
	} else {
		screen.Announces(io.out, r.Announces, time.Now())
	}
	if slices.ContainsFunc(r.Announces, control.Announce.IsWrong) {
		return exitCode(exitFailure)
	}
	return nil
}
