package status_test

import (
	"testing"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/status"
)

func server(name string, up ...bool) control.VirtualServer {
	vs := control.VirtualServer{Name: name, Scheduler: "wlc", Forward: "NAT"}
	for _, u := range up {
		vs.RealServers = append(vs.RealServers, control.RealServer{Name: "rs", Up: u})
		if u {
			vs.Alive++
		}
	}
	return vs
}

func TestStatusJudgesTheWhole(t *testing.T) {
	master := control.Instance{Name: "M", State: event.Master}
	backup := control.Instance{Name: "B", State: event.Backup}
	fault := control.Instance{Name: "F", State: event.Fault}
	for name, tc := range map[string]struct {
		r    control.Status
		want int
	}{
		"nothing configured": {control.Status{}, status.OK},
		"all well": {control.Status{Instances: []control.Instance{master, backup},
			VirtualServers: []control.VirtualServer{server("a", true, true)}}, status.OK},
		"a real server down": {control.Status{VirtualServers: []control.VirtualServer{server("a", true, false)}},
			status.Degraded},
		"one instance faulty":  {control.Status{Instances: []control.Instance{master, fault}}, status.Degraded},
		"all instances faulty": {control.Status{Instances: []control.Instance{fault}}, status.NoService},
		"one of two dead": {control.Status{VirtualServers: []control.VirtualServer{server("a", false),
			server("b", true)}}, status.NoService},
		"no real server": {control.Status{Instances: []control.Instance{master},
			VirtualServers: []control.VirtualServer{server("a", false, false)}}, status.NoService},
		"a worker is missing": {control.Status{Instances: []control.Instance{master},
			Problems: []control.Problem{{Text: "the lvs worker does not run"}}}, status.Degraded},
		"a drain of what is configured": {control.Status{
			Overrides: []control.Override{{Override: event.Override{Kind: event.Drain}, Servers: 1}}}, status.OK},
		"a drain of what is absent": {control.Status{
			Overrides: []control.Override{{Override: event.Override{Kind: event.Drain}}}}, status.Degraded},
	} {
		if got := status.ExitStatus(tc.r); got != tc.want {
			t.Errorf("%s: exit status %d, want %d", name, got, tc.want)
		}
	}
}
