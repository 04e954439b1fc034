package supervisor

import (
	"context"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/supervisor/control"
)

// state is called in the supervisor's goroutine.
func (s *supervisor) state() control.ConfigState {
	c := control.ConfigState{
		Config: s.opts.File, Generation: s.reload.Generation(), Digest: s.current().Digest(), Number: s.current().kept.Number,
		StateDir: s.opts.StateDir, HistoryError: s.archive.trouble, Fallback: s.fallback,
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
	return nil
}
