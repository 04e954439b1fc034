package status

import (
	"net/netip"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/rollout"
)

// change has something become known of an instance and two real servers, for the n-th time.
func (k *Knowledge) change(n int) {
	k.Instance(event.InstanceState{Instance: "VI_1", ID: "vip0/4/51", State: event.Master, Priority: n, Restored: n})
	k.InTheTable(event.VirtualServerState{VirtualServer: "web", Alive: n, Repaired: n})
	k.ServersInTable(event.ServersInTable{VirtualServer: "web", Servers: make([]event.ServerInTable, n)})
	k.Groups["G"] = event.GroupState{Group: "G", Reason: "lower priority"}
	k.LowerHeard(event.LowerHeard{Instance: "VI_1", Priority: n})
	k.Heard["vrrp"], k.Journals["lvs"] = time.Unix(int64(n), 0), "no space"
	k.Suspend([]string{"web"}[:n%2])
	for _, name := range []string{"a", "b"} {
		k.RealServer(event.RealServerState{VirtualServer: "web", RealServer: name, Weight: n})
		for _, checker := range []string{"TCP_CHECK", "HTTP_GET"}[:1+n%2] {
			k.Check(event.CheckResult{VirtualServer: "web", RealServer: name, Checker: checker, Passed: uint64(n)})
		}
	}
}

// TestWhatIsFrozenStaysSo, whatever becomes known later, and is read while that does.
func TestWhatIsFrozenStaysSo(t *testing.T) {
	k, want := New(), New()
	k.change(1)
	want.change(1)
	f := k.Frozen()
	var beside sync.WaitGroup
	beside.Go(func() {
		for range 100 {
			if s := f.RealServers[ServerName{"web", "b"}]; s.Weight != 1 || len(f.Checks[ServerName{"web", "a"}]) != 2 {
				t.Errorf("%+v, %+v", s, f.Checks)
			}
		}
	})
	before := k.Verdicts()
	for n := 2; n < 10; n++ {
		k.change(n)
		k.Frozen()
	}
	if k.Verdicts() == before {
		t.Error("verdicts have changed, and their number has not")
	}
	k.ForgetInstances(&conf.Config{})
	k.ForgetServers(&conf.Config{})
	beside.Wait()
	if len(k.RealServers)+len(k.Checks)+len(k.InTable)+len(k.VirtualServers)+len(k.Instances) != 0 {
		t.Errorf("something is still known: %+v", k)
	}
	if told := f.Repairs.Told(); told[RepairedService] != 1 || told[RepairedAddress] != 1 {
		t.Errorf("repairs: %v", told)
	}
	f.Repairs, f.frozen, want.Repairs, want.frozen = Repairs{}, frozen{}, Repairs{}, frozen{}
	if !reflect.DeepEqual(f, want) {
		t.Errorf("frozen is\n%+v\nand was\n%+v", f, want)
	}
}

// TestVerdictsAreThoseOfAStatus: another half is told nothing else of virtual servers than a status shows.
func TestVerdictsAreThoseOfAStatus(t *testing.T) {
	web := &conf.VirtualServer{
		Key: conf.ServiceKey{Address: netip.MustParseAddr("10.0.0.1"), Port: 80, Protocol: conf.TCP},
	}
	for n := range 4 {
		web.RealServers = append(web.RealServers, &conf.RealServer{
			Key: conf.ServerKey{Address: netip.MustParseAddr("10.0.1.1"), Port: uint16(n + 1)}})
	}
	k, name := New(), web.String()
	tell := func(n int, state event.RealServerState) {
		state.VirtualServer, state.RealServer = name, web.RealServers[n].String()
		k.RealServer(state)
	}
	tell(0, event.RealServerState{Up: true})
	tell(1, event.RealServerState{})
	tell(2, event.RealServerState{Up: true, Unknown: []event.CheckResult{
		{At: time.Unix(1, 0), Checker: "TCP_CHECK", Reason: "no answer"}}})
	k.InTheTable(event.VirtualServerState{VirtualServer: name, Alive: 1, Total: 4})
	before := k.Verdicts()
	k.ServersInTable(event.ServersInTable{VirtualServer: name, Slots: "4f2a"})
	if k.Verdicts() == before {
		t.Error("another fingerprint is not seen")
	}
	f := Facts{Config: &conf.Config{VirtualServers: []*conf.VirtualServer{web}}, Known: k,
		Workers: []rollout.Status{{Worker: rollout.LVS}}}
	whole, list := Make(f).VirtualServers, Verdicts(f)
	if len(whole) != 1 || len(list) != 1 {
		t.Fatalf("%d virtual servers in the status, %d for the other half", len(whole), len(list))
	}
	a, b := whole[0], list[0]
	if a.Name != b.Name || a.Address != b.Address || a.Slots != b.Slots || a.Error != b.Error || b.Slots == "" {
		t.Errorf("the status has\n%+v\nand the other half is told\n%+v", a, b)
	}
	for n := range a.RealServers {
		if a.RealServers[n].Name != b.RealServers[n].Name || a.RealServers[n].Verdict != b.RealServers[n].Verdict {
			t.Errorf("real server %d: the status has %q, and the other half is told %q", n, a.RealServers[n].Verdict,
				b.RealServers[n].Verdict)
		}
	}
	if got := b.RealServers[3].Verdict; got != event.NotChecked.String() {
		t.Errorf("of one that no worker has told of the other half is told %q", got)
	}
}
