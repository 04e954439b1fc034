package marks_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/nft"
	"github.com/lvs-director/director/virtualserver/marks"
)

// fakeKernel takes what a Keeper puts, and tells repairs that a test makes up.
type fakeKernel struct {
	rules   marks.Rules
	repairs chan nft.Repair
}

func (k *fakeKernel) Put(r marks.Rules) error    { k.rules = r; return nil }
func (k *fakeKernel) Repairs() <-chan nft.Repair { return k.repairs }
func (k *fakeKernel) Close()                     {}

// What is wrong is told until it is right: a repair of the rules that are there does not
// make those that could not be made, and a fight is a problem until it ends.
func TestAProblemLastsAsLongAsWhatIsWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kernel := &fakeKernel{repairs: make(chan nft.Repair)}
		problem := ""
		k := marks.New(marks.Options{Log: slog.New(slog.DiscardHandler), Kernel: kernel,
			Done: func(_ uint64, p string) { problem = p }})
		ended := make(chan struct{})
		go func() { k.Run(context.Background()); close(ended) }()
		expect := func(what, want string) {
			t.Helper()
			synctest.Wait()
			if want == "" && problem != "" || !strings.Contains(problem, want) {
				t.Errorf("%s: the problem is %q, want %q", what, problem, want)
			}
		}
		right := list("a", 1, entry("192.0.2.1/32", conf.TCP, conf.PortRange{First: 80, Last: 80}))
		k.Apply([]*conf.VirtualServer{right}, 1)
		expect("rules that are in the kernel", "")
		kernel.repairs <- nft.Repair{Table: "t", Missing: []string{"the table"}, Count: 1}
		expect("one repair", "")
		kernel.repairs <- nft.Repair{Table: "t", Missing: []string{"the table"}, Count: 4, Contested: 4}
		expect("a fight", "something else keeps changing")
		kernel.repairs <- nft.Repair{Table: "t", Count: 4}
		expect("a fight that is over", "")
		kernel.repairs <- nft.Repair{Table: "t", Err: errors.New("made up"), Count: 5}
		expect("a repair that fails", "made up")
		kernel.repairs <- nft.Repair{Table: "t", Missing: []string{"the table"}, Count: 6}
		expect("a repair that succeeds", "")

		k.Apply(tooMany(), 2)
		expect("lists that cannot be made", "too many places")
		kernel.repairs <- nft.Repair{Table: "t", Missing: []string{"the table"}, Count: 7}
		expect("a repair of the rules before them", "too many places")
		k.Apply([]*conf.VirtualServer{right}, 3)
		expect("the right ones again", "")
		k.Stop(false)
		<-ended
		if len(kernel.rules.Marks) != 0 {
			t.Errorf("after a stop the kernel has %v", kernel.rules)
		}
	})
}

// No packet can have a source of the other family: such an address of a pool is left out.
func TestAPoolIsOfTheServersFamily(t *testing.T) {
	v := &conf.VirtualServer{Key: conf.ServiceKey{Protocol: conf.TCP, Address: addr("192.0.2.1"), Port: 80},
		LocalAddresses: []netip.Addr{addr("2001:db8::9"), addr("198.51.100.9")}}
	v.Services = []conf.ServiceKey{v.Key}
	v.RealServers = []*conf.RealServer{{Key: conf.ServerKey{Address: addr("198.51.100.1"), Port: 80}, Forward: conf.FNAT}}
	rules, err := marks.Wanted([]*conf.VirtualServer{v})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range rules.Sources {
		for _, a := range rules.Pools[s.Pool] {
			if a.Is4() != s.Server.Is4() {
				t.Errorf("%v is a source of packets to %v", a, s.Server)
			}
		}
	}
	if len(rules.Sources) != 1 {
		t.Errorf("sources are %v, want one", rules.Sources)
	}
}

// tooMany are lists that overlap in more places than the kernel's tables would hold.
func tooMany() (servers []*conf.VirtualServer) {
	for i := range 300 {
		var entries []conf.MatchEntry
		for p := range 100 {
			port := uint16(2*p + 1 + i%2)
			entries = append(entries, entry("10.0.0.0/8", 0, conf.PortRange{First: port, Last: port + uint16(i)}))
		}
		servers = append(servers, list(fmt.Sprint("L", i), uint32(i+1), entries...))
	}
	return servers
}
