package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/lvs-director/director/cmd/director/internal/plan"
	"github.com/lvs-director/director/conf"
)

// applyPatience bounds how long a reload may take in the workers before the
// one who asked for it is told so.
const applyPatience = 20 * time.Second

// reloadRequest is what POST /v1/reload and /v1/rollback are given.
type reloadRequest struct {
	// Number is the configuration of the history to go back to; 0 is the one
	// before. Only for a rollback.
	Number int `json:"number,omitempty"`
	// Expect is the digest of what was planned; empty takes any.
	Expect string `json:"expect,omitempty"`
	// Confirm is how long to wait for a confirmation, in Go's notation of
	// durations; empty is not at all.
	Confirm string `json:"confirm,omitempty"`
}

// order is the request as the supervisor takes it.
func (q reloadRequest) order() (order, error) {
	o := order{number: q.Number, expect: q.Expect}
	if q.Confirm == "" {
		return o, nil
	}
	d, err := time.ParseDuration(q.Confirm)
	if err != nil || d <= 0 || d > maxConfirm {
		return o, fmt.Errorf("a confirmation cannot be waited for during %q: more than nothing, at most %v", q.Confirm, maxConfirm)
	}
	o.confirm = d
	return o, nil
}

// reloadReport is what became of a reload.
type reloadReport struct {
	File       string        `json:"file"`
	Applied    bool          `json:"applied"`
	Refused    string        `json:"refused,omitempty"` // why it was not applied
	Generation uint64        `json:"generation"`        // in force now
	Number     int           `json:"number,omitempty"`  // in the history
	Findings   []jsonFinding `json:"findings"`
	// Problems are what of an applied configuration could not be done.
	Problems []string `json:"problems,omitempty"`
	// ConfirmUntil is when the configuration before comes back by itself.
	ConfirmUntil *time.Time `json:"confirm_until,omitempty"`
}

type reloadCmd struct {
	daemonDirs
	Confirm time.Duration `placeholder:"TIME" help:"Go back by itself after this time (30s, 5m) unless \"director confirm\" comes."`
}

// Help is the example that "director reload --help" shows.
func (reloadCmd) Help() string {
	return `The file is checked first; one with errors changes nothing. Then the plan is shown (see director plan)
and carried out. Exit status 0 when it is in force, 1 when it is not. Sending HUP to director does the same.

Example: director reload --confirm 5m`
}

// Run shows the plan, asks the running director to carry it out and prints
// what became of it.
func (c *reloadCmd) Run(io streams) error {
	return change(io, c.daemonDirs, planRequest{}, "/v1/reload", c.Confirm)
}

type rollbackCmd struct {
	daemonDirs
	Number  int           `arg:"" optional:"" help:"Number in the history; default the configuration before the one in force."`
	Confirm time.Duration `placeholder:"TIME" help:"Go back by itself after this time (30s, 5m) unless \"director confirm\" comes."`
}

// Help is the example that "director rollback --help" shows.
func (rollbackCmd) Help() string {
	return `Puts a configuration of the history in force again, after showing the plan. The file on disk stays as it
is: a start keeps away from what was rolled back, a reload takes the file again.

Example: director rollback 12`
}

// Run shows the plan and asks the running director to carry it out.
func (c *rollbackCmd) Run(io streams) error {
	return change(io, c.daemonDirs, planRequest{Rollback: true, Number: c.Number}, "/v1/rollback", c.Confirm)
}

type confirmCmd struct {
	daemonDirs
}

// Help is the example that "director confirm --help" shows.
func (confirmCmd) Help() string {
	return `Says that the configuration of "director reload --confirm TIME" shall stay.

Example: director confirm`
}

// Run confirms.
func (c *confirmCmd) Run(io streams) error {
	var r confirmReport
	if err := ask(c.daemonDirs, http.MethodPost, "/v1/confirm", 10*time.Second, struct{}{}, &r); err != nil {
		return err
	}
	fmt.Fprintf(io.out, "generation %d stays in force\n", r.configState.Generation)
	return nil
}

// change shows the plan for another configuration and has it carried out.
func change(io streams, d daemonDirs, q planRequest, path string, confirm time.Duration) error {
	var p planReport
	if err := ask(d, http.MethodPost, "/v1/plan", planPatience, q, &p); err != nil {
		return err
	}
	printAttention(io.err, p.configState)
	_ = conf.WriteFindings(io.err, confFindings(p.Findings), isTerminal(io.err))
	if p.Refused != "" {
		return fmt.Errorf("%s: generation %d keeps running unchanged", p.Refused, p.configState.Generation)
	}
	if err := printPlan(io.out, p, plan.DefaultLines); err != nil {
		return fmt.Errorf("writing the plan: %w", err)
	}
	request := reloadRequest{Number: p.Number, Expect: p.Digest}
	if confirm != 0 {
		request.Confirm = confirm.String()
	}
	var r reloadReport
	if err := ask(d, http.MethodPost, path, 2*applyPatience, request, &r); err != nil {
		return err
	}
	if !r.Applied {
		return fmt.Errorf("%s: generation %d keeps running", r.Refused, r.Generation)
	}
	for _, problem := range r.Problems {
		fmt.Fprintln(io.err, "director:", problem)
	}
	fmt.Fprintf(io.out, "%s is in force as generation %d%s\n", r.File, r.Generation, numbered(r.Number))
	if r.ConfirmUntil != nil {
		fmt.Fprintf(io.out, "the configuration before comes back at %s unless you type: director confirm\n",
			r.ConfirmUntil.Local().Format("15:04:05"))
	}
	if len(r.Problems) > 0 {
		return status(exitFailure)
	}
	return nil
}

func numbered(number int) string {
	if number == 0 {
		return ""
	}
	return fmt.Sprintf(", number %d of the history", number)
}
