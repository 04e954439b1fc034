package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/lvs-director/director/cmd/director/screen"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/plan"
)

type reloadCmd struct {
	byFile
	Confirm    *lasts `placeholder:"TIME" help:"Go back to the previous configuration after this time (30s, 5m) unless \"director confirm\" is run."`
	AcceptLoss bool   `name:"accept-loss" help:"Reload even if a new warning in the file stops something that runs."`
}

// Help is the example that "director reload --help" shows.
func (reloadCmd) Help() string {
	return `The file is checked first; one with errors changes nothing. Then the plan is shown (see director plan)
and carried out. Exit status 0 when it is in force, 1 when it is not. Sending HUP to director does the same.
When a new warning in the file goes with the loss of something that runs, the file is refused: a letter may be
wrong. With --accept-loss it is taken; "reload_on_loss apply" in global_defs takes it always, as keepalived does.

Example: director reload --confirm 5m`
}

// Run shows the plan, asks the running director to carry it out and prints
// what became of it.
func (c *reloadCmd) Run(io streams) error {
	return change(io, c.daemonDirs, control.PlanRequest{}, "/v1/reload", control.ReloadRequest{AcceptLoss: c.AcceptLoss},
		c.Confirm)
}

type rollbackCmd struct {
	byFile
	Number  string `arg:"" optional:"" help:"Number in the history; default is the configuration before the one in force."`
	Confirm *lasts `placeholder:"TIME" help:"Go back to the previous configuration after this time (30s, 5m) unless \"director confirm\" is run."`
}

// Help is the example that "director rollback --help" shows.
func (rollbackCmd) Help() string {
	return `Puts a configuration of the history in force again, after showing the plan. The file on disk stays as it
is: a start keeps away from what was rolled back, a reload takes the file again.

Example: director rollback 12`
}

// Run shows the plan and asks the running director to carry it out.
func (c *rollbackCmd) Run(io streams) error {
	n, err := entryNumber(c.Number)
	if err != nil {
		return err
	}
	return change(io, c.daemonDirs, control.PlanRequest{Rollback: true, Number: n}, "/v1/rollback",
		control.ReloadRequest{}, c.Confirm)
}

type confirmCmd struct {
	byFile
}

// Help is the example that "director confirm --help" shows.
func (confirmCmd) Help() string {
	return `Keeps the configuration of "director reload --confirm TIME" in force.

Example: director confirm`
}

// Run confirms.
func (c *confirmCmd) Run(io streams) error {
	var r control.ConfirmReport
	if err := control.Ask(c.run(), http.MethodPost, "/v1/confirm", 10*time.Second, struct{}{}, &r); err != nil {
		return err
	}
	fmt.Fprintf(io.out, "generation %d stays in force\n", r.ConfigState.Generation)
	return nil
}

// change shows the plan for another configuration and has it carried out.
func change(
	io streams, d daemonDirs, q control.PlanRequest, path string, request control.ReloadRequest, confirm *lasts,
) error {
	var p control.PlanReport
	if err := control.Ask(d.run(), http.MethodPost, "/v1/plan", control.PlanPatience, q, &p); err != nil {
		return err
	}
	screen.AttentionBefore(io.err, p.ConfigState, time.Now())
	_ = conf.WriteFindings(io.err, control.ConfFindings(p.Findings), isTerminal(io.err))
	if p.Refused != "" {
		return fmt.Errorf("%s: generation %d keeps running unchanged", p.Refused, p.ConfigState.Generation)
	}
	if err := screen.Plan(io.out, p, plan.DefaultLines); err != nil {
		return fmt.Errorf("writing the plan: %w", err)
	}
	request.Number, request.Expect = p.Number, p.Digest
	request.Confirm = confirm.text()
	var r control.ReloadReport
	if err := control.Ask(d.run(), http.MethodPost, path, 2*control.ApplyPatience, request, &r); err != nil {
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
		fmt.Fprintf(io.out, "the previous configuration comes back at %s unless you type: director confirm\n",
			r.ConfirmUntil.Local().Format("15:04:05"))
	}
	if len(r.Problems) > 0 {
		return exitCode(exitFailure)
	}
	return nil
}

func numbered(number int) string {
	if number == 0 {
		return ""
	}
	return fmt.Sprintf(", number %d of the history", number)
}
