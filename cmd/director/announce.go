package main

import (
	"net/http"
	"slices"
	"time"

	"github.com/lvs-director/director/cmd/director/screen"
	"github.com/lvs-director/director/supervisor/control"
)

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
