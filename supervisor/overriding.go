package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/overrides"
	"github.com/lvs-director/director/supervisor/peers"
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
	pair  pairing
}

// carrier takes messages to the other halves of the pair. Its methods are called in the
// supervisor's loop, and do not wait.
type carrier interface {
	// Peers are the other halves that the configuration names.
	Peers() []overrides.Peer
	// Send has a message sent to one that is reachable. One that is lost is made up for later.
	Send(peer string, m overrides.Message)
}

// halves is the carrier that the peers of the configuration are.
type halves struct{ peers *peers.Peers }

func (h halves) Peers() []overrides.Peer { return h.peers.Halves() }

func (h halves) Send(peer string, m overrides.Message) { h.peers.TellRecords(peer, m) }

// peerSaid takes in what a peer says of overrides. It is called where nobody may wait for the loop;
// of a peer that says more than the loop takes in the rest is lost, and made up for later.
func (s *supervisor) peerSaid(peer string, body json.RawMessage) {
	if s.overrides.pair.coming.Add(1) > mostComing {
		s.overrides.pair.coming.Add(-1)
		return
	}
	go func() {
		defer s.overrides.pair.coming.Add(-1)
		if m, err := overrides.ReadMessage(body); err == nil { // a peer that says nonsense has said nothing
			s.post(func() { s.mergeOverrides(peer, m) })
		}
	}()
}

// pairing is what the supervisor has of sharing overrides with other halves.
type pairing struct {
	carrier carrier                      // nil without other halves
	cursors map[string]*overrides.Cursor // by half
	refused map[string]string            // why something that a half has is not taken in here
	waits   map[*overrides.Wait]func()   // who waits for halves to have something
	greeted map[string]time.Time         // when each half that is reachable was told last what this one has
	coming  atomic.Int32                 // messages of halves that are on their way to the loop
	swept   time.Time                    // when old records were forgotten last
}

const (
	// greeting is how often halves compare what they have. It makes up for what was lost.
	greeting = 10 * time.Second
	// sweeping is how often what has ended long ago is forgotten.
	sweeping = time.Minute
	// pairPatience is how long whoever asked for a change waits for the other halves to have it.
	pairPatience = 2 * time.Second
	// mostLines bounds the lines of the log for what one message changes.
	mostLines = 50
	// mostComing bounds the messages of halves that wait for the loop.
	mostComing = 16
)

func (s *supervisor) overridesFile() string { return overrides.File(s.opts.StateDir, s.opts.File) }

// inheritOverrides takes over those of the program before: all that it had of them as text, or
// the list of one that had no such text.
func (s *supervisor) inheritOverrides(text []byte, list []event.Override) {
	set := &s.overrides.set
	err := set.Import(text, worker.BootID())
	if len(text) == 0 {
		err = set.Add(list...)
		set.Fresh() // is told to nobody as news
	}
	if err != nil {
		s.log.Error("failed to take over drains and weights from the previous program", "error", err)
	}
	set.Know(s.current().cfg)
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
		s.log.Info("override ended: its time is over", overrides.Attributes(o)...)
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
	s.overrides.set.Know(after)
	for _, m := range moved {
		what := "a drain follows its renamed virtual server"
		if m.From.Kind == event.SetWeight {
			what = "a weight follows its renamed virtual server"
		}
		s.log.Info(what, append(overrides.Attributes(m.To), "was", m.From.VirtualServer)...)
	}
	ended := s.overrides.set.Reloaded(before, after)
	for _, o := range ended {
		s.log.Info("override ended: the configured weight has changed", overrides.Attributes(o)...)
	}
	s.recordOverrides(ended, "over", s.chronicle.brought)
	if len(moved)+len(ended) > 0 {
		s.keepOverrides() // the worker is told with the configuration
	}
}

// Override is called by the control socket: a drain or a weight begins or ends. The answer
// comes when that is on the disk.
func (s *supervisor) Override(ctx context.Context, q control.OverrideRequest) (control.OverrideReport, error) {
	type result struct {
		report  control.OverrideReport
		problem error
	}
	var r result
	if q.DryRun {
		s.refresh(ctx) // it tells how many connections there are
	}
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
	shared := s.shareOverrides()
	s.whenSaved(s.overrides.file, func(why string) {
		s.whenShared(shared, func() {
			r.Local = q.Local || len(shared.Stamps()) == 0 // all that was ended was of this half only
			if len(r.Changed) > 0 {
				shared.Answer(func(p overrides.Peer, has bool, refused string) {
					r.Halves = append(r.Halves, control.Half{Name: p.Name, Reachable: p.Reachable, Has: has, Refused: refused})
				})
			}
			then(why)
		})
	})
}

// shareOverrides tells the other halves what was asked for here, and gives who waits for them.
func (s *supervisor) shareOverrides() *overrides.Wait {
	p, stamps := &s.overrides.pair, s.overrides.set.Fresh()
	if p.carrier == nil {
		return overrides.NewWait(nil, nil)
	}
	peers := p.carrier.Peers()
	if len(stamps) > 0 {
		all := slices.Clone(stamps)
		for w := range p.waits { // a message that has not left may give way to this one
			all = append(all, w.Stamps()...)
		}
		m := s.overrides.set.Tell(time.Now(), all)
		for _, peer := range peers {
			if peer.Reachable {
				p.carrier.Send(peer.Name, m)
			}
		}
	}
	w := overrides.NewWait(stamps, peers)
	if !w.Done() {
		if p.waits == nil {
			p.waits = make(map[*overrides.Wait]func())
		}
		p.waits[w] = func() {}
	}
	return w
}

// whenShared calls then when the halves that are reachable have it, or have not in time.
func (s *supervisor) whenShared(w *overrides.Wait, then func()) {
	p := &s.overrides.pair
	if w.Done() {
		delete(p.waits, w)
		then()
		return
	}
	overdue := time.AfterFunc(pairPatience, func() {
		s.post(func() {
			if _, waits := p.waits[w]; waits {
				delete(p.waits, w)
				then()
			}
		})
	})
	p.waits[w] = func() {
		overdue.Stop()
		then()
	}
}

// mergeOverrides takes in what another half says of its overrides. The carrier has it called in
// the loop.
func (s *supervisor) mergeOverrides(peer string, m overrides.Message) {
	o := &s.overrides
	p := &o.pair
	if p.carrier == nil {
		return // it is no half any more
	}
	if p.cursors[peer] == nil {
		if p.cursors == nil {
			p.cursors, p.refused = make(map[string]*overrides.Cursor), make(map[string]string)
		}
		p.cursors[peer] = &overrides.Cursor{}
	}
	h := o.set.Hear(time.Now(), m, p.cursors[peer])
	if len(h.Changes) > 0 {
		s.Changed() // before it is confirmed: who is told so there may look here
	}
	equal := m.Sum == o.set.Digest()
	switch {
	case h.Refused != nil && p.refused[peer] == "":
		s.log.Warn("a drain or a weight of another half is not taken in", "half", peer, "error", h.Refused)
		fallthrough
	case h.Refused != nil:
		p.refused[peer] = h.Refused.Error()
	case equal || len(m.Records) > 0:
		delete(p.refused, peer)
	}
	if h.Answer != nil {
		p.carrier.Send(peer, *h.Answer)
	}
	s.takenOver(h.Changes)
	if h.Kept {
		s.keepOverrides()
	}
	for w, then := range p.waits {
		if w.Heard(peer, m, equal); w.Done() {
			delete(p.waits, w)
			then()
		}
	}
}

// takenOver tells the log, the events and the lvs worker what another half has changed.
func (s *supervisor) takenOver(changes []overrides.Change) {
	var numbers []event.Number
	var ended []event.Override
	told := 0
	for _, c := range changes {
		line, what, o := c.Words()
		if line == "" {
			continue
		}
		if told++; told <= mostLines {
			s.log.Info(line, append(overrides.Attributes(o), "asked_at", c.Record.Since.Format(time.RFC3339))...)
		}
		who := c.Record.Stamp.Host
		if o.By != "" {
			who = o.By + " on " + who
		}
		text := strings.TrimSpace(overrides.Detail(o) + " (" + who + " asked for it)")
		numbers = append(numbers, s.chronicle.log.Add(event.Record{
			Kind: event.RecordOverride, Object: overrides.ObjectOf(o), To: what, Text: text, Peer: c.Record.Stamp.Host,
		}))
		if c.Is != nil && o.Kind == event.SetWeight { // as if it had been asked for here
			ended = append(ended, s.supersede([]overrides.Target{overrides.TargetOf(o)})...)
		}
	}
	if told > mostLines {
		s.log.Info("another half has changed more drains and weights", "more", told-mostLines)
	}
	if told > 0 {
		s.tellOverrides(event.NumbersOf(numbers...), ended...)
	}
}

// supersede ends the weights that were set by hand in the kernel's table of real servers whose
// weight an operator sets.
func (s *supervisor) supersede(targets []overrides.Target) []event.Override {
	return s.overrides.set.Lift(func(old event.Override) bool { return overrides.Superseded(old, targets) })
}

// greetHalves forgets what has ended long ago, and compares with the other halves what they have.
func (s *supervisor) greetHalves(now time.Time) {
	p := &s.overrides.pair
	if now.Sub(p.swept).Abs() >= sweeping {
		p.swept = now
		if s.overrides.set.Forget(now) {
			s.keepOverrides()
		}
	}
	if p.carrier == nil {
		return
	}
	known, greeted := make(map[string]bool), make(map[string]time.Time)
	for _, peer := range p.carrier.Peers() {
		known[peer.Name] = true
		if !peer.Reachable {
			continue
		}
		at, before := p.greeted[peer.Name]
		if !before || now.Sub(at).Abs() >= greeting { // one that comes back at once
			p.carrier.Send(peer.Name, s.overrides.set.Hello(now))
			at = now
		}
		greeted[peer.Name] = at
	}
	p.greeted = greeted
	maps.DeleteFunc(p.cursors, func(name string, _ *overrides.Cursor) bool { return !known[name] })
	maps.DeleteFunc(p.refused, func(name string, _ string) bool { return !known[name] })
}

// pairProblems are why what another half has is not taken in here, for status.
func (s *supervisor) pairProblems() (list []string) {
	refused := s.overrides.pair.refused
	for _, half := range slices.Sorted(maps.Keys(refused)) {
		list = append(list, "drains and weights of "+half+" do not all hold here: "+refused[half])
	}
	return list
}

// recordOverrides keeps that overrides began or ended, and gives the numbers.
func (s *supervisor) recordOverrides(list []event.Override, what string, causes ...event.Number) event.Numbers {
	var numbers []event.Number
	for _, o := range list {
		numbers = append(numbers, s.record(event.RecordOverride, overrides.ObjectOf(o), "", what, overrides.Detail(o),
			causes...))
	}
	return event.NumbersOf(numbers...)
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
			o.VirtualServer, o.RealServer, o.Local = t.VirtualServer, t.RealServer, q.Local
			r.Changed = append(r.Changed, o)
		}
		if err = set.Add(r.Changed...); err != nil {
			return r, nil, err
		}
		if o.Kind == event.SetWeight { // what is asked for now counts, not what was set by hand before
			ended = s.supersede(targets)
		}
	case control.ActionUndrain, control.ActionReset:
		kind := event.Drain
		if q.Action == control.ActionReset {
			kind = event.SetWeight
		}
		list := set.List()
		if !q.Local {
			list = append(list, set.Lifted()...)
		}
		if r.Changed, err = overrides.Named(cfg, list, kind, q.Name, q.VirtualServer); err != nil {
			return r, nil, err
		}
		if len(r.Changed) == 0 {
			r.Nothing = overrides.Nothing(kind)
			return r, nil, nil
		}
		for _, o := range r.Changed {
			targets = append(targets, overrides.TargetOf(o))
		}
		ended = r.Changed
		if !q.DryRun {
			chosen := func(old event.Override) bool { return slices.Contains(r.Changed, old) }
			if q.Local {
				set.Lift(chosen)
			} else {
				set.Remove(time.Now().Round(0), o.By, chosen)
			}
		}
	default:
		return r, nil, fmt.Errorf("there is no action %q", q.Action)
	}
	if !q.DryRun {
		for _, c := range r.Changed {
			s.log.Info(map[string]string{
				control.ActionDrain: "draining", control.ActionUndrain: "a drain was ended",
				control.ActionWeight: "a weight was set", control.ActionReset: "a weight was reset",
			}[q.Action], overrides.Attributes(c)...)
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

// hostName is this host as the halves of a pair know it.
func hostName() string {
	name, _ := os.Hostname() // none is an empty one
	return name
}
