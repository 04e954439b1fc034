package supervisor

import (
	"fmt"
	"os"
	"slices"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/words"
	"github.com/lvs-director/director/worker"
)

// report is what director status shows; it is called in the supervisor's goroutine.
func (s *supervisor) report() control.Status {
	r := control.Status{
		Version: s.opts.Version, Pid: os.Getpid(), Since: s.started,
		ConfigState: s.state(), Scripts: s.notify.Last(),
	}
	for name, w := range s.workers {
		wr := control.Worker{Name: name, Pid: w.pid, Since: w.since, Restarts: w.restarts}
		if w.died != nil {
			wr.Error = w.died.Error()
		}
		r.Workers = append(r.Workers, wr)
		if w.pid == 0 {
			r.Problems = append(r.Problems, fmt.Sprintf("the %s worker does not run: %s", name, words.Or(wr.Error, "it has ended")))
		}
		if w.applied.Error != "" {
			r.Problems = append(r.Problems, w.applied.Error)
		}
	}
	if s.workers[worker.LVS] != nil && s.known.Table.Error != "" {
		r.Problems = append(r.Problems, s.known.Table.Error)
	}
	if s.renewal != nil && s.renewal.failed {
		r.Problems = append(r.Problems, "upgrade: "+s.upgradeError)
	}
	slices.SortFunc(r.Workers, func(a, b control.Worker) int { return len(b.Name) - len(a.Name) })
	if s.workers[worker.VRRP] != nil {
		for _, i := range s.current.cfg.Instances {
			ir := s.known.Instance(i)
			if ir.Missing != "" {
				r.Problems = append(r.Problems, i.Name+": "+ir.Missing)
			}
			if o, ok := s.handovers.Of(i.Name); ok {
				ir.HandedOver = &o
			}
			r.Instances = append(r.Instances, ir)
		}
		if s.workers[worker.VRRP].pid != 0 {
			s.known.Count(&r)
		}
	}
	slices.Sort(r.Problems)
	if s.workers[worker.LVS] != nil {
		for _, vs := range s.current.cfg.VirtualServers {
			r.VirtualServers = append(r.VirtualServers, s.known.VirtualServer(vs))
		}
	}
	return r
}
