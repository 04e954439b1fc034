package main

import (
	"fmt"
	"os"
	"slices"

	"github.com/lvs-director/director/conf"
)

// report is what director status shows; it is called in the supervisor's goroutine.
func (s *supervisor) report() statusReport {
	r := statusReport{
		Version: version, Pid: os.Getpid(), Since: s.started,
		configState: s.state(), Scripts: s.notify.Last(),
	}
	for name, w := range s.workers {
		wr := workerReport{Name: name, Pid: w.pid, Since: w.since, Restarts: w.restarts}
		if w.died != nil {
			wr.Error = w.died.Error()
		}
		r.Workers = append(r.Workers, wr)
		if w.pid == 0 {
			r.Problems = append(r.Problems, fmt.Sprintf("the %s worker does not run: %s", name, or(wr.Error, "it has ended")))
		}
		if w.applied.Error != "" {
			r.Problems = append(r.Problems, w.applied.Error)
		}
	}
	if s.workers[lvsWorker] != nil && s.known.table.Error != "" {
		r.Problems = append(r.Problems, s.known.table.Error)
	}
	if s.renewal != nil && s.renewal.failed {
		r.Problems = append(r.Problems, "upgrade: "+s.upgradeError)
	}
	slices.SortFunc(r.Workers, func(a, b workerReport) int { return len(b.Name) - len(a.Name) })
	if s.workers[vrrpWorker] != nil {
		for _, i := range s.current.cfg.Instances {
			ir := s.known.instanceReport(i)
			if ir.Missing != "" {
				r.Problems = append(r.Problems, i.Name+": "+ir.Missing)
			}
			if o, ok := s.handovers.Of(i.Name); ok {
				ir.HandedOver = &o
			}
			r.Instances = append(r.Instances, ir)
		}
		if s.workers[vrrpWorker].pid != 0 {
			s.known.count(&r)
		}
	}
	slices.Sort(r.Problems)
	if s.workers[lvsWorker] != nil {
		for _, vs := range s.current.cfg.VirtualServers {
			r.VirtualServers = append(r.VirtualServers, s.known.virtualServerReport(vs))
		}
	}
	return r
}

func (k *knowledge) instanceReport(i *conf.Instance) instanceReport {
	st := k.instances[i.Name]
	r := instanceReport{
		Name: i.Name, State: st.State, Since: st.Since, Priority: st.Priority, Reason: st.Reason,
		Master: st.Peer, Interface: i.Interface, VRID: i.VRID, Restored: st.Restored, Missing: st.Missing,
	}
	for _, list := range [][]conf.Address{i.Addresses, i.ExcludedAddresses} {
		for _, a := range list {
			r.Addresses = append(r.Addresses, a.Prefix.String()+" dev "+a.Device)
		}
	}
	return r
}

func (k *knowledge) virtualServerReport(vs *conf.VirtualServer) virtualServerReport {
	st := k.virtualServers[vs.String()]
	r := virtualServerReport{
		Name: vs.String(), Scheduler: vs.Scheduler, Forward: vs.Forward.String(),
		Quorum: st.Quorum, Error: st.Error, Repaired: st.Repaired,
	}
	if vs.Group != "" {
		r.Error = noGroups
	}
	for _, rs := range vs.RealServers {
		name := serverName{vs.String(), rs.String()}
		state := k.realServers[name]
		rr := realServerReport{Name: rs.String(), Up: state.Up, Weight: state.Weight, Since: state.Since, Reason: state.Reason}
		if c, ok := k.latestCheck(name); ok {
			rr.LastCheck = &c
		}
		if state.Up {
			r.Alive++
		}
		r.RealServers = append(r.RealServers, rr)
	}
	return r
}
