package fronts

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/worker/front"
)

// Report is what status shows of a front, and what is wrong with it; false is that none is asked for.
func Report(s State) (w control.Worker, problems []string, on bool) {
	if !s.Wanted {
		return w, nil, false
	}
	w = control.Worker{Name: front.Name, Pid: s.Pid, Since: s.Since, Restarts: s.Restarts, Error: s.Error, Heard: s.Heard}
	nothing := s.Serves + " not served, and nothing else depends on it"
	switch {
	case s.Pid == 0 && s.Error != "":
		problems = append(problems, fmt.Sprintf("the front does not run: %s; %s", s.Error, nothing))
	case s.Silent:
		w.Silent = "it says nothing; it is killed if that goes on"
		problems = append(problems, "the front has stopped answering: "+nothing)
	}
	return w, append(append(problems, s.Problems...), s.lockedOut(time.Now())...), true
}

// said stands for a text of the status of which the front is told only that there is one.
const said = "yes"

// Snapshot is what a front is told.
type Snapshot struct {
	control.Status
	Events []event.Record `json:"events,omitempty"` // the latest ones, for the page
}

// ForPage is the part of a status that a front may see which serves the page: Visible, and what the page
// shows of it. Nothing that a script has printed or is given is there. What servers have answered to checks is.
func ForPage(r control.Status, latest []event.Record) Snapshot {
	v := Snapshot{Status: Visible(r)}
	v.Since, v.Digest, v.Problems = r.Since, r.Digest, r.Problems
	for _, o := range r.Overrides {
		one := control.Override{}
		one.Kind, one.VirtualServer, one.RealServer, one.Weight, one.Until = o.Kind, o.VirtualServer, o.RealServer,
			o.Weight, o.Until
		v.Overrides = append(v.Overrides, one)
	}
	v.Peers = r.Peers // the page is for the eyes of who runs the pair
	for n, w := range r.Workers {
		v.Workers[n].Pid, v.Workers[n].Silent = w.Pid, w.Silent
	}
	for n, i := range r.Instances {
		to := &v.Instances[n]
		to.Reason, to.Master, to.SyncGroup, to.Fault, to.HandedOver = i.Reason, i.Master, i.SyncGroup, i.Fault, i.HandedOver
	}
	for n, s := range r.VirtualServers {
		to := &v.VirtualServers[n]
		to.Scheduler, to.Forward, to.QuorumRequired, to.SorryServer, to.SorryInUse = s.Scheduler, s.Forward,
			s.QuorumRequired, s.SorryServer, s.SorryInUse
		to.Error, to.Elsewhere, to.ChecksSuspended = s.Error, s.Elsewhere, s.ChecksSuspended
		to.Traffic = s.Traffic
		for m, rs := range s.RealServers {
			one := &to.RealServers[m]
			one.Since, one.Reason, one.Verdict, one.LastCheck = rs.Since, rs.Reason, rs.Verdict, rs.LastCheck
			one.Traffic = rs.Traffic
		}
	}
	for _, e := range latest {
		if e.Kind == event.RecordScript {
			e.Text = "" // it has what the script has printed
		}
		e.Causes = nil
		if e.By != nil {
			e.By = &event.Operator{User: e.By.User, Remote: e.By.Remote}
		}
		v.Events = append(v.Events, e)
	}
	return v
}

// Visible is the part of a status that a front may see. It listens on a network, so it is told what it
// serves and no more: no text that a script, a check or a configuration has put there.
func Visible(r control.Status) (v control.Status) {
	v.Version, v.AppliedAt = r.Version, r.AppliedAt
	if r.Fallback != "" {
		v.Fallback = said
	}
	if r.ReloadRefused != "" {
		v.ReloadRefused = said
	}
	v.Dropped, v.SendLateness, v.KernelRepairs = r.Dropped, r.SendLateness, r.KernelRepairs
	for _, s := range r.Scripts {
		v.Scripts = append(v.Scripts, control.Script{Object: s.Object, Script: s.Script, Runs: s.Runs, Failures: s.Failures})
	}
	for _, w := range r.Workers {
		v.Workers = append(v.Workers, control.Worker{Name: w.Name, Restarts: w.Restarts})
	}
	for _, i := range r.Instances {
		v.Instances = append(v.Instances, control.Instance{
			Name: i.Name, State: i.State, Since: i.Since, Priority: i.Priority, Base: i.Base, Interface: i.Interface,
			VRID: i.VRID, VirtualAddresses: i.VirtualAddresses, GARP: i.GARP, Counters: i.Counters,
		})
	}
	for _, p := range r.Peers {
		v.Peers = append(v.Peers, control.Peer{Address: p.Address, Up: p.Up, Ready: p.Ready, ConfigEqual: p.ConfigEqual})
	}
	for _, b := range r.BFDSessions {
		v.BFDSessions = append(v.BFDSessions, control.BFDSession{
			Name: b.Name, Neighbor: b.Neighbor, State: b.State, Ups: b.Ups, Downs: b.Downs, Counters: b.Counters,
		})
	}
	for _, t := range r.Trackers {
		v.Trackers = append(v.Trackers, control.Tracker{Kind: t.Kind, Name: t.Name, State: t.State, Running: t.Running})
	}
	for _, s := range r.VirtualServers {
		one := control.VirtualServer{Name: s.Name, Quorum: s.Quorum}
		for _, rs := range s.RealServers {
			one.RealServers = append(one.RealServers, control.RealServer{
				Name: rs.Name, Up: rs.Up, Weight: rs.Weight, Kernel: rs.Kernel,
			})
		}
		v.VirtualServers = append(v.VirtualServers, one)
	}
	return v
}

// CheckListen says what is wrong with an address and port of the command line; empty is none.
func CheckListen(text string) error {
	if text == "" {
		return nil
	}
	at, err := netip.ParseAddrPort(text)
	switch {
	case err != nil || at.Port() == 0:
		return fmt.Errorf("%q is not an address and a port, such as 127.0.0.1:9650 or [::1]:9650", text)
	case at.Addr().Unmap().IsUnspecified():
		return fmt.Errorf("%s is every network of the host: give an address, or write metrics { listen ... allow_wildcard } "+
			"into the configuration", at.Addr())
	}
	return nil
}
