package status

import (
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
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
