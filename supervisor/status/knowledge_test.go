package status

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/lvs-director/director/checkers"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/worker"
)

// A worker that is started again learns what its predecessor knew, and nothing
// about what a reload has removed.
func TestARestartedWorkerIsToldWhatIsKnown(t *testing.T) {
	k := New()
	k.Instances["VI_1"] = event.InstanceState{Instance: "VI_1", State: event.Master}
	k.Instances["VI_gone"] = event.InstanceState{Instance: "VI_gone", State: event.Master}
	vs := &conf.VirtualServer{RealServers: []*conf.RealServer{{Weight: 1}}}
	k.RealServer(event.RealServerState{VirtualServer: vs.String(), RealServer: vs.RealServers[0].String(),
		Reason: "connection refused"})
	k.RealServer(event.RealServerState{VirtualServer: vs.String(), RealServer: "gone"})
	cfg := &conf.Config{Instances: []*conf.Instance{{Name: "VI_1"}}, VirtualServers: []*conf.VirtualServer{vs}}
	k.ForgetInstances(cfg)
	k.ForgetServers(cfg)

	s := k.Snapshot(time.Now().Add(-70 * time.Millisecond))
	if len(s.Instances) != 1 || s.Instances[0].Instance != "VI_1" {
		t.Errorf("instances: %+v", s)
	}
	if len(s.RealServers) != 1 || s.RealServers[0].Up || s.RealServers[0].Reason != "connection refused" {
		t.Errorf("real servers: %+v", s.RealServers)
	}
	if dead := worker.Monotonic() - s.Died; dead < 70*time.Millisecond || dead > 10*time.Second {
		t.Errorf("dead for %v", dead)
	}
	if k.Snapshot(time.Time{}).Died != 0 {
		t.Error("a cold start resumes nothing")
	}
}

// A reload exchanges the names of two instances: what is known of each stays with it, whatever a
// worker that has not heard of the reload calls it. An older director told no identities.
func TestWhatIsKnownFollowsTheIdentity(t *testing.T) {
	one, two := &conf.Instance{Name: "A", VRID: 1}, &conf.Instance{Name: "B", VRID: 2}
	k := New()
	k.Instance(event.InstanceState{Instance: "A", State: event.Backup}) // told by an older director
	if s, known := k.Of(one); !known || s.State != event.Backup {
		t.Errorf("without an identity: %+v, %v", s, known)
	}
	k.Instance(event.InstanceState{Instance: "A", ID: one.ID().String(), State: event.Master})
	k.Instance(event.InstanceState{Instance: "B", ID: two.ID().String(), State: event.Fault})
	k.LowerHeard(event.LowerHeard{Instance: "A", ID: one.ID().String(), Priority: 7})

	one.Name, two.Name = "B", "A"
	cfg := &conf.Config{Instances: []*conf.Instance{one, two}}
	k.ForgetInstances(cfg)
	k.Instance(event.InstanceState{Instance: "B", ID: two.ID().String(), State: event.Backup}) // sent before
	states := k.States(cfg)
	if states["B"] != event.Master || states["A"] != event.Backup || len(k.Instances) != 2 {
		t.Errorf("states %v of %+v", states, k.Instances)
	}
	if h, known := k.lowerOf(one); !known || h.Priority != 7 {
		t.Errorf("the losing advertisement: %+v, %v", h, known)
	}
	k.Instance(event.InstanceState{Instance: "A", ID: one.ID().String(), State: event.Stop})
	if _, known := k.Of(one); known || len(k.Instances) != 1 {
		t.Errorf("after one has stopped: %+v", k.Instances)
	}
}

func TestTheLatestCheckOfARealServerIsShown(t *testing.T) {
	k := New()
	name := ServerName{"vs", "rs"}
	if _, ok := k.latestCheck(name); ok {
		t.Error("a result before the first check")
	}
	at := time.Unix(100, 0)
	k.Check(event.CheckResult{VirtualServer: "vs", RealServer: "rs", Checker: "a", At: at.Add(time.Second),
		Reason: "second"})
	k.Check(event.CheckResult{VirtualServer: "vs", RealServer: "rs", Checker: "b", At: at, Reason: "first"})
	if r, ok := k.latestCheck(name); !ok || r.Reason != "second" {
		t.Errorf("%+v", r)
	}
}

// Results of a checker that the configuration has no more, by its name, are nobody's: each is told
// to the next worker and handed to the next program.
func TestResultsOfACheckerThatWasRenamedAreForgotten(t *testing.T) {
	k := New()
	rs := &conf.RealServer{Key: conf.ServerKey{Address: netip.MustParseAddr("10.0.0.1"), Port: 80}}
	vs := &conf.VirtualServer{RealServers: []*conf.RealServer{rs}}
	cfg := &conf.Config{VirtualServers: []*conf.VirtualServer{vs}}
	name := ""
	for n := range 3 {
		http := conf.Checker{Kind: conf.HTTPGet, ConnectIP: rs.Key.Address, ConnectPort: 80,
			HTTP: &conf.HTTPCheck{URLs: []conf.HTTPURL{{Path: fmt.Sprintf("/health?v=%d", n)}}}}
		tcp := conf.Checker{Kind: conf.TCPCheck, ConnectIP: rs.Key.Address, ConnectPort: 80}
		rs.Checkers = []conf.Checker{http, tcp, tcp} // the last two have one name, and a number
		for _, name = range checkers.Names(rs) {
			k.Check(event.CheckResult{VirtualServer: vs.String(), RealServer: rs.String(), Checker: name})
		}
		k.ForgetServers(cfg)
		if n := len(k.CheckHistories()); n != 3 {
			t.Errorf("%d results of three checkers are kept", n)
		}
	}
	rs.Checkers = rs.Checkers[:2]
	k.ForgetServers(cfg)
	if list := k.CheckHistories(); len(list) != 2 || list[0].Checker == name || list[1].Checker == name {
		t.Errorf("of two checkers %+v", list)
	}
	rs.Checkers = nil
	k.ForgetServers(cfg)
	if list := k.CheckHistories(); len(list) > 0 {
		t.Errorf("without a checker %+v", list)
	}
}

// A real server of which no worker has told anything yet is not dead: the other half would be told that it is.
func TestARealServerThatNobodyHasToldOfIsNotChecked(t *testing.T) {
	k, vs := New(), &conf.VirtualServer{RealServers: []*conf.RealServer{{Weight: 1}}}
	verdict := func() string {
		report, _ := k.virtualServer(vs)
		return report.RealServers[0].Verdict
	}
	if got := verdict(); got != event.NotChecked.String() {
		t.Errorf("before anything is told: %q", got)
	}
	k.RealServer(event.RealServerState{VirtualServer: vs.String(), RealServer: vs.RealServers[0].String()})
	if got := verdict(); got != event.Dead.String() {
		t.Errorf("a dead one: %q", got)
	}
}
