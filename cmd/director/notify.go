package main

import (
	"net/http"
	"time"

	"github.com/lvs-director/director/supervisor/control"
)

type notifyCmd struct {
	Test notifyTestCmd `cmd:"" help:"Try each kind of notification that is configured, and report what happened."`
}

// Help is the example that "director notify --help" shows.
func (notifyCmd) Help() string { return "Example: director notify test" }

type notifyTestCmd struct {
	byFile
	asJSON
	RunScripts bool `help:"Run the scripts that tell the present state, once each."`
}

// Help is the example that "director notify test --help" shows.
func (notifyTestCmd) Help() string {
	return `A running director sends one mail as it would send news, from its host and network namespace and with the login of
its configuration. It tells each FIFO once more the state of one instance, or of one server, and waits until that was
read. Of each script it says what it would be called with, and whether it can be run; --run-scripts runs those that
tell the state in which their object is, once each, and no others.

Exit status 1 when something did not arrive or cannot be run, or when nothing is configured.

Examples: director notify test
          director notify test --run-scripts`
}

// Run asks a running director to send, and prints what came of it.
func (c *notifyTestCmd) Run(io streams) error {
	var r control.NotifyTest
	q := control.NotifyTestRequest{RunScripts: c.RunScripts}
	if err := control.Ask(c.run(), http.MethodPost, "/v1/notify/test", time.Minute, q, &r); err != nil {
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
