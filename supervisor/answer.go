package supervisor

import (
	"context"
	"fmt"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/history"
)

// What the control socket can ask for. These methods run in the goroutines of
// their connections and enter the supervisor's by do.

func (s *supervisor) Status(ctx context.Context, _ struct{}) (control.Status, error) {
	var r control.Status
	err := s.count(ctx)
	if err == nil {
		err = s.do(ctx, func() { r = s.report() })
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

func (s *supervisor) Reload(ctx context.Context, q control.ReloadRequest) (control.ReloadReport, error) {
	o, err := orderOf(q)
	if err != nil {
		return control.ReloadReport{}, fmt.Errorf("reload: %w", err)
	}
	o.number = 0
	return s.reload(ctx, o)
}

func (s *supervisor) Rollback(ctx context.Context, q control.ReloadRequest) (control.ReloadReport, error) {
	o, err := orderOf(q)
	if err == nil && o.number == 0 {
		o.number, err = s.before(ctx)
	}
	if err != nil {
		return control.ReloadReport{}, fmt.Errorf("rollback: %w", err)
	}
	return s.reload(ctx, o)
}

// before is the number that a rollback without one goes to.
func (s *supervisor) before(ctx context.Context) (int, error) {
	var store *history.Store
	var trouble string
	var entry history.Entry
	if err := s.do(ctx, func() { store, trouble, entry = s.history, s.trouble, s.entry }); err != nil {
		return 0, err
	}
	if store == nil {
		return 0, fmt.Errorf("there is no history: %s", trouble)
	}
	entries, err := store.List()
	if err != nil {
		return 0, err
	}
	if entry.Number == 0 && len(entries) > 0 { // what runs is not kept: the newest is before it
		return entries[len(entries)-1].Number, nil
	}
	e, ok := history.Before(entries, entry)
	if !ok {
		return 0, fmt.Errorf("there is no configuration before the one in force: director history lists them")
	}
	return e.Number, nil
}

// orderOf is a request as the loop takes it.
func orderOf(q control.ReloadRequest) (order, error) {
	wait, err := q.Wait()
	return order{number: q.Number, expect: q.Expect, confirm: wait}, err
}
