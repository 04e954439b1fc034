package supervisor

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/rollout"
	"github.com/lvs-director/director/worker"
)

// everything is the name that stands for all instances.
const everything = "all"

// followHandovers fits them to the configuration: they stay with instances that have
// another name, and end with those that are gone. Replaced is the configuration before, nil
// at a start.
func (s *supervisor) followHandovers(replaced *conf.Config) {
	renamed, forgotten := s.handovers.Follow(replaced, s.current().cfg)
	there := make(map[conf.InstanceID]bool)
	for _, i := range s.current().cfg.Instances {
		there[i.ID()] = true
	}
	maps.DeleteFunc(s.chronicle.handed, func(id conf.InstanceID, _ event.Number) bool { return !there[id] })
	names := make(map[string]string, len(renamed))
	for _, r := range renamed {
		s.log.Info("a handover stays with its renamed instance", "from", r.From, "to", r.To)
		names[r.From] = r.To
	}
	for _, name := range forgotten {
		s.log.Warn("a handover ends: its instance is no longer configured", "instance", name)
	}
	for call := range s.callers.handovers {
		for n := range call.report.Instances {
			o := &call.report.Instances[n]
			if now, ok := names[o.Instance]; ok {
				o.Instance = now
			}
		}
	}
	s.keepHandovers()
	s.answerHandovers()
}

// keepHandovers has them noted for the next start, and sets the timer for the
// next one that ends.
func (s *supervisor) keepHandovers() {
	path, copied := s.handoversFile(), s.handovers.Clone()
	s.handoverFile.Save(func() (func(), error) { return nil, copied.Save(path) })
	s.handoverEnd.Stop()
	if at := s.handovers.Next(); !at.IsZero() {
		s.handoverEnd.Reset(time.Until(at))
	}
}

// tellHandovers tells the vrrp worker. One that does not run is told when it starts.
func (s *supervisor) tellHandovers(causes ...event.Number) {
	m := s.handoverMessage()
	m.Causes = event.NumbersOf(causes...)
	s.sendVRRP("handover", worker.Message{HandOver: m})
}

// handedOver keeps what became of the handovers of some instances, and tells the vrrp worker.
func (s *supervisor) handedOver(names []string, from, to, text string, causes ...event.Number) {
	var list []event.Number
	for _, n := range names {
		number := s.record(event.RecordHandover, "instance "+n, from, to, text, causes...)
		if i := instanceNamed(s.current().cfg, n); i != nil {
			s.chronicle.handed[i.ID()] = number
		}
		list = append(list, number)
	}
	s.keepHandovers()
	s.tellHandovers(list...)
	s.answerHandovers()
}

func (s *supervisor) handoverMessage() *worker.HandOver {
	return &worker.HandOver{
		Numbers: s.handovers.Numbers(), ByID: s.handovers.NumbersByID(), CausesByID: maps.Clone(s.chronicle.handed),
	}
}

// endHandovers ends those whose time is over.
func (s *supervisor) endHandovers() {
	ended := s.handovers.Expire(time.Now())
	s.keepHandovers()
	if len(ended) > 0 {
		s.log.Info("handover ended: its time is over", "instances", strings.Join(ended, " "))
		s.handedOver(ended, "handed over", "taking part", "its time is over")
	}
}

// handoverHeard takes in what an instance tells of its handover.
func (s *supervisor) handoverHeard(i event.InstanceState) {
	if s.handovers.Heard(i) {
		s.log.Warn("handover ended: no other router took over", "instance", i.Instance, "reason", i.Reason)
		s.handedOver([]string{i.Instance}, "handed over", "taking part", "no other router took over", i.Event)
		return
	}
	s.answerHandovers()
}

// named are the instances that a name stands for: one, those of a sync group
// (the group of an instance goes with it), or all.
func named(cfg *conf.Config, name string) ([]string, error) {
	var list []string
	group := ""
	for _, i := range cfg.Instances {
		if i.Name == name {
			group = i.SyncGroup
			list = append(list, i.Name)
		}
	}
	if len(list) == 0 {
		group = name
	}
	for _, i := range cfg.Instances {
		in := i.SyncGroup != "" && i.SyncGroup == group
		if name == everything || in {
			list = append(list, i.Name)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("there is no vrrp_instance or vrrp_sync_group %s here: director status lists them", name)
	}
	slices.Sort(list)
	return slices.Compact(list), nil
}

// handoverCall is somebody who waits for what becomes of a handover.
type handoverCall struct {
	report control.HandoverReport
	number uint64 // of the order
	began  time.Time
	answer func(control.HandoverReport)
	// command is the event of the operator's command.
	command event.Number
}

// HandOver is called by the control socket, and returns when it is known what
// became of each instance, or when that takes too long.
func (s *supervisor) HandOver(ctx context.Context, q control.HandoverRequest) (control.HandoverReport, error) {
	until, err := q.Until(time.Now())
	if err != nil {
		return control.HandoverReport{}, err
	}
	announces, alone, err := s.handOverAnnounces(ctx, q.Name, until)
	if alone || err != nil {
		return control.HandoverReport{Until: until, Announces: announces}, err
	}
	type result struct {
		report control.HandoverReport
		err    error
	}
	r, err := ask(ctx, s, func(answer func(result)) {
		call := &handoverCall{began: time.Now(), answer: func(r control.HandoverReport) { answer(result{r, nil}) }}
		call.report.Until = until
		ids, err := s.canHandOver(q.Name)
		if err != nil {
			answer(result{err: err})
			return
		}
		ready, err := s.takesOver(q.Name)
		if err != nil && !q.Force {
			answer(result{err: err})
			return
		} else if err != nil {
			ready = "although " + err.Error()
		}
		call.report.Readiness = ready
		call.command = s.command(ctx, "instance "+q.Name, "handover")
		s.beforeRelease(ids, func() {
			call.began = time.Now()
			if err := s.beginHandover(q.Name, call); err != nil {
				answer(result{err: err})
			}
		})
	})
	if err == nil {
		err = r.err
	}
	if err != nil {
		return r.report, fmt.Errorf("handover: %w", err)
	}
	r.report.Announces = announces
	return r.report, nil
}

// handOverAnnounces withdraws the announce blocks that a name stands for, and waits for that. alone says that it
// stands for nothing else.
func (s *supervisor) handOverAnnounces(ctx context.Context, name string, until time.Time) (
	list []control.AnnounceOutcome, alone bool, err error) {
	var names []string
	if err = s.do(ctx, func() {
		if names = s.announcing.Named(name, everything); len(names) == 0 {
			return
		}
		_, missing := named(s.current().cfg, name)
		alone = missing != nil
		s.announcing.HandOver(names, until, s.command(ctx, "announce "+name, "handover"))
	}); err != nil || len(names) == 0 {
		return nil, false, err
	}
	return s.announcing.Withdrawn(ctx, names), alone, nil
}

// canHandOver says which instances a handover of name is about.
func (s *supervisor) canHandOver(name string) (ids []conf.InstanceID, err error) {
	names, err := named(s.current().cfg, name)
	if err == nil && !s.runs(rollout.VRRP) {
		err = errors.New("there is no vrrp worker to hand anything over: director status says why")
	}
	for _, n := range names {
		if i := instanceNamed(s.current().cfg, n); i != nil {
			ids = append(ids, i.ID())
		}
	}
	return ids, err
}

// takesOver says whether a peer is ready for what a name stands for; nobody is asked who has nothing to
// hand over.
func (s *supervisor) takesOver(name string) (string, error) {
	names, err := named(s.current().cfg, name)
	if err != nil {
		return "", err
	}
	masters := slices.DeleteFunc(names, func(n string) bool { return s.stateOf(n).State != event.Master })
	if len(masters) == 0 {
		return "", nil
	}
	if len(s.current().cfg.Peers) > 0 && s.front.State().Silent { // what is known of them is old
		return "", errors.New("the front does not answer, so that nobody knows whether a peer is ready " +
			"(--force hands over all the same)")
	}
	return s.peers.TakesOver(masters)
}

// beginHandover orders the instances that name stands for to leave their
// mastership, and notes who waits for the outcome.
func (s *supervisor) beginHandover(name string, call *handoverCall) error {
	names, err := named(s.current().cfg, name)
	if err != nil {
		return err
	}
	if !s.runs(rollout.VRRP) {
		return errors.New("there is no vrrp worker to hand anything over: director status says why")
	}
	for _, n := range names {
		call.report.Instances = append(call.report.Instances,
			control.HandoverOutcome{Instance: n, Was: s.stateOf(n).State})
	}
	call.number = s.handovers.Begin(names, call.began.Round(0), call.report.Until)
	s.handovers.Follow(nil, s.current().cfg) // notes the identities
	s.log.Info("handing over", "instances", strings.Join(names, " "), "until", untilText(call.report.Until))
	s.callers.handovers[call] = true
	s.handedOver(names, "taking part", "handed over", "until "+untilText(call.report.Until), call.command)
	patience := handoverPatience(s.current().cfg, names)
	time.AfterFunc(patience, func() {
		s.post(func() {
			s.answerHandovers() // with the time that has passed
			s.answerHandover(call)
		})
	})
	return nil
}

// stateOf is where the instance is that has a name now.
func (s *supervisor) stateOf(name string) (state event.InstanceState) {
	if i := instanceNamed(s.current().cfg, name); i != nil {
		state, _ = s.known.Of(i)
	}
	return state
}

// handoverPatience is how long the outcome can take: the skew and the interval
// of the slowest, and then some.
func handoverPatience(cfg *conf.Config, names []string) time.Duration {
	var longest time.Duration
	for _, i := range cfg.Instances {
		if slices.Contains(names, i.Name) {
			longest = max(longest, 2*i.AdvertInterval+time.Second)
		}
	}
	return longest + 2*time.Second
}

// answerHandovers answers those whose outcome is known.
func (s *supervisor) answerHandovers() {
	for call := range s.callers.handovers {
		known := true
		for n := range call.report.Instances {
			o := &call.report.Instances[n]
			order, ok := s.handovers.Of(o.Instance)
			inForce := ok && order.Number == call.number
			known = evaluateHandover(o, s.stateOf(o.Instance), call.number, inForce, time.Since(call.began)) && known
		}
		if known {
			s.answerHandover(call)
		}
	}
}

// answerHandover answers with what is known, once.
func (s *supervisor) answerHandover(call *handoverCall) {
	if s.callers.handovers[call] {
		delete(s.callers.handovers, call)
		call.answer(call.report)
	}
}

// Resume is called by the control socket: instances that were handed over
// take part again.
func (s *supervisor) Resume(ctx context.Context, q control.HandoverRequest) (control.HandoverReport, error) {
	var r control.HandoverReport
	var problem error
	err := s.do(ctx, func() {
		var names []string
		if resumed := s.announcing.Resume(s.announcing.Named(q.Name, everything)); len(resumed) > 0 {
			s.command(ctx, "announce "+q.Name, "resume")
			for _, name := range resumed {
				r.Announces = append(r.Announces, control.AnnounceOutcome{Announce: name})
			}
		}
		if names, problem = named(s.current().cfg, q.Name); problem != nil && len(r.Announces) > 0 {
			problem = nil
			return
		}
		if problem != nil {
			return
		}
		ended := s.handovers.End(names)
		if len(ended) == 0 && len(r.Announces) > 0 {
			return
		}
		if len(ended) == 0 && q.Name == everything {
			r.Nothing = "no instance is handed over"
			return
		}
		if len(ended) == 0 {
			problem = fmt.Errorf("%s is not handed over: there is nothing to resume", q.Name)
			return
		}
		for _, name := range ended {
			is := s.stateOf(name)
			r.Instances = append(r.Instances, control.HandoverOutcome{
				Instance: name, Was: is.State, State: is.State, Master: is.Peer, Settled: true,
			})
		}
		s.log.Info("handover ended: taking part in the election again", "instances", strings.Join(ended, " "))
		s.handedOver(ended, "handed over", "taking part", "", s.command(ctx, "instance "+q.Name, "resume"))
	})
	if err == nil {
		err = problem
	}
	if err != nil {
		return r, fmt.Errorf("resume: %w", err)
	}
	return r, nil
}

// untilText says what ends a handover.
func untilText(until time.Time) string {
	if until.IsZero() {
		return "director resume"
	}
	return until.Format(time.RFC3339)
}

// evaluateHandover says whether it is known what became of the instance, and notes
// it; inForce says that the order, of that number, is.
func evaluateHandover(o *control.HandoverOutcome, i event.InstanceState, number uint64, inForce bool,
	after time.Duration) bool {
	if o.Settled {
		return true
	}
	if o.After = after; inForce && i.HandOver != number {
		return false
	}
	o.State, o.Master = i.State, i.Peer
	o.TakenBack = !inForce && i.State == event.Master && i.HandOver == number && !i.HandedOver
	o.Ended = !inForce && !o.TakenBack
	o.Settled = !inForce || o.Master != "" || o.Was != event.Master
	return o.Settled
}
