package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/cmd/director/internal/history"
	"github.com/lvs-director/director/cmd/director/internal/plan"
	"github.com/lvs-director/director/conf"
)

// planPatience bounds how long a plan may take: reading a large configuration
// takes a second, and the kernel's table another few.
const planPatience = 30 * time.Second

// planRequest is what POST /v1/plan is given.
type planRequest struct {
	// File is what to compare with what is in force; empty is the file that a
	// reload reads.
	File string `json:"file,omitempty"`
	// Rollback compares a configuration of the history instead: Number, or with
	// 0 the one before.
	Rollback bool `json:"rollback,omitempty"`
	Number   int  `json:"number,omitempty"`
}

// planReport is a plan and what it compares.
type planReport struct {
	// configState is of the running director; its Generation is 0 when none
	// runs and the comparison is with the kernel.
	configState
	File     string        `json:"file"`              // what was compared
	Digest   string        `json:"file_digest"`       // of what was compared
	Number   int           `json:"plan_of,omitempty"` // in the history, of a rollback
	Findings []jsonFinding `json:"findings"`
	Refused  string        `json:"refused,omitempty"` // why there is no plan
	Nothing  bool          `json:"nothing_changes"`
	Plan     plan.Plan     `json:"plan"`
}

// plan is called by the control socket.
func (s *supervisor) plan(ctx context.Context, q planRequest) (planReport, error) {
	r := planReport{File: s.opts.File, Findings: []jsonFinding{}}
	var running loaded
	var store *history.Store
	facts := plan.Facts{}
	err := s.do(ctx, func() {
		r.configState, running, store = s.state(), s.current, s.history
		facts.Instances = s.known.states()
	})
	if err == nil {
		err = s.compareFile(ctx, &r.configState)
	}
	if err != nil {
		return r, fmt.Errorf("plan: %w", err)
	}
	var wanted loaded
	switch {
	case q.Rollback:
		if r.Number = q.Number; q.Number == 0 {
			if r.Number, err = s.before(ctx); err != nil {
				return r, fmt.Errorf("rollback: %w", err)
			}
		}
		if wanted = s.loadEntry(store, r.Number); wanted.err != nil {
			return r, fmt.Errorf("rollback: %w", wanted.err)
		}
		r.File = fmt.Sprintf("number %d of the history", r.Number)
	case q.File != "":
		r.File = q.File
		other := *s.opts
		other.File = q.File
		wanted = other.load()
	default:
		wanted = s.load()
	}
	r.Digest, r.Findings = wanted.digest(), jsonFindings(worthSaying(wanted.findings))
	if conf.HasErrors(wanted.findings) {
		r.Refused = r.File + " has errors"
		return r, nil
	}
	look(&facts)
	r.Plan = plan.Make(conf.Diff(running.cfg, wanted.cfg), facts)
	r.Nothing = r.Plan.Nothing()
	return r, nil
}

// worthSaying leaves out the notes: they are for director check.
func worthSaying(findings []conf.Finding) []conf.Finding {
	var list []conf.Finding
	for _, f := range findings {
		if f.Severity != conf.Note {
			list = append(list, f)
		}
	}
	return list
}

type planCmd struct {
	namedFile
	File     string `short:"f" placeholder:"FILE" help:"Configuration file; default the one that the running director reads, else as for check."`
	ConfigID string `short:"i" name:"config-id" placeholder:"ID" help:"Lines that begin with @ID are read; default the host's name. A running director uses its own."`
	All      bool   `help:"Print all lines, however many."`
	JSON     bool   `name:"json" help:"Print JSON."`
	daemonDirs
}

// Help is the example that "director plan --help" shows.
func (planCmd) Help() string {
	return `Compares the file with what the running director has in force, or, when none runs, with this host's addresses
and IPVS table: "nothing would change" there says that director can take over from keepalived. Nothing is changed.
Exit status 0, or 1 when the file has errors.

Example: director plan -f /etc/keepalived/keepalived.conf`
}

// Run prints the plan.
func (c *planCmd) Run(std streams) error {
	if err := c.into(&c.File); err != nil {
		return err
	}
	q := planRequest{File: c.File}
	if q.File != "" {
		abs, err := filepath.Abs(q.File)
		if err != nil {
			return fmt.Errorf("finding %s: %w", q.File, err)
		}
		q.File = abs
	}
	var r planReport
	err := ask(c.daemonDirs, http.MethodPost, "/v1/plan", planPatience, q, &r)
	if errors.Is(err, errNoDirector) {
		r, err = c.withoutDirector()
	}
	if err != nil {
		return err
	}
	if c.JSON {
		enc := json.NewEncoder(std.out)
		enc.SetIndent("", "  ")
		if err := enc.Encode(r); err != nil {
			return fmt.Errorf("writing the plan: %w", err)
		}
	} else {
		printAttention(std.err, r.configState)
		_ = conf.WriteFindings(std.err, confFindings(r.Findings), isTerminal(std.err))
	}
	if r.Refused != "" {
		return fmt.Errorf("%s: it would be refused", r.Refused)
	}
	if c.JSON {
		return nil
	}
	lines := plan.DefaultLines
	if c.All {
		lines = 0
	}
	return printPlan(std.out, r, lines)
}

// withoutDirector compares the file with the kernel.
func (c *planCmd) withoutDirector() (planReport, error) {
	file, err := configFile(c.File)
	if err != nil {
		return planReport{}, err
	}
	cfg, findings := conf.Load(file, conf.Options{ConfigID: c.ConfigID})
	r := planReport{File: file, Digest: cfg.Digest, Findings: jsonFindings(worthSaying(findings))}
	if conf.HasErrors(findings) {
		r.Refused = file + " has errors"
		return r, nil
	}
	facts := plan.Facts{WithoutEffect: kernelWords(findings)}
	look(&facts)
	lookForRoutes(&facts, cfg)
	if len(cfg.VirtualServers) > 0 {
		lookClosely(&facts)
	}
	r.Plan = plan.AgainstKernel(cfg, facts)
	r.Nothing = r.Plan.Nothing()
	return r, nil
}

// aboutKernel are the keywords that leave something in the kernel beside
// addresses and virtual servers, or say how.
var aboutKernel = []string{
	"virtual_routes", "virtual_rules", "static_ipaddress", "static_routes", "static_rules", "use_ipvlan", "vrf",
	"no_accept", "promote_secondaries", "virtual_server_group", "sorry_server", "lvs_sync_daemon", "lvs_timeouts",
	"nftables_ipvs", "unicast_peer",
}

// kernelWords are the notes about such keywords that this version does not act on.
func kernelWords(findings []conf.Finding) []string {
	var list []string
	for _, f := range findings {
		word, _, _ := strings.Cut(f.Message, " ")
		if f.Code == "no-effect" && slices.Contains(aboutKernel, word) {
			list = append(list, fmt.Sprintf("%s (%s)", f.Message, f.Pos))
		}
	}
	return list
}

// printPlan writes a plan for people, after what it compares.
func printPlan(w io.Writer, r planReport, lines int) error {
	if r.Generation == 0 {
		fmt.Fprintf(w, "%s (digest %s) against the kernel; no director runs\n", r.File, shortDigest(r.Digest))
	} else {
		fmt.Fprintf(w, "%s (digest %s) against generation %d (digest %s), which is in force\n",
			r.File, shortDigest(r.Digest), r.Generation, shortDigest(r.configState.Digest))
		if r.FileDiffers && r.Config == r.File {
			fmt.Fprintf(w, "- %s was changed since it was put in force, or something else was\n", r.File)
		} else {
			for _, line := range r.remarks() {
				fmt.Fprintln(w, "-", line)
			}
		}
	}
	return r.Plan.Write(w, lines)
}
