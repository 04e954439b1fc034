package supervisor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/overrides"
	"github.com/lvs-director/director/supervisor/rollout"
	"github.com/lvs-director/director/supervisor/statefile"
	"github.com/lvs-director/director/worker"
)

// overriding is what the supervisor has of the overrides.
type overriding struct {
	set   overrides.Set
	end   *time.Timer // fires when the time of one is over
	aside notInForce  // those of before
	file  *statefile.Saver
}

func (s *supervisor) overridesFile() string { return overrides.File(s.opts.StateDir, s.opts.File) }

// inheritOverrides takes over those of the program before.
func (s *supervisor) inheritOverrides(list []event.Override) {
	if err := s.overrides.set.Add(list...); err != nil {
		s.log.Error("failed to take over drains and weights from the previous program", "error", err)
	}
	s.endOverrides()
}

// keepOverrides has them noted for the next start, and sets the timer for the next one
// that ends.
func (s *supervisor) keepOverrides() {
	o, path, copied := &s.overrides, s.overridesFile(), s.overrides.set.Clone()
	o.file.Save(func() (func(), error) { return nil, copied.Save(path, worker.BootID()) })
	o.end.Stop()
	if at := o.set.Next(); !at.IsZero() {
		o.end.Reset(time.Until(at))
	}
}

// operatorsOverrides are those that the lvs worker is told: the weights that were set by
// hand in the kernel's table are its own.
func (s *supervisor) operatorsOverrides() []event.Override {
	return slices.DeleteFunc(s.overrides.set.List(), func(o event.Override) bool { return o.Source == event.SourceKernel })
}

// tellOverrides tells the lvs worker, and which weights set by hand are to end. One that
// does not run is told when it starts.
func (s *supervisor) tellOverrides(causes event.Numbers, ended ...event.Override) {
	if !s.runs(rollout.LVS) {
		return
	}
	m := worker.Overrides{List: s.operatorsOverrides(), Causes: causes}
	for _, o := range ended {
		if o.Source == event.SourceKernel {
			m.Reset = append(m.Reset, o)
		}
	}
	s.keepers[rollout.LVS].Send("overrides", worker.Message{Overrides: &m})
}

// endOverrides ends those whose time is over.
func (s *supervisor) endOverrides() {
	ended := s.overrides.set.Expire(time.Now())
	s.keepOverrides()
	for _, o := range ended {
		s.log.Info("override ended: its time is over", overrideWords(o)...)
	}
	causes := s.recordOverrides(ended, "over")
	if len(ended) > 0 {
		s.tellOverrides(causes)
	}
}

// kernelWeights takes in the weights that somebody has set in the kernel's table.
func (s *supervisor) kernelWeights(list []event.Override) {
	changed, err := s.overrides.set.Replace(event.SourceKernel, list)
	if err != nil {
		s.log.Error("failed to keep weights that were set by hand in the kernel", "error", err)
	}
	if changed {
		s.keepOverrides()
	}
}

// overridesReloaded moves the overrides of virtual servers that a reload renames, and ends
// what a reload ends.
func (s *supervisor) overridesReloaded(before, after *conf.Config) {
	moved := s.overrides.set.Follow(before, after)
	for _, m := range moved {
		what := "a drain follows its renamed virtual server"
		if m.From.Kind == event.SetWeight {
			what = "a weight follows its renamed virtual server"
		}
		s.log.Info(what, append(overrideWords(m.To), "was", m.From.VirtualServer)...)
	}
	ended := s.overrides.set.Reloaded(before, after)
	for _, o := range ended {
		s.log.Info("override ended: the configured weight has changed", overrideWords(o)...)
	}
	s.recordOverrides(ended, "over", s.chronicle.brought)
	if len(moved)+len(ended) > 0 {
		s.keepOverrides() // the worker is told with the configuration
	}
}

// overrideWords are an override for a log line.
func overrideWords(o event.Override) []any {
	list := []any{"override", string(o.Kind), "real_server", o.RealServer}
	add := func(name, value string) {
		if value != "" {
			list = append(list, name, value)
		}
	}
	if o.Kind == event.SetWeight {
		list = append(list, "weight", o.Weight)
	}
	add("virtual_server", o.VirtualServer)
	if !o.Until.IsZero() {
		add("until", o.Until.Format(time.RFC3339))
	}
	add("by", o.By)
	add("reason", o.Reason)
	if o.Source != event.SourceOperator {
		add("source", o.Source)
	}
	return list
}

// Override is called by the control socket: a drain or a weight begins or ends. The answer
// comes when that is on the disk.
func (s *supervisor) Override(ctx context.Context, q control.OverrideRequest) (control.OverrideReport, error) {
	type result struct {
		report  control.OverrideReport
		problem error
	}
	var r result
	o, err := q.Override(time.Now())
	if err == nil {
		var ipvsNamespace string
		err = s.do(ctx, func() { ipvsNamespace = s.current().cfg.IPVSNamespace })
		if err == nil {
			quiescent := quiescentTemplates(ipvsNamespace)
			r, err = ask(ctx, s, func(answer func(result)) {
				s.override(ctx, q, o, quiescent, func(r control.OverrideReport, problem error) { answer(result{r, problem}) })
			})
		}
	}
	if err = errors.Join(err, r.problem); err != nil {
		return r.report, fmt.Errorf("%s: %w", q.Action, err)
	}
	return r.report, nil
}

// override carries out a request in the supervisor's goroutine.
func (s *supervisor) override(ctx context.Context, q control.OverrideRequest, o event.Override,
	quiescent overrides.Setting, answer func(control.OverrideReport, error)) {
	cause := event.Number("")
	if !q.DryRun {
		cause = s.command(ctx, "real server "+q.Name, q.Action)
	}
	r, targets, err := s.change(q, o, quiescent, cause)
	if err != nil {
		answer(r, err)
		return
	}
	then := func(why string) {
		r.Servers, r.NotKept, r.NoWorker = s.connections(targets), why, !s.runs(rollout.LVS)
		answer(r, nil)
	}
	if q.DryRun {
		then(s.overrides.file.Trouble())
		return
	}
	s.whenSaved(s.overrides.file, then)
}

// recordOverrides keeps that overrides began or ended, and gives the numbers.
func (s *supervisor) recordOverrides(list []event.Override, what string, causes ...event.Number) event.Numbers {
	var numbers []event.Number
	for _, o := range list {
		text := o.Reason
		if o.Kind == event.SetWeight {
			text = strings.TrimSpace(fmt.Sprintf("weight %d %s", o.Weight, o.Reason))
		}
		numbers = append(numbers, s.record(event.RecordOverride, overrides.ObjectOf(o), "", what, text, causes...))
	}
	return event.NumbersOf(numbers...)
}

// nothingWords say that there was nothing to end.
var nothingWords = map[event.OverrideKind]string{
	event.Drain: "nothing was drained", event.SetWeight: "no weight was set at run time",
}

// change changes the overrides as a request says, and tells the worker.
func (s *supervisor) change(q control.OverrideRequest, o event.Override, quiescent overrides.Setting,
	cause event.Number) (
	r control.OverrideReport, targets []overrides.Target, err error) {
	set, cfg := &s.overrides.set, s.current().cfg
	var ended []event.Override
	switch q.Action {
	case control.ActionDrain, control.ActionWeight:
		if targets, err = overrides.Select(cfg, q.Name, q.VirtualServer); err != nil {
			return r, nil, err
		}
		if q.Action == control.ActionDrain {
			list := set.List()
			r.Notices = append(overrides.Replaced(list, targets), overrides.Notices(cfg, targets, quiescent, s.atZero())...)
			r.Drained = overrides.AllDrained(list, targets)
		}
		if q.DryRun {
			break
		}
		for _, t := range targets {
			o.VirtualServer, o.RealServer = t.VirtualServer, t.RealServer
			r.Changed = append(r.Changed, o)
		}
		if err = set.Add(r.Changed...); err != nil {
			return r, nil, err
		}
		if o.Kind == event.SetWeight { // what is asked for now counts, not what was set by hand before
			ended = set.Remove(func(old event.Override) bool { return overrides.Superseded(old, targets) })
		}
	case control.ActionUndrain, control.ActionReset:
		kind := event.Drain
		if q.Action == control.ActionReset {
			kind = event.SetWeight
		}
		if r.Changed, err = overrides.Named(cfg, set.List(), kind, q.Name, q.VirtualServer); err != nil {
			return r, nil, err
		}
		if len(r.Changed) == 0 {
			r.Nothing = nothingWords[kind]
			return r, nil, nil
		}
		for _, o := range r.Changed {
			targets = append(targets, overrides.TargetOf(o))
		}
		ended = r.Changed
		if !q.DryRun {
			set.Remove(func(old event.Override) bool { return slices.Contains(r.Changed, old) })
		}
	default:
		return r, nil, fmt.Errorf("there is no action %q", q.Action)
	}
	if !q.DryRun {
		for _, c := range r.Changed {
			s.log.Info(map[string]string{
				control.ActionDrain: "draining", control.ActionUndrain: "a drain was ended",
				control.ActionWeight: "a weight was set", control.ActionReset: "a weight was reset",
			}[q.Action], overrideWords(c)...)
		}
		if !s.overrides.file.IsUnread() {
			s.overrides.aside = notInForce{} // who sets them again has seen it
		}
		s.keepOverrides()
		s.tellOverrides(s.recordOverrides(r.Changed, q.Action, cause), ended...)
	}
	return r, targets, nil
}

// atZero are the real servers that the kernel has with weight 0.
func (s *supervisor) atZero() (list []overrides.Target) {
	for _, vs := range s.current().cfg.VirtualServers {
		for _, rs := range s.known.InTable[vs.String()].Servers {
			if rs.Present && rs.Weight == 0 {
				list = append(list, overrides.Target{VirtualServer: vs.String(), RealServer: rs.RealServer})
			}
		}
	}
	return list
}

// connections are the real servers that the targets are for.
func (s *supervisor) connections(targets []overrides.Target) (list []control.ServerConnections) {
	for _, vs := range s.current().cfg.VirtualServers {
		told := s.known.InTable[vs.String()].Servers
		for _, rs := range vs.RealServers {
			if !slices.ContainsFunc(targets, func(t overrides.Target) bool { return t.Covers(vs.String(), rs.String()) }) {
				continue
			}
			found := false
			for _, k := range told {
				if k.RealServer == rs.String() {
					found = true
					list = append(list, control.ServerConnections{
						VirtualServer: k.Service, RealServer: k.RealServer, Weight: k.Weight, Present: k.Present,
						Active: k.Active, Inactive: k.Inactive, Counted: k.Counted,
					})
				}
			}
			if !found {
				list = append(list, control.ServerConnections{VirtualServer: vs.String(), RealServer: rs.String()})
			}
		}
	}
	return list
}

// quiescentTemplates reads net.ipv4.vs.expire_quiescent_template, which belongs to
// a network namespace.
func quiescentTemplates(ipvsNamespace string) overrides.Setting {
	if ipvsNamespace != "" {
		return overrides.Unknown
	}
	text, err := os.ReadFile("/proc/sys/net/ipv4/vs/expire_quiescent_template")
	switch {
	case err != nil:
		return overrides.Unknown
	case strings.TrimSpace(string(text)) == "1":
		return overrides.On
	}
	return overrides.Off
}
