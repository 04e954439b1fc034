package status

import (
	"cmp"
	"fmt"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/rollout"
)

// Asked is when workers were asked last for what they do not tell by themselves, and when those that
// answered were heard. Zero is never.
type Asked struct {
	At              time.Time // the last question to which an answer was waited for
	VRRP, Checks    time.Time // when the counters of the vrrp worker, and the results of checks, came
	WatchedFrom     time.Time // from when on somebody has looked without a pause of a minute
	Kernel          event.Counted
	VRRPHas, LVSHas bool // it is asked
}

// lateRound is how old a round of the kernel's counters is when it is late: rounds begin each ten
// seconds, and take as long at most.
const lateRound = 25 * time.Second

// parts names what the report is made of, with the age of each.
func (m *maker) parts() {
	a := m.Known.Asked
	for _, w := range m.r.Workers {
		m.r.Parts = append(m.r.Parts, WorkerPart(w))
	}
	if _, on := m.runs[rollout.VRRP]; on {
		m.r.Parts = append(m.r.Parts, answered("vrrp counters", a.VRRP, a, a.VRRPHas))
	}
	if _, on := m.runs[rollout.LVS]; !on || len(m.Config.VirtualServers) == 0 {
		return
	}
	m.r.Parts = append(m.r.Parts, answered("checks", a.Checks, a, a.LVSHas))
	p := control.Part{Name: "kernel counters", Heard: a.Kernel.Begun}
	if m.Known.Table.Problem() == "" && m.Now.Sub(latest(a.WatchedFrom, a.Kernel.Begun)) > lateRound {
		p.Late = "the lvs worker does not count"
	}
	m.r.Parts = append(m.r.Parts, p)
}

// WorkerPart is a worker process as a part of the report.
func WorkerPart(w control.Worker) control.Part {
	p := control.Part{Name: w.Name, Heard: w.Heard, Late: w.Silent}
	if w.Pid == 0 {
		p.Late = "it does not run"
	}
	return p
}

// answered is a part that is asked for.
func answered(name string, heard time.Time, a Asked, asked bool) control.Part {
	p := control.Part{Name: name, Heard: heard}
	if !asked || heard.Before(a.At) {
		p.Late = "not answered in time"
	}
	return p
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// describe has what the configuration says of a virtual server.
func describe(vs *conf.VirtualServer, r *control.VirtualServer) {
	if r.Group = vs.Group; r.Group != "" {
		return
	}
	if r.FWMark = vs.Key.FWMark; r.FWMark == 0 && vs.Key.Address.IsValid() {
		r.Address, r.Port, r.Protocol = vs.Key.Address.String(), vs.Key.Port, vs.Key.Protocol.String()
	}
}

// counters have what was counted of a real server by the names that other tools use.
func (k *Knowledge) counters(name ServerName, r *control.RealServer) {
	for _, c := range k.Checks[name] {
		r.ChecksOK += c.Passed
		r.ChecksFailed += c.Failed
	}
	if in := r.Kernel; in != nil {
		if in.Present && k.Asked.Kernel.Begun.After(in.Counted) {
			in.Counted = k.Asked.Kernel.Begun // else it had been told again
		}
		r.Active, r.Inactive, r.Traffic = in.Active, in.Inactive, control.NewTraffic(in.Traffic)
	}
}

// countersOf have what an instance has counted by the names that other tools use.
func countersOf(c *event.InstanceCounters, r *control.Instance) {
	r.BecameMaster, r.ReleasedMaster = &c.Masters, &c.Released
	r.PriorityZeroSent, r.PriorityZeroReceived = &c.PriorityZeroSent, &c.PriorityZeroReceived
}

// familyOf is the family of the advertisements of an instance.
func familyOf(i *conf.Instance) string {
	if i.IPv6 {
		return "IPv6"
	}
	return "IPv4"
}

// wantedState is what a configuration says with "state".
func wantedState(i *conf.Instance) string {
	if i.Master {
		return event.Master.String()
	}
	return event.Backup.String()
}

// LastReload is how the last reload ended, one that was refused at a time for why, or the one that brought a
// generation that came into force at applied; nil is that nobody knows of one.
func LastReload(why string, refused time.Time, generation uint64, applied time.Time) *control.LastReload {
	switch {
	case why != "":
		return &control.LastReload{Time: refused, Error: why}
	case generation > 1 && !applied.IsZero():
		return &control.LastReload{OK: true, Time: applied}
	}
	return nil
}

// Stale marks a status that was made at an earlier time, since the supervisor has not answered since.
func Stale(r control.Status, now time.Time) control.Status {
	age := now.Sub(r.AsOf).Round(time.Second)
	why := fmt.Sprintf("the supervisor is busy: all that is shown is %v old", cmp.Or(age, time.Second))
	r.Parts = append(r.Parts[:len(r.Parts):len(r.Parts)], control.Part{Name: "supervisor", Heard: r.AsOf, Late: why})
	r.Problems = append([]control.Problem{{Text: why}}, r.Problems...)
	return r
}
