package supervisor

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/diff"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/plan"
	"github.com/lvs-director/director/supervisor/reload"
	"github.com/lvs-director/director/supervisor/rollout"
	"github.com/lvs-director/director/vrrp/track"
	"github.com/lvs-director/director/words"
)

// Reload is called by the control socket.
func (s *supervisor) Reload(ctx context.Context, q control.ReloadRequest) (control.ReloadReport, error) {
	wait, err := q.Wait()
	if err != nil {
		return control.ReloadReport{}, fmt.Errorf("reload: %w", err)
	}
	return s.askReload(ctx, "reload", reload.Request{Expect: q.Expect, Confirm: wait, AcceptLoss: q.AcceptLoss})
}

// Rollback is called by the control socket.
func (s *supervisor) Rollback(ctx context.Context, q control.ReloadRequest) (control.ReloadReport, error) {
	wait, err := q.Wait()
	if err == nil {
		err = s.remembered(ctx)
	}
	if err == nil && q.Number == 0 {
		q.Number, err = s.before(ctx)
	}
	if err != nil {
		return control.ReloadReport{}, fmt.Errorf("rollback: %w", err)
	}
	return s.askReload(ctx, fmt.Sprintf("rollback to number %d", q.Number), reload.Request{
		Number: q.Number, Expect: q.Expect, Confirm: wait})
}

// askReload has an operator's command carried out, and waits until what is asked for is in force, or refused.
func (s *supervisor) askReload(ctx context.Context, what string, r reload.Request) (control.ReloadReport, error) {
	report, err := ask(ctx, s, func(answer func(control.ReloadReport)) {
		r.ID = s.callers.id()
		s.chronicle.asked[r.ID] = s.command(ctx, "configuration "+s.opts.File, what)
		s.callers.reloads[r.ID] = func(o reload.Outcome) { answer(s.reloadReport(o)) }
		s.tellReload(reload.Asked{Request: r})
	})
	if err != nil {
		return report, fmt.Errorf("reload: %w", err)
	}
	return report, nil
}

// reloadReport is an outcome as the control socket tells it.
func (s *supervisor) reloadReport(o reload.Outcome) control.ReloadReport {
	r := control.ReloadReport{
		File: s.opts.File, Applied: o.Applied, Refused: o.Refused, Generation: o.Generation,
		Findings: []control.Finding{}, Problems: o.Problems,
	}
	if l, ok := o.Config.(*loaded); ok {
		r.Findings = control.Findings(l.findings)
		if o.Applied {
			r.File, r.Number = l.name(), l.kept.Number
		}
	}
	if o.Overdue {
		for _, w := range s.rollout.Behind() {
			r.Problems = append(r.Problems, fmt.Sprintf("the %s worker has not applied it within %v", w, reload.Patience))
		}
	}
	if !o.ConfirmUntil.IsZero() {
		r.ConfirmUntil = &o.ConfirmUntil
	}
	return r
}

// evaluate says whether what was read may come into force.
func (s *supervisor) evaluate(l *loaded) reload.Read {
	logFindings(s.log, l.findings)
	r := reload.Read{Config: l}
	switch {
	case conf.HasErrors(l.findings):
		r.Refused = l.cfg.Path + " has errors"
	default:
		r.Refused = needsRestart(s.current().cfg, l.cfg)
	}
	return r
}

// needsRestart says in what the configurations differ that cannot be changed
// under a running director; empty when they do not.
func needsRestart(before, after *conf.Config) string {
	var list []string
	for _, c := range diff.Fixed(before, after) {
		list = append(list, fmt.Sprintf("%s changes from %s to %s", c.Keyword, cmp.Or(c.Old, "none"), cmp.Or(c.New, "none")))
	}
	if list == nil {
		return ""
	}
	return strings.Join(list, ", ") + ": a reload cannot do that, restart director"
}

// carryOutReload does what the machine has decided.
func (s *supervisor) carryOutReload(e reload.Effect) {
	switch e := e.(type) {
	case reload.ReadFile:
		s.readFile()
	case reload.ReadHistory:
		s.readHistory(e.Number)
	case reload.Apply:
		s.apply(e)
	case reload.Remember:
		s.remember(e)
	case reload.MarkConfirmed:
		s.markConfirmed()
	case reload.Answer:
		answer := s.callers.reloads[e.ID]
		delete(s.callers.reloads, e.ID)
		s.chronicle.answered = append(s.chronicle.answered, e.ID)
		s.whenRemembered(func() { answer(e.Outcome) }) // the answer has the number in the history
	case reload.AnswerConfirm:
		answer := s.callers.confirms[e.ID]
		delete(s.callers.confirms, e.ID)
		answer(e.Waited)
	case reload.Refused:
		path := s.opts.File
		l, ok := e.Config.(*loaded)
		if ok {
			path = l.cfg.Path
		}
		if !ok || l.origin.Number == 0 { // else a rollback was: who asked for it was told
			s.refused = refusal{e.Why, time.Now()}
		}
		s.log.Error("reload refused", "config", path, "why", e.Why, "generation", s.reload.Generation())
		s.record(event.RecordReload, "configuration "+path, "", "refused", e.Why, s.chronicle.askedBy(e.Of)...)
	case reload.AwaitConfirmation:
		s.log.Warn("waiting for a confirmation: without one the previous configuration comes back",
			"until", e.Until.Format(time.RFC3339), "confirm_with", "director confirm")
	case reload.Unconfirmed:
		s.log.Error("no confirmation arrived: going back to the previous configuration", "config", s.current().cfg.Path,
			"digest", words.ShortDigest(e.Config.Digest()), "back_to", e.Back.(*loaded).kept.Number)
	case reload.InForce:
		if e.Overdue {
			s.log.Error("workers have not applied the configuration in time", "generation", e.Generation, "workers",
				s.rollout.Behind())
			return
		}
		s.log.Info("reloaded", "config", e.Config.(*loaded).cfg.Path, "generation", e.Generation)
	case reload.TellReloading:
		s.ready(reloadingNow())
	case reload.TellReady:
		s.ready("READY=1")
	}
}

// apply makes everything follow a configuration.
func (s *supervisor) apply(e reload.Apply) {
	l := e.Config.(*loaded)
	s.publish()
	s.generations[e.Generation] = l
	s.fallback, s.refused = "", refusal{}
	if e.Reason == reload.NotConfirmed && s.disk.Digest() == e.Replaced.Digest() {
		s.fallback = fmt.Sprintf("the configuration in %s was not confirmed in time", s.opts.File)
	}
	s.chronicle.brought = s.record(event.RecordReload, "configuration "+l.cfg.Path,
		words.ShortDigest(e.Replaced.Digest()), words.ShortDigest(l.Digest()),
		reasonText(e.Reason, l), s.chronicle.askedBy(e.Of)...)
	s.chronicle.noteChanges(e.Replaced.(*loaded).cfg, l.cfg)
	s.followHandovers(e.Replaced.(*loaded).cfg)
	s.overridesReloaded(e.Replaced.(*loaded).cfg, l.cfg)
	s.log.Info("reloading", "config", l.cfg.Path, "generation", e.Generation, "digest", words.ShortDigest(l.Digest()),
		"reason", reasonText(e.Reason, l))
	s.tellConfiguration(l)
	s.tracking.Apply(l.cfg)
	s.keepServing(s.announcing.Leaves(l.cfg))
	s.announce(l, e.Generation)
	s.whenWithdrawn(func() {
		if s.reload.Generation() == e.Generation { // else a later one comes
			s.tellRollout(rollout.Deploy{Generation: e.Generation})
		}
		s.forgetGenerations()
	})
}

// announce has addresses announced as a configuration wants it.
func (s *supervisor) announce(l *loaded, generation uint64) {
	s.announcing.Apply(l.cfg, generation, s.known, slices.Concat(s.tracking.States(), s.bfdTrackers()))
}

// keepServing has the services stay for so long: what announced their addresses is being withdrawn.
func (s *supervisor) keepServing(wait time.Duration) {
	if until := time.Now().Add(wait); wait > 0 && until.After(s.servesUntil) {
		s.servesUntil = until
	}
}

// whenWithdrawn calls then in the loop when services may go: at once, mostly.
func (s *supervisor) whenWithdrawn(then func()) {
	wait := time.Until(s.servesUntil)
	if wait <= 0 {
		then()
		return
	}
	s.log.Info("addresses are withdrawn before their services go", "wait", wait.Round(time.Millisecond))
	time.AfterFunc(wait, func() { s.post(then) })
}

// busy says that a configuration is being read or applied, or that something is done before it is.
func (s *supervisor) busy() bool {
	return s.reload.Busy() || s.hooks.running != nil || time.Now().Before(s.servesUntil)
}

// forgetGenerations drops those that no worker is given any more.
func (s *supervisor) forgetGenerations() {
	used := map[uint64]bool{s.reload.Generation(): true, s.rollout.Generation(): true}
	for _, w := range s.rollout.Workers() {
		used[w.Given] = true
	}
	for g := range s.generations {
		if !used[g] {
			delete(s.generations, g)
		}
	}
}

// A letter that is wrong is a warning in keepalived, and takes down what stood
// there. At a start that is so here too. A reload in which a new warning goes
// with the loss of something that runs is refused, until somebody says that it
// is meant. A configuration of the history was in force before, and is not asked.

// losses are what runs and would go because of a new finding in l, or because l
// names something new that the host does not have; host is nil when it is not known.
func (s *supervisor) losses(l *loaded, host *track.Host) []string {
	if l.cfg.Global.ReloadOnLoss == conf.ApplyLoss || conf.HasErrors(l.findings) {
		return nil
	}
	var list []string
	for _, loss := range diff.Losses(s.current().cfg, l.cfg, s.current().findings, l.findings) {
		list = append(list, loss.String())
	}
	for _, a := range plan.Absences(s.current().cfg, l.cfg, host, s.known.States(s.current().cfg)) {
		list = append(list, a.String())
	}
	return list
}

// shownLosses bounds how many are told in one line.
const shownLosses = 5

// lossText is why a reload with these losses is refused, and what can be done;
// empty without any.
func lossText(losses []string) string {
	if len(losses) == 0 {
		return ""
	}
	shown := losses[:min(len(losses), shownLosses)]
	text := strings.Join(shown, "; ")
	if more := len(losses) - len(shown); more > 0 {
		text += fmt.Sprintf("; and %s more", words.Count(more, "loss"))
	}
	return text + ": correct the file, or, if this is meant, type: director reload --accept-loss"
}
