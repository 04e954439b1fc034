package supervisor

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/handover"
	"github.com/lvs-director/director/supervisor/rollout"
	"github.com/lvs-director/director/worker"
)

// handoverPoll is how often one who waits for a handover looks.
const handoverPoll = 20 * time.Millisecond

// everything is the name that stands for all instances.
const everything = "all"

// readHandovers reads what was handed over before this director started.
func (s *supervisor) readHandovers() {
	file := handover.File(s.opts.StateDir, s.opts.File)
	if err := s.handovers.Load(file); err != nil {
		kept := file + ".unreadable"
		if failed := os.Rename(file, kept); failed != nil {
			kept = failed.Error()
		}
		s.log.Warn("instances that were handed over take part again", "error", err, "kept_as", kept)
	}
	s.handovers.Expire(time.Now())
	s.forgetHandovers()
	if names := s.handovers.Instances(); len(names) > 0 {
		s.log.Warn("instances are still handed over: they leave their mastership to the peer", "instances",
			strings.Join(names, " "),
			"end_with", "director resume")
	}
}

// forgetHandovers drops those of instances that the configuration lost.
func (s *supervisor) forgetHandovers() {
	there := make(map[string]bool)
	for _, i := range s.current().cfg.Instances {
		there[i.Name] = true
	}
	s.handovers.Keep(func(name string) bool { return there[name] })
	s.keepHandovers()
}

// keepHandovers notes them for the next start, and sets the timer for the
// next one that ends.
func (s *supervisor) keepHandovers() {
	s.saveHandovers()
	s.handoverEnd.Stop()
	if at := s.handovers.Next(); !at.IsZero() {
		s.handoverEnd.Reset(time.Until(at))
	}
}

// tellHandovers tells the vrrp worker. One that does not run is told when it starts.
func (s *supervisor) tellHandovers() {
	s.sendVRRP("handover", worker.Message{HandOver: &worker.HandOver{Numbers: s.handovers.Numbers()}})
}

// endHandovers ends those whose time is over.
func (s *supervisor) endHandovers() {
	ended := s.handovers.Expire(time.Now())
	s.keepHandovers()
	if len(ended) > 0 {
		s.log.Info("the time of a handover is over", "instances", strings.Join(ended, " "))
		s.tellHandovers()
	}
}

// handoverHeard takes in what an instance tells of its handover.
func (s *supervisor) handoverHeard(i event.InstanceState) {
	if s.handovers.Heard(i) {
		s.log.Warn("a handover came to its end: there is no other router", "instance", i.Instance, "reason", i.Reason)
		s.keepHandovers()
		s.tellHandovers()
	}
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
	for _, i := range cfg.Instances {
		in := i.SyncGroup != "" && (i.SyncGroup == group || len(list) == 0 && i.SyncGroup == name)
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

// HandOver is called by the control socket, and returns when it is known what
// became of each instance.
func (s *supervisor) HandOver(ctx context.Context, q control.HandoverRequest) (control.HandoverReport, error) {
	until, err := q.Until(time.Now())
	if err != nil {
		return control.HandoverReport{}, err
	}
	var r control.HandoverReport
	var number uint64
	var patience time.Duration
	var problem error
	began := time.Now()
	err = s.do(ctx, func() {
		var names []string
		if names, problem = named(s.current().cfg, q.Name); problem != nil {
			return
		}
		if !s.runs(rollout.VRRP) {
			problem = fmt.Errorf("there is no vrrp worker to hand anything over: director status says why")
			return
		}
		for _, name := range names {
			r.Instances = append(r.Instances, control.HandoverOutcome{Instance: name, Was: s.known.Instances[name].State})
		}
		number = s.handovers.Begin(names, began.Round(0), until)
		s.log.Info("handing over", "instances", strings.Join(names, " "), "until", untilText(until))
		s.keepHandovers()
		s.tellHandovers()
		patience = handoverPatience(s.current().cfg, names)
	})
	if err == nil {
		err = problem
	}
	if err != nil {
		return r, fmt.Errorf("handover: %w", err)
	}
	r.Until = until
	return r, s.awaitHandover(ctx, &r, number, began, patience)
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

func (s *supervisor) awaitHandover(ctx context.Context, r *control.HandoverReport, number uint64, began time.Time,
	patience time.Duration) error {
	look := time.NewTicker(handoverPoll)
	defer look.Stop()
	for end := began.Add(patience); time.Now().Before(end); {
		open := 0
		if err := s.do(ctx, func() {
			for n := range r.Instances {
				o := &r.Instances[n]
				order, ok := s.handovers.Of(o.Instance)
				if !settle(o, s.known.Instances[o.Instance], number, ok && order.Number == number, time.Since(began)) {
					open++
				}
			}
		}); err != nil {
			return fmt.Errorf("handover: %w", err)
		}
		if open == 0 {
			break
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// Resume is called by the control socket: instances that were handed over
// take part again.
func (s *supervisor) Resume(ctx context.Context, q control.HandoverRequest) (control.HandoverReport, error) {
	var r control.HandoverReport
	var problem error
	err := s.do(ctx, func() {
		var names []string
		if names, problem = named(s.current().cfg, q.Name); problem != nil {
			return
		}
		ended := s.handovers.End(names)
		if len(ended) == 0 {
			problem = fmt.Errorf("nothing of %s is handed over", q.Name)
			return
		}
		for _, name := range ended {
			r.Instances = append(r.Instances, control.HandoverOutcome{Instance: name})
		}
		s.log.Info("taking part again", "instances", strings.Join(ended, " "))
		s.keepHandovers()
		s.tellHandovers()
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

// settle looks whether it is known what became of the instance; inForce says
// that the order, of that number, is.
func settle(o *control.HandoverOutcome, i event.InstanceState, number uint64, inForce bool, after time.Duration) bool {
	if o.Settled || inForce && i.HandOver != number {
		return o.Settled
	}
	o.State, o.Master, o.After = i.State, i.Peer, after
	o.TakenBack = !inForce && i.State == event.Master
	o.Ended = !inForce && !o.TakenBack
	o.Settled = !inForce || o.Master != "" || o.Was != event.Master
	return o.Settled
}
