package status

import (
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
)

// InstanceReport is the report on an instance.
func (k *Knowledge) InstanceReport(i *conf.Instance) control.Instance {
	st, _ := k.Of(i)
	r := control.Instance{
		Name: i.Name, State: st.State, Since: st.Since, Priority: st.Priority, Reason: st.Reason,
		Master: st.Peer, Interface: i.Interface, VRID: i.VRID, Restored: st.Restored, Missing: st.Missing,
		Holding: st.Holding, Version: int(i.Version), Authentication: i.Auth.Type.String(),
		Interval: i.AdvertInterval.Seconds(), AdvertInterval: i.AdvertInterval.Seconds(), Preempt: i.Preempt,
		WantedState: wantedState(i), Family: familyOf(i), Group: i.SyncGroup,
		GARP: control.GARP{
			Delay: i.GARP.MasterDelay.Seconds(), Repeat: i.GARP.MasterRepeat, Refresh: i.GARP.MasterRefresh.Seconds(),
			RefreshRepeat: i.GARP.RefreshRepeat, LowerDelay: i.GARP.LowerPrioDelay.Seconds(),
			LowerRepeat: i.GARP.LowerPrioRepeat,
		},
	}
	for _, list := range [][]conf.Address{i.Addresses, i.ExcludedAddresses} {
		for _, a := range list {
			r.Addresses = append(r.Addresses, a.Prefix.String()+" dev "+a.Device)
		}
	}
	return r
}

// virtualServer is the report on a virtual server, and what its real servers have told in their order.
func (k *Knowledge) virtualServer(vs *conf.VirtualServer) (control.VirtualServer, []event.RealServerState) {
	service := vs.String()
	st := k.VirtualServers[service]
	r := control.VirtualServer{
		Name: service, Scheduler: vs.Scheduler, Forward: vs.Forward.String(),
		Quorum: st.Quorum, Error: st.Problem(), Repaired: st.Repaired,
		Elsewhere: st.Elsewhere, ChecksSuspended: k.Suspended[service],
	}
	describe(vs, &r)
	r.RealServers = make([]control.RealServer, 0, len(vs.RealServers))
	states := make([]event.RealServerState, 0, len(vs.RealServers))
	for _, rs := range vs.RealServers {
		name := ServerName{service, rs.String()}
		state := k.RealServers[name]
		states = append(states, state)
		rr := control.RealServer{Name: name.RealServer, Up: state.Up, Weight: state.Weight, Since: state.Since,
			Reason: state.Reason}
		rr.Verdict = k.verdict(name).String()
		if state.Verdict() == event.CannotTell {
			r.Unknown++
			rr.UnknownSince, rr.Unknown = state.Unknown[0].At, state.Unknown[0].Checker+": "+state.Unknown[0].Reason
			for _, u := range state.Unknown[1:] {
				if u.At.Before(rr.UnknownSince) {
					rr.UnknownSince = u.At
				}
			}
		}
		for _, w := range state.Wishes {
			rr.Asked = append(rr.Asked, control.Asked{Checker: w.Checker, Wants: w.Wish.String()})
		}
		if c, ok := k.latestCheck(name); ok {
			rr.LastCheck = control.NewCheck(c)
		}
		if state.Up {
			r.Alive++
		}
		r.RealServers = append(r.RealServers, rr)
	}
	k.inTable(vs, &r)
	for n := range r.RealServers {
		rs := &r.RealServers[n]
		k.counters(ServerName{r.Name, rs.Name}, rs)
		if rs.Up && rs.Refused() {
			r.Alive-- // its checks pass, and it serves nobody
		}
	}
	return r, states
}

// Count puts the counters into a report.
func (k *Knowledge) Count(r *control.Status) {
	for n := range r.Instances {
		if c, ok := k.Counters.Instances[r.Instances[n].Name]; ok {
			r.Instances[n].Counters = &c
			countersOf(&c, &r.Instances[n])
		}
	}
	k.countBFD(r)
	r.SendLateness = k.Counters.Lateness
	r.RefusedSenders = control.RefusedSenders{
		Strangers: k.Counters.Strangers, MoreStrangers: k.Counters.MoreStrangers, Dropped: k.Counters.Dropped,
	}
}
