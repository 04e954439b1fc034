package supervisor

import (
	"context"
	"errors"
	"fmt"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/history"
	"github.com/lvs-director/director/supervisor/reload"
)

// rememberStart keeps what director was started with.
func (s *supervisor) rememberStart() {
	l := s.current()
	e := history.Entry{Reason: "start"}
	if l.origin.Number != 0 {
		e = history.Entry{Reason: "start with " + entryName(l.origin), Of: l.of(), Replaced: s.disk.Digest()}
	}
	s.keepEntry(l, e)
}

// remember keeps what has come into force in the history.
func (s *supervisor) remember(r reload.Remember) {
	l := r.Config.(*loaded)
	e := history.Entry{Reason: reasonText(r.Reason, l), Unconfirmed: r.Unconfirmed}
	if r.Reason != reload.FromFile {
		e.Of, e.Replaced = l.of(), r.Replaced.Digest()
	}
	s.keepEntry(l, e)
}

// reasonText is why a configuration came into force, as the history has it.
func reasonText(r reload.Reason, l *loaded) string {
	switch r {
	case reload.FromHistory:
		return fmt.Sprintf("rollback to %d", l.origin.Number)
	case reload.NotConfirmed:
		return "not confirmed, back to " + entryName(l.kept)
	}
	return "reload"
}

// entryName is a configuration of the history in words.
func entryName(e history.Entry) string {
	if e.Number == 0 {
		return "the one before"
	}
	return fmt.Sprintf("number %d", e.Number)
}

// Confirm is called by the control socket.
func (s *supervisor) Confirm(ctx context.Context, _ struct{}) (control.ConfirmReport, error) {
	type result struct {
		report control.ConfirmReport
		waited bool
	}
	r, err := ask(ctx, s, func(answer func(result)) {
		id := s.callers.id()
		s.callers.confirms[id] = func(waited bool) {
			s.whenRemembered(func() {
				answer(result{control.ConfirmReport{
					Generation: s.reload.Generation(), Number: s.current().kept.Number, ConfigState: s.state(),
				}, waited})
			})
		}
		s.tellReload(reload.Confirmed{ID: id})
	})
	if err != nil {
		return r.report, fmt.Errorf("confirm: %w", err)
	}
	if !r.waited {
		return control.ConfirmReport{}, errors.New("nothing waits for a confirmation: if something did, its time " +
			"is over (see director status and director history)")
	}
	return r.report, nil
}

// markConfirmed notes in the history that what is in force was confirmed.
func (s *supervisor) markConfirmed() {
	l := s.current()
	s.log.Info("configuration confirmed", "generation", s.reload.Generation(), "number", l.kept.Number)
	if owed := s.archive.owed; owed != nil && owed.config == l {
		owed.entry.Unconfirmed = false
	}
	if !l.kept.Unconfirmed {
		return
	}
	l.kept.Unconfirmed = false
	s.archive.confirm = l.kept.Number
	s.payHistory()
}

// before is the number that a rollback without one goes to.
func (s *supervisor) before(ctx context.Context) (int, error) {
	var a archive
	var entry history.Entry
	if err := s.do(ctx, func() { a, entry = s.archive, s.current().kept }); err != nil {
		return 0, err
	}
	if a.store == nil {
		return 0, fmt.Errorf("there is no history: %s", a.trouble)
	}
	entries, err := a.store.List()
	if err != nil {
		return 0, err
	}
	if entry.Number == 0 && len(entries) > 0 { // what runs is not kept: the newest is before it
		return entries[len(entries)-1].Number, nil
	}
	e, ok := history.Before(entries, entry)
	if !ok {
		return 0, errors.New("there is no configuration before the one in force: director history lists them")
	}
	return e.Number, nil
}
