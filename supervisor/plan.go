package supervisor

import (
	"cmp"
	"context"
	"fmt"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/keyfile"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/history"
	"github.com/lvs-director/director/supervisor/hostcheck"
	"github.com/lvs-director/director/supervisor/plan"
)

// Plan is called by the control socket.
func (s *supervisor) Plan(ctx context.Context, q control.PlanRequest) (control.PlanReport, error) {
	r := control.PlanReport{File: s.opts.File, Findings: []control.Finding{}, Losses: []string{}}
	var running *loaded
	var store *history.Store
	facts := plan.Facts{}
	var trackers []event.TrackerState
	var err error
	if q.Rollback {
		err = s.remembered(ctx)
	}
	if err != nil {
		return r, fmt.Errorf("rollback: %w", err)
	}
	err = s.do(ctx, func() {
		r.ConfigState, running, store = s.state(), s.current(), s.archive.store
		facts.Instances, trackers = s.known.States(s.current().cfg), append(s.trackers(), s.bfdTrackers()...)
	})
	if err == nil {
		err = s.compareFile(ctx, &r.ConfigState)
	}
	if err != nil {
		return r, fmt.Errorf("plan: %w", err)
	}
	var wanted *loaded
	switch {
	case q.Rollback:
		if r.Number = q.Number; q.Number == 0 {
			if r.Number, err = s.before(ctx); err != nil {
				return r, fmt.Errorf("rollback: %w", err)
			}
		}
		if wanted, err = s.opts.loadEntry(store, r.Number); err != nil {
			return r, fmt.Errorf("rollback: %w", err)
		}
		r.File = fmt.Sprintf("number %d of the history", r.Number)
	default:
		other := *s.opts
		other.File, other.LocalFile = cmp.Or(q.File, other.File), cmp.Or(q.Local, other.LocalFile)
		r.File, wanted = other.File, other.load()
	}
	keyfile.Insist(wanted.findings) // as a reload does
	r.Digest, r.Findings = wanted.Digest(), control.Findings(control.WorthSaying(wanted.findings))
	if conf.HasErrors(wanted.findings) {
		r.Refused = r.File + " has errors"
		return r, nil
	}
	if !q.Rollback {
		host := hostcheck.HostFor(wanted.cfg)
		err := s.do(ctx, func() { r.Losses = append(r.Losses, s.losses(wanted, host)...) })
		if err != nil {
			return r, fmt.Errorf("plan: %w", err)
		}
	}
	hostcheck.Look(&facts, running.cfg)
	hostcheck.LookForTrackers(&facts, wanted.cfg, trackers)
	r.Plan = plan.Make(running.cfg, wanted.cfg, facts)
	r.Nothing = r.Plan.Nothing()
	return r, nil
}
