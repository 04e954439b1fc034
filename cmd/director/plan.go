package main

import (
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"github.com/lvs-director/director/cmd/director/screen"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/hostcheck"
	"github.com/lvs-director/director/supervisor/plan"
)

type planCmd struct {
	namedFile
	File        string `short:"f" placeholder:"FILE" help:"Configuration file; default the one that the running director reads, else as for check."`
	ConfigID    string `short:"i" name:"config-id" placeholder:"ID" help:"Read lines that begin with @ID; default is the host name. A running director uses its own."`
	LocalConfig string `name:"local-config" placeholder:"FILE" help:"File with director's own words, read behind the main one; default /etc/director/local.conf, if it exists, behind a default file."`
	All         bool   `help:"Print all lines, however many."`
	JSON        bool   `name:"json" help:"Print JSON."`
	byPid
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
	q := control.PlanRequest{File: c.File, Local: c.LocalConfig}
	for _, name := range []*string{&q.File, &q.Local} {
		if *name != "" {
			abs, err := filepath.Abs(*name)
			if err != nil {
				return fmt.Errorf("finding %s: %w", *name, err)
			}
			*name = abs
		}
	}
	var r control.PlanReport
	err := control.Ask(c.run(), http.MethodPost, "/v1/plan", control.PlanPatience, q, &r)
	if errors.Is(err, control.ErrNoDirector) {
		r, err = c.withoutDirector()
	}
	if err != nil {
		return err
	}
	if c.JSON {
		if err := control.Write(std.out, r, true); err != nil {
			return fmt.Errorf("writing the plan: %w", err)
		}
	} else {
		screen.AttentionBefore(std.err, r.ConfigState, time.Now())
		_ = conf.WriteFindings(std.err, control.ConfFindings(r.Findings), isTerminal(std.err))
	}
	if r.Refused != "" {
		return fmt.Errorf("%s: a reload would refuse it", r.Refused)
	}
	if c.JSON {
		return nil
	}
	lines := plan.DefaultLines
	if c.All {
		lines = 0
	}
	return screen.Plan(std.out, r, lines)
}

// withoutDirector compares the file with the kernel.
func (c *planCmd) withoutDirector() (control.PlanReport, error) {
	file, err := load.FindFile(c.File)
	if err != nil {
		return control.PlanReport{}, err
	}
	cfg, findings := load.Load(file, load.Options{ConfigID: c.ConfigID, Local: c.LocalConfig})
	r := control.PlanReport{File: file, Digest: cfg.Digest, Losses: []string{},
		Findings: control.Findings(control.WorthSaying(findings))}
	if conf.HasErrors(findings) {
		r.Refused = file + " has errors"
		return r, nil
	}
	facts := plan.Facts{WithoutEffect: plan.WithoutEffect(findings)}
	hostcheck.Look(&facts, cfg)
	hostcheck.LookForTrackers(&facts, cfg, nil)
	hostcheck.LookForRoutes(&facts, cfg)
	if len(cfg.VirtualServers) > 0 {
		hostcheck.LookClosely(&facts, cfg)
	}
	r.Plan = plan.AgainstKernel(cfg, facts)
	r.Nothing = r.Plan.Nothing()
	return r, nil
}

type diffCmd struct {
	Peer diffPeerCmd `cmd:"" help:"Show how the configuration of a peer differs, but for what has to."`
}

// Help is the example that "director diff --help" shows.
func (diffCmd) Help() string { return "Example: director diff peer" }

type diffPeerCmd struct {
	byFile
	Name string `arg:"" optional:"" help:"The peer, by its address or host name, when there are several."`
	All  bool   `help:"Print all lines, however many."`
	asJSON
}

// Help is the example that "director diff peer --help" shows.
func (diffPeerCmd) Help() string {
	return `Lines with "-" are in force here only, those with "+" on the peer only. Exit status 1 when there are any.

Example: director diff peer`
}

// Run asks the running director, and that one its peer.
func (c *diffPeerCmd) Run(io streams) error {
	var r control.PeerDiffReport
	q := control.PeerDiffRequest{Peer: c.Name, All: c.All}
	err := control.Ask(c.run(), http.MethodPost, "/v1/peer/diff", 10*time.Second, q, &r)
	switch {
	case err != nil:
		return err
	case c.JSON:
		err = control.Write(io.out, r, true)
	default:
		screen.PeerDiff(io.out, r)
	}
	if err == nil && r.Count > 0 {
		return exitCode(exitFailure)
	}
	return err
}
