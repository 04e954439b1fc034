package main

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/status"
)

type statusCmd struct {
	daemonDirs
	JSON bool `name:"json" help:"Print JSON."`
}

// Help is the example that "director status --help" shows.
func (statusCmd) Help() string {
	return `Degraded things are shown first. Exit status 0 when all is well, 1 when something is degraded,
2 when there is no service: no director, every instance in FAULT, or no virtual server with a live real server.

Example: director status --json`
}

// Run asks the running director and prints its answer.
func (c *statusCmd) Run(io streams) error {
	var r control.Status
	if err := control.Ask(c.run(), http.MethodGet, "/v1/status", 10*time.Second, nil, &r); err != nil {
		fmt.Fprintln(io.err, "director:", err)
		if errors.Is(err, control.ErrNoDirector) {
			return exitCode(status.NoService)
		}
		return exitCode(exitFailure)
	}
	if c.JSON {
		if err := control.Write(io.out, r, true); err != nil {
			return fmt.Errorf("writing the status: %w", err)
		}
	} else {
		printStatus(io.out, r, time.Now())
	}
	if code := status.ExitStatus(r); code != exitOK {
		return exitCode(code)
	}
	return nil
}
