package status_test

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/rollout"
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
		"a virtual server that is elsewhere": {control.Status{VirtualServers: []control.VirtualServer{
			{RealServers: []control.RealServer{{Up: true}}, Alive: 1, Elsewhere: "VI_1 is BACKUP on this host"}}}, status.OK},
		"checks that are suspended": {control.Status{VirtualServers: []control.VirtualServer{
			{RealServers: []control.RealServer{{}}, ChecksSuspended: true}}}, status.OK},
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

// TestWarningsOfChecks are problems, one for each text, with the real servers that have it.
func TestWarningsOfChecks(t *testing.T) {
	vip := netip.MustParseAddr("192.0.2.1")
	vs := &conf.VirtualServer{Key: conf.ServiceKey{Protocol: conf.TCP, Address: vip, Port: 443}}
	k := status.New()
	at := netip.MustParseAddr("10.0.0.0")
	for n := range 6 {
		at = at.Next()
		rs := &conf.RealServer{Key: conf.ServerKey{Address: at, Port: 443}, Protocol: conf.TCP}
		vs.RealServers = append(vs.RealServers, rs)
		s := event.RealServerState{VirtualServer: vs.String(), RealServer: rs.String(), Up: true}
		if n > 0 {
			s.Warnings = []event.CheckWarning{{Checker: "a", Text: "certificate of a ends"}, {Checker: "b", URL: 1,
				Text: "certificate of a ends"}}
		}
		if n == 5 {
			s.Warnings = append(s.Warnings, event.CheckWarning{Checker: "b", Text: "certificate of b ends"})
		}
		k.RealServer(s)
	}
	f := status.Facts{Now: now, Known: k, Config: &conf.Config{VirtualServers: []*conf.VirtualServer{vs}},
		Workers: []rollout.Status{{Worker: rollout.LVS, Pid: 8}}}
	r := status.Make(f)
	want := []string{
		"[192.0.2.1]:tcp:443: certificate of a ends: real servers [10.0.0.2]:tcp:443, [10.0.0.3]:tcp:443, " +
			"[10.0.0.4]:tcp:443 and 2 others",
		"[192.0.2.1]:tcp:443: certificate of b ends: real server [10.0.0.6]:tcp:443",
	}
	if d := cmp.Diff(want, texts(r)); d != "" {
		t.Error(d)
	}
	if exit := status.ExitStatus(r); exit != status.Degraded {
		t.Errorf("exit status %d", exit)
	}
	if one, _ := status.Only(r, vs.String()); len(one.Problems) != 2 {
		t.Errorf("problems of the virtual server: %+v", one.Problems)
	}
}
