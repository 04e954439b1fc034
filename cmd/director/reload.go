package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/lvs-director/director/conf"
)

// applyPatience bounds how long a reload may take in the workers before the
// one who asked for it is told so.
const applyPatience = 20 * time.Second

// reloadReport is what became of a reload.
type reloadReport struct {
	File       string        `json:"file"`
	Applied    bool          `json:"applied"`
	Generation uint64        `json:"generation"` // in force now
	Findings   []jsonFinding `json:"findings"`
	// Problems are what of an applied configuration could not be done.
	Problems []string `json:"problems,omitempty"`
}

type reloadCmd struct {
	daemonDirs
}

// Help is the example that "director reload --help" shows.
func (reloadCmd) Help() string {
	return `The file is checked first; one with errors changes nothing. Exit status 0 when it is in force, 1 when it is not.
Sending HUP to director does the same.

Example: director reload`
}

// Run asks the running director and prints what it found.
func (c *reloadCmd) Run(io streams) error {
	var r reloadReport
	if err := ask(c.daemonDirs, http.MethodPost, "/v1/reload", 2*applyPatience, &r); err != nil {
		return err
	}
	_ = conf.WriteFindings(io.err, confFindings(r.Findings), isTerminal(io.err))
	if !r.Applied {
		return fmt.Errorf("%s has errors: generation %d keeps running unchanged", r.File, r.Generation)
	}
	for _, p := range r.Problems {
		fmt.Fprintln(io.err, "director:", p)
	}
	fmt.Fprintf(io.out, "%s is in force as generation %d\n", r.File, r.Generation)
	if len(r.Problems) > 0 {
		return status(exitFailure)
	}
	return nil
}
