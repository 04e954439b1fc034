package supervisor

import (
	"context"
	"os"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/status"
	"github.com/lvs-director/director/vrrp/track"
)

// report is what director status shows, on a host with these interfaces; it is
// called in the supervisor's goroutine.
func (s *supervisor) report(links map[string]track.Interface) control.Status {
	f := status.Facts{
		Now: time.Now(), Known: s.known, Config: s.current().cfg, Findings: s.current().findings,
		Header: control.Status{
			Version: s.opts.Version, Pid: os.Getpid(), Since: s.started,
			ConfigState: s.state(), Scripts: control.Scripts(s.notify.Last()),
		},
		Workers: s.rollout.Workers(), ReplaceProblem: s.rollout.ReplaceProblem(),
		Problems: append(s.fileProblems(), s.namespaceProblems()...), Orders: make(map[string]control.Order),
		Overrides: s.overrides.set.List(),
		Host:      track.Host{Interfaces: links, Trackers: trackersByKey(s.trackers())},
	}
	for _, i := range f.Config.Instances {
		if o, ok := s.handovers.Of(i.Name); ok {
			f.Orders[i.Name] = control.Order{Since: o.Since, Until: o.Until}
		}
	}
	return status.Make(f)
}

func trackersByKey(list []event.TrackerState) map[track.Key]event.TrackerState {
	m := make(map[track.Key]event.TrackerState, len(list))
	for _, t := range list {
		m[track.Key{Kind: t.Kind, Name: t.Name}] = t
	}
	return m
}

// state is called in the supervisor's goroutine.
func (s *supervisor) state() control.ConfigState {
	c := control.ConfigState{
		Config: s.opts.File, Generation: s.reload.Generation(), Digest: s.current().Digest(), Number: s.current().kept.Number,
		StateDir: s.opts.StateDir, HistoryError: s.archive.trouble, Fallback: s.fallback,
		ReloadRefused: s.refused.why, ReloadRefusedAt: s.refused.at,
	}
	if until := s.reload.ConfirmUntil(); !until.IsZero() {
		c.ConfirmUntil = &until
	}
	return c
}

// compareFile looks whether the file on disk is what is in force. It reads the
// file only when it was changed since it was read last, and never in the
// supervisor's goroutine.
func (s *supervisor) compareFile(ctx context.Context, c *control.ConfigState) error {
	var disk *loaded
	if err := s.do(ctx, func() { disk = s.disk }); err != nil {
		return err
	}
	if disk.recorder == nil || disk.recorder.Changed() {
		disk = s.opts.load()
		disk.cfg = &conf.Config{Path: disk.cfg.Path, Digest: disk.cfg.Digest} // the rest is not needed
		if err := s.do(ctx, func() { s.disk = disk }); err != nil {
			return err
		}
	}
	c.FileErrors, _, _ = conf.Count(disk.findings)
	c.FileDiffers = disk.Digest() != c.Digest
	if !c.FileDiffers {
		c.ReloadRefused, c.ReloadRefusedAt = "", time.Time{}
	}
	return nil
}
