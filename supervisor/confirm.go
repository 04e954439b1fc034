package supervisor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/history"
	"github.com/lvs-director/director/words"
)

// A configuration that was applied with --confirm is in force on probation:
// unless somebody says in time that all is well, the one before comes back.
// The history notes it, so that a director that dies and starts in that time
// does not start with it.

// pending is what happens without a confirmation.
type pending struct {
	back      loaded        // what comes back
	backEntry history.Entry // its place in the history
	until     time.Time
	timer     *time.Timer
}

// expired is ready when the time for a confirmation is over; never without one.
func (p *pending) expired() <-chan time.Time {
	if p == nil {
		return nil
	}
	return p.timer.C
}

// await begins, prolongs or ends the waiting for a confirmation: those who
// gave orders said whether they want one. A signal says nothing about it, and
// whoever reloads without --confirm is there and content.
func (s *supervisor) await(before loaded, orders []order) (unconfirmed bool) {
	var patience time.Duration
	signalled := true
	for _, o := range orders {
		signalled = signalled && o.signal
		if o.confirm > 0 && (patience == 0 || o.confirm < patience) {
			patience = o.confirm
		}
	}
	switch {
	case patience > 0 && s.pending != nil:
		s.pending.timer.Stop()
		s.pending.until, s.pending.timer = time.Now().Add(patience), time.NewTimer(patience)
	case patience > 0:
		s.pending = &pending{back: before, backEntry: s.entry, until: time.Now().Add(patience), timer: time.NewTimer(patience)}
	case s.pending != nil && !signalled:
		s.endPending()
	}
	if s.pending == nil {
		return false
	}
	s.log.Warn("waiting for a confirmation: without one the configuration before comes back",
		"until", s.pending.until.Format(time.RFC3339), "confirm_with", "director confirm")
	return true
}

func (s *supervisor) endPending() {
	s.pending.timer.Stop()
	s.pending = nil
}

// confirmUntil is when the time for a confirmation is over; nil without one.
func (s *supervisor) confirmUntil() *time.Time {
	if s.pending == nil {
		return nil
	}
	return &s.pending.until
}

// goBack puts the configuration before in force again.
func (s *supervisor) goBack() {
	if s.loading || s.upgrading {
		// What is being read belongs to a person or a signal, and comes after;
		// an upgrade takes what is in force along.
		s.pending.timer = time.NewTimer(100 * time.Millisecond)
		return
	}
	p := s.pending
	s.endPending()
	s.log.Error("nobody confirmed the configuration: the one before comes back",
		"config", s.current.cfg.Path, "digest", words.ShortDigest(s.current.digest()), "back_to", p.backEntry.Number)
	replaced := s.current.digest()
	s.ready(reloadingNow())
	s.replace(p.back, history.Entry{Reason: "not confirmed, back to " + entryName(p.backEntry), Of: p.backEntry.Of, Replaced: replaced}, nil)
	if s.disk.digest() == replaced {
		s.fallback = fmt.Sprintf("the configuration in %s was not confirmed in time", s.opts.File)
	}
}

// Confirm is called by the control socket.
func (s *supervisor) Confirm(ctx context.Context, _ struct{}) (control.ConfirmReport, error) {
	var r control.ConfirmReport
	var problem error
	err := s.do(ctx, func() {
		if s.pending == nil {
			problem = errors.New("nothing waits for a confirmation: if there was something, its time is over (director status and director history tell)")
			return
		}
		s.endPending()
		s.log.Info("configuration confirmed", "generation", s.generation, "number", s.entry.Number)
		if s.entry.Unconfirmed {
			if err := s.history.Confirm(s.entry.Number); err != nil {
				s.historyFailed(err)
			}
			s.entry.Unconfirmed = false
		}
		r = control.ConfirmReport{Generation: s.generation, Number: s.entry.Number, ConfigState: s.state()}
	})
	if err != nil {
		return r, fmt.Errorf("confirm: %w", err)
	}
	return r, problem
}

// rememberStart keeps what director was started with.
func (s *supervisor) rememberStart() {
	e := history.Entry{Reason: "start"}
	if s.current.entry.Number != 0 {
		e = history.Entry{Reason: "start with " + entryName(s.current.entry), Of: s.current.entry.Of, Replaced: s.disk.digest()}
	}
	s.remember(e)
}

// remember keeps what is in force in the history.
func (s *supervisor) remember(e history.Entry) {
	s.entry = history.Entry{}
	if s.history == nil {
		return
	}
	cfg := s.current.cfg
	e.Time, e.Digest = time.Now(), cfg.Digest
	e.Instances, e.VirtualServers = len(cfg.Instances), len(cfg.VirtualServers)
	kept, err := s.history.Add(e, s.current.text)
	if err != nil {
		s.historyFailed(err)
		return
	}
	s.entry, s.trouble = kept, ""
}

// historyFailed says once that the history cannot be written.
func (s *supervisor) historyFailed(err error) {
	if text := err.Error(); text != s.trouble {
		s.trouble = text
		s.log.Warn("the history of configurations is not kept: no rollback to this one, and nothing to fall back to at the next start", "error", err)
	}
}

// entryName is a configuration of the history in words.
func entryName(e history.Entry) string {
	if e.Number == 0 {
		return "the one before"
	}
	return fmt.Sprintf("number %d", e.Number)
}
