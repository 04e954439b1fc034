package status

import (
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/rollout"
)

// Half is what the other half of a pair is told of a status: processes and instances. What of virtual servers
// belongs to it, Verdicts has.
func Half(f Facts) control.Status {
	m := &maker{Facts: f, runs: make(map[rollout.Worker]bool)}
	m.r.Version = f.Header.Version
	m.workers()
	if _, ok := m.runs[rollout.VRRP]; ok {
		m.instances()
	}
	return control.Status{Version: m.r.Version, Workers: m.r.Workers, Instances: m.r.Instances}
}

// Verdicts are the virtual servers of a status with what the checks say of their real servers, and nothing else.
func Verdicts(f Facts) []control.VirtualServer {
	lvs := false
	for _, w := range f.Workers {
		lvs = lvs || w.Worker == rollout.LVS
	}
	if !lvs {
		return nil
	}
	list := make([]control.VirtualServer, 0, len(f.Config.VirtualServers))
	for _, vs := range f.Config.VirtualServers {
		name := vs.String()
		st := f.Known.VirtualServers[name]
		one := control.VirtualServer{
			Name: name, Error: st.Problem(), ChecksSuspended: f.Known.Suspended[name],
			Slots: f.Known.InTable[name].Slots, RealServers: make([]control.RealServer, len(vs.RealServers)),
		}
		describe(vs, &one)
		for n, rs := range vs.RealServers {
			is := ServerName{name, rs.String()}
			one.RealServers[n].Name, one.RealServers[n].Verdict = is.RealServer, f.Known.verdict(is).String()
		}
		list = append(list, one)
	}
	return list
}
