package main

import (
	"net/http"
	"time"

	"github.com/lvs-director/director/supervisor/control"
)

type notifyCmd struct {
	Test notifyTestCmd `cmd:"" help:"Send a test notification of each kind that is configured, and report what happened."`
}

// Help is the example that "director notify --help" shows.
func (notifyCmd) Help() string { return "Example: director notify test" }

type notifyTestCmd struct {
	byFile
	asJSON
}

// Help is the example that "director notify test --help" shows.
func (notifyTestCmd) Help() string {
	return `A running director sends one mail as it would send news, from its host and network namespace and with the login of
its configuration. Exit status 1 when something did not arrive, or when nothing is configured.

Example: director notify test`
}

// Run asks a running director to send, and prints what came of it.
func (c *notifyTestCmd) Run(io streams) error {
	var r control.NotifyTest
	if err := control.Ask(c.run(), http.MethodPost, "/v1/notify/test", time.Minute, nil, &r); err != nil {
		return err
	}
	if c.JSON {
		if err := control.Write(io.out, r, true); err != nil {
			return err
		}
	} else {
		r.Print(io.out)
	}
	if !r.OK() {
		return exitCode(exitFailure)
	}
	return nil
}
