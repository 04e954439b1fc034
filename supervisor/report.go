package supervisor

import (
	"fmt"
	"os"
	"slices"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/rollout"
	"github.com/lvs-director/director/words"
)

// report is what director status shows; it is called in the supervisor's goroutine.
func (s *supervisor) report() control.Status {
	r := control.Status{
		Version: s.opts.Version, Pid: os.Getpid(), Since: s.started,
		ConfigState: s.state(), Scripts: control.Scripts(s.notify.Last()),
	}
	runs := make(map[rollout.Worker]bool)
	for _, w := range s.rollout.Workers() {
		runs[w.Worker] = w.Pid != 0
		wr := control.Worker{Name: string(w.Worker), Pid: w.Pid, Since: w.Since, Restarts: w.Restarts}
		if w.Err != nil {
			wr.Error = w.Err.Error()
		}
		r.Workers = append(r.Workers, wr)
		if w.Pid == 0 {
			r.Problems = append(r.Problems, fmt.Sprintf("the %s worker does not run: %s", w.Worker, words.Or(wr.Error, "it has ended")))
		}
		if w.Problem != "" {
			r.Problems = append(r.Problems, w.Problem)
		}
		if w.Silent != "" {
			r.Problems = append(r.Problems, fmt.Sprintf("the %s worker has stopped answering: %s", w.Worker, w.Silent))
		}
	}
	if _, ok := runs[rollout.LVS]; ok && s.known.Table.Error != "" {
		r.Problems = append(r.Problems, s.known.Table.Error)
	}
	if p := s.rollout.ReplaceProblem(); p != "" {
		r.Problems = append(r.Problems, "upgrade: "+p)
	}
	slices.SortFunc(r.Workers, func(a, b control.Worker) int { return len(b.Name) - len(a.Name) })
	if _, ok := runs[rollout.VRRP]; ok {
		for _, i := range s.current().cfg.Instances {
			ir := s.known.Instance(i)
			if ir.Missing != "" {
				r.Problems = append(r.Problems, i.Name+": "+ir.Missing)
			}
			if o, ok := s.handovers.Of(i.Name); ok {
				ir.HandedOver = &control.Order{Since: o.Since, Until: o.Until}
			}
			r.Instances = append(r.Instances, ir)
		}
		if runs[rollout.VRRP] {
			s.known.Count(&r)
		}
	}
	slices.Sort(r.Problems)
	if _, ok := runs[rollout.LVS]; ok {
		for _, vs := range s.current().cfg.VirtualServers {
			r.VirtualServers = append(r.VirtualServers, s.known.VirtualServer(vs))
		}
	}
	return r
}
