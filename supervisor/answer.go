package supervisor

import (
	"context"
	"fmt"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/hostcheck"
	"github.com/lvs-director/director/vrrp/track"
)

// What the control socket can ask for. These methods run in the goroutines of
// their connections and enter the supervisor's by do.

func (s *supervisor) Status(ctx context.Context, _ struct{}) (control.Status, error) {
	var r control.Status
	err := s.count(ctx)
	if err == nil {
		var links map[string]track.Interface
		if links, err = hostcheck.Links(); err == nil {
			err = s.do(ctx, func() { r = s.report(links) })
		}
	}
	if err == nil {
		err = s.compareFile(ctx, &r.ConfigState)
	}
	if err != nil {
		return r, fmt.Errorf("status: %w", err)
	}
	return r, nil
}

func (s *supervisor) About(ctx context.Context, _ struct{}) (control.ConfigState, error) {
	var c control.ConfigState
	err := s.do(ctx, func() { c = s.state() })
	if err == nil {
		err = s.compareFile(ctx, &c)
	}
	if err != nil {
		return c, fmt.Errorf("asking what is in force: %w", err)
	}
	return c, nil
}
