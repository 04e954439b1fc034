package marks_test

import (
	"errors"
	"fmt"
	"math/rand"
	"net/netip"
	"testing"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/virtualserver/marks"
)

// list is a virtual server of a match list.
func list(name string, mark uint32, entries ...conf.MatchEntry) *conf.VirtualServer {
	return &conf.VirtualServer{
		Key: conf.ServiceKey{FWMark: mark}, Services: []conf.ServiceKey{{FWMark: mark}},
		Match: &conf.Match{Name: name, Mark: mark, Entries: entries},
	}
}

func entry(prefix string, protocol conf.Protocol, ports ...conf.PortRange) conf.MatchEntry {
	return conf.MatchEntry{Address: netip.MustParsePrefix(prefix), Protocol: protocol, Ports: ports}
}

type packet struct {
	to       netip.Addr
	protocol conf.Protocol
	port     uint16
}

func (p packet) in(q marks.Packets) bool {
	return p.to.Is4() == q.First.Is4() && p.to.Compare(q.First) >= 0 && p.to.Compare(q.Last) <= 0 &&
		p.protocol >= q.FirstProtocol && p.protocol <= q.LastProtocol && p.port >= q.Ports.First && p.port <= q.Ports.Last
}

// markOf looks a packet up and counts how many ranges it is in.
func markOf(r marks.Rules, p packet) (mark uint32, times int) {
	for _, m := range r.Marks {
		if p.in(m.Packets) {
			mark = m.Mark
			times++
		}
	}
	return mark, times
}

// TestAPacketHasOneMark: whatever the lists have in common, each packet is in one range at
// most, as the kernel demands, and gets the mark of the first list that names it.
func TestAPacketHasOneMark(t *testing.T) {
	for seed := range int64(300) {
		rnd := rand.New(rand.NewSource(seed))
		servers := randomLists(rnd)
		rules, err := marks.Wanted(servers)
		if err != nil {
			t.Fatal(err)
		}
		rnd.Shuffle(len(servers), func(i, j int) { servers[i], servers[j] = servers[j], servers[i] })
		other, err := marks.Wanted(servers)
		if err != nil {
			t.Fatal(err)
		}
		for p := range packets {
			want := firstThatNames(servers, p)
			got, times := markOf(rules, p)
			again, _ := markOf(other, p)
			if got != want || times > 1 || again != got {
				t.Fatalf("seed %d: packet %v is in %d ranges, mark %d, in another order %d, want %d", seed, p, times,
					got, again, want)
			}
		}
	}
}

// randomLists overlap in many ways.
func randomLists(rnd *rand.Rand) (servers []*conf.VirtualServer) {
	for i := range 1 + rnd.Intn(5) {
		v := list(fmt.Sprint("list", i), uint32(i+1))
		for range 1 + rnd.Intn(4) {
			p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(rnd.Intn(16))}), 28+rnd.Intn(5)).Masked()
			e := conf.MatchEntry{Address: p, Protocol: []conf.Protocol{0, conf.TCP, conf.UDP}[rnd.Intn(3)]}
			if e.Protocol != 0 && rnd.Intn(2) == 0 {
				first := uint16(1 + rnd.Intn(8))
				e.Ports = []conf.PortRange{{First: first, Last: first + uint16(rnd.Intn(5))}}
			}
			v.Match.Entries = append(v.Match.Entries, e)
		}
		servers = append(servers, v)
	}
	return servers
}

// packets are those that random lists name, and some more.
func packets(yield func(packet) bool) {
	for a := range 18 {
		for _, protocol := range []conf.Protocol{conf.TCP, conf.UDP, conf.ESP} {
			for port := range uint16(14) {
				if !yield(packet{netip.AddrFrom4([4]byte{10, 0, 0, byte(a)}), protocol, port}) {
					return
				}
			}
		}
	}
}

// TestRulesOfBothWhileTheTableChanges: no packet has a mark before the table has its virtual
// server, or after it has none, as far as one mark can do both.
func TestRulesOfBothWhileTheTableChanges(t *testing.T) {
	for seed := range int64(300) {
		rnd := rand.New(rand.NewSource(seed))
		before, err := marks.Wanted(randomLists(rnd))
		if err != nil {
			t.Fatal(err)
		}
		after, err := marks.Wanted(randomLists(rnd))
		if err != nil {
			t.Fatal(err)
		}
		both, more, err := after.With(before)
		if err != nil {
			t.Fatal(err)
		}
		differ, stays := false, map[uint32]bool{}
		for _, m := range after.Marks {
			stays[m.Mark] = true
		}
		for p := range packets {
			was, _ := markOf(before, p)
			want, _ := markOf(after, p)
			if was != 0 && (stays[was] || want == 0) {
				differ = differ || want != was
				want = was
			}
			if got, times := markOf(both, p); got != want || times > 1 {
				t.Fatalf("seed %d: packet %v is in %d ranges, mark %d, want %d", seed, p, times, got, want)
			}
		}
		if differ && !more {
			t.Fatalf("seed %d: nothing of the rules before is left, it says", seed)
		}
	}
}

// TestSourcesOfBothWhileTheTableChanges: connections to a real server that leaves keep their
// pool until the table is without it.
func TestSourcesOfBothWhileTheTableChanges(t *testing.T) {
	rulesOf := func(server string, pool ...netip.Addr) marks.Rules {
		t.Helper()
		rules, err := marks.Wanted([]*conf.VirtualServer{{
			Services:       []conf.ServiceKey{{Protocol: conf.TCP, Address: addr("192.0.2.100"), Port: 80}},
			LocalAddresses: pool,
			RealServers:    []*conf.RealServer{{Key: conf.ServerKey{Address: addr(server), Port: 80}, Forward: conf.FNAT}},
		}})
		if err != nil {
			t.Fatal(err)
		}
		return rules
	}
	before, after := rulesOf("10.9.0.1", addr("192.0.2.8")), rulesOf("10.9.0.2", addr("192.0.2.9"), addr("192.0.2.7"))
	both, more, err := after.With(before)
	if err != nil || !more {
		t.Fatal(more, err)
	}
	pools := map[string]int{}
	for _, s := range both.Sources {
		pools[s.Server.String()] = len(both.Pools[s.Pool])
	}
	if len(both.Sources) != 2 || pools["10.9.0.1"] != 1 || pools["10.9.0.2"] != 2 {
		t.Errorf("%+v", both)
	}
	if _, more, _ := after.With(after); more {
		t.Error("the same rules are another's")
	}
}

// firstThatNames is the mark of the list with the first name that has the packet.
func firstThatNames(servers []*conf.VirtualServer, p packet) uint32 {
	var first *conf.VirtualServer
	for _, v := range servers {
		for _, e := range v.Match.Entries {
			ports := e.Ports
			if len(ports) == 0 {
				ports = []conf.PortRange{{Last: 65535}}
			}
			for _, q := range ports {
				if e.Address.Contains(p.to) && (e.Protocol == 0 || e.Protocol == p.protocol) && p.port >= q.First &&
					p.port <= q.Last && (first == nil || v.Match.Name < first.Match.Name) {
					first = v
				}
			}
		}
	}
	if first == nil {
		return 0
	}
	return first.Match.Mark
}

// TestRangesOfAddressesStayWhole: a group of 65,536 addresses is not 65,536 elements.
func TestRangesOfAddressesStayWhole(t *testing.T) {
	v := &conf.VirtualServer{Group: "G",
		RealServers: []*conf.RealServer{{Key: conf.ServerKey{Address: addr("10.9.0.1")}, Forward: conf.FNAT}}}
	for a := addr("10.1.0.0"); a != addr("10.2.0.0"); a = a.Next() {
		v.Services = append(v.Services, conf.ServiceKey{Protocol: conf.TCP, Address: a, Port: 80})
	}
	rules, err := marks.Wanted([]*conf.VirtualServer{v})
	if err != nil || len(rules.Sources) != 1 || rules.Sources[0].Last != addr("10.1.255.255") {
		t.Errorf("%d sources, %v", len(rules.Sources), err)
	}
	rules, err = marks.Wanted([]*conf.VirtualServer{list("A", 1, conf.MatchEntry{
		Address: netip.MustParsePrefix("10.1.0.3/32"), Last: addr("10.1.4.9"), Protocol: conf.TCP})})
	if err != nil || len(rules.Marks) != 1 || rules.Marks[0].Last != addr("10.1.4.9") {
		t.Errorf("%v, %v", rules.Marks, err)
	}
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// TestHostileListsAreBounded: no configuration makes the worker compute for minutes or
// fills the kernel.
func TestHostileListsAreBounded(t *testing.T) {
	var ports []conf.PortRange
	for p := 1; p < 65536; p += 2 {
		ports = append(ports, conf.PortRange{First: uint16(p), Last: uint16(p)})
	}
	servers := []*conf.VirtualServer{list("A", 1, entry("10.0.0.1/32", conf.TCP, ports...))}
	for i := range 40 {
		servers = append(servers, list(fmt.Sprint("B", i), uint32(i+2), entry("10.0.0.0/8", 0)))
	}
	if _, err := marks.Wanted(servers); err != nil && !errors.Is(err, marks.ErrTooMany) {
		t.Error(err)
	}
	var many []conf.MatchEntry
	for range 30000 {
		many = append(many, entry("10.0.0.0/8", conf.TCP, conf.PortRange{First: 1, Last: 2}))
	}
	if _, err := marks.Wanted([]*conf.VirtualServer{list("A", 1, many...)}); err != nil &&
		!errors.Is(err, marks.ErrTooMany) {
		t.Error(err)
	}
}

func TestFullNATIsForItsOwnRealServers(t *testing.T) {
	pool := []netip.Addr{addr("192.0.2.8"), addr("192.0.2.9")}
	v := &conf.VirtualServer{
		Services:       []conf.ServiceKey{{Protocol: conf.TCP, Address: addr("192.0.2.100"), Port: 80}},
		LocalAddresses: pool,
		RealServers: []*conf.RealServer{
			{Key: conf.ServerKey{Address: addr("10.9.0.1"), Port: 8080}, Forward: conf.FNAT},
			{Key: conf.ServerKey{Address: addr("10.9.0.2"), Port: 80}, Forward: conf.NAT},
		},
		Sorry: &conf.SorryServer{Key: conf.ServerKey{Address: addr("10.9.0.3"), Port: 80}, Forward: conf.FNAT},
	}
	rules, err := marks.Wanted([]*conf.VirtualServer{v})
	if err != nil {
		t.Fatal(err)
	}
	to := map[netip.Addr]bool{}
	for _, s := range rules.Sources {
		to[s.Server] = true
		if s.First != addr("192.0.2.100") || s.Ports.First != 80 || s.FirstProtocol != conf.TCP ||
			len(rules.Pools[s.Pool]) != 2 {
			t.Errorf("%+v", s)
		}
	}
	if len(to) != 2 || to[addr("10.9.0.2")] {
		t.Errorf("sources are rewritten for %v", to)
	}
}
