//go:build linux

package integration_test

import (
	"fmt"
	"maps"
	"math"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/lvs-director/director/integration/traffic"
)

// schedulerConnections is how many connections each scheduler deals out.
const schedulerConnections = 1000

// Networks of the schedulers' test: the addresses of the first are the client's, those of
// the second virtual ones.
const (
	manyClients   = "203.0.113.64/27"
	manyAddresses = "203.0.113.128/27"
	manyCount     = 30
)

// schedulerCase is what one scheduler does, by ipvsadm(8) and the kernel's
// net/netfilter/ipvs/ip_vs_*.c.
type schedulerCase struct {
	scheduler string
	lines     []string
	weights   []int // of near1, near2 and near3: 1, 2 and 3 unless given
	count     int   // of connections: schedulerConnections unless given
	// hold makes connections by TCP that stay open, one after the other: the scheduler
	// looks at how many are active. Otherwise they are flows of UDP, which cost less.
	hold      bool
	clients   bool // connections come from 30 addresses
	addresses bool // connections go to 30 addresses of one service (by a firewall mark)
	expect    func(t *testing.T, answers traffic.Answers)
}

// schedulerCases have the tolerance that the definition leaves. With c connections held
// by a server of weight w, C and W in all, and n servers:
//   - wlc takes the smallest c/w, so each has C·w/W + 1 at most and C·w/W - n·w/W at least;
//   - sed and nq take the smallest (c+1)/w: C·w/W + (n-1)·w/W and C·w/W - 1.
//
// Both are 1 or less beside the shares of 166.7, 333.3 and 500, but for the lower limit
// of wlc (498.5). A hash deals out by chance: see hashed.
var schedulerCases = []schedulerCase{
	{scheduler: "rr", expect: shares(1, 333, 333, 333)},
	{scheduler: "wrr", count: 167 * (1 + 2 + 3), expect: shares(0, 167, 334, 501)}, // whole rounds
	{scheduler: "lc", expect: shares(4, 333, 333, 333)},                            // four at once may find one server
	{scheduler: "wlc", hold: true, expect: shares(1, 167, 333, 500)},
	{scheduler: "sed", hold: true, expect: func(t *testing.T, answers traffic.Answers) {
		shares(1, 167, 333, 500)(t, answers)
		expectFirst(t, answers, map[string]int{"near2": 1, "near3": 2}) // the strongest first
	}},
	{scheduler: "nq", hold: true, expect: func(t *testing.T, answers traffic.Answers) {
		shares(1, 167, 333, 500)(t, answers)
		expectFirst(t, answers, map[string]int{"near1": 1, "near2": 1, "near3": 1}) // no server stays idle
	}},
	{scheduler: "fo", expect: shares(0, 0, 0, schedulerConnections)},
	// A server gets connections until it has more than its weight.
	{scheduler: "ovf", weights: []int{100, 200, 700}, hold: true, expect: shares(0, 98, 201, 701)},
	// twos chooses two servers by chance and takes the less loaded one: the result is no further
	// from the weights than chance alone. The kernel's chance is off by 1 in the sum of the
	// weights, so they are large.
	{scheduler: "twos", weights: []int{100, 200, 300}, hold: true, expect: hashed(600, 100, 200, 300)},
	{scheduler: "sh", clients: true, expect: hashedBy(source, 256, 1, 2, 3)},
	{scheduler: "sh", lines: []string{"sh-port"}, expect: hashed(256, 1, 2, 3)},
	{scheduler: "mh", clients: true, expect: hashedBy(source, 4093, 1, 2, 3)},
	{scheduler: "mh", lines: []string{"mh-port"}, expect: hashed(4093, 1, 2, 3)},
	{scheduler: "dh", addresses: true, expect: hashedBy(target, 256, 1, 1, 1)}, // knows no weights
	// A destination's address stays with its server, and a new one goes where there are
	// fewest connections ...
	{scheduler: "lblc", weights: []int{50, 50, 50}, addresses: true, expect: hashedBy(target, manyCount, 1, 1, 1)},
	// ... until that one has more than its weight and another less than half of its own: then
	// lblc moves the address, and lblcr gives it one more server.
	{scheduler: "lblc", weights: []int{10, 10, 10}, count: 300, hold: true, expect: sortedShares(11, 11, 278)},
	{scheduler: "lblcr", weights: []int{10, 10, 10}, count: 300, hold: true, expect: sortedShares(100, 100, 100)},
}

// TestSchedulers compares what each scheduler does with a thousand connections with its
// definition.
func TestSchedulers(t *testing.T) {
	s := openShop(t)
	s.client.Address("lo", manyClients)
	s.director.Address("lo", manyAddresses)
	s.director.Route(manyClients, "192.0.2.10")
	s.client.Route(manyAddresses, "192.0.2.2")
	for _, h := range s.near {
		h.Address("lo", manyAddresses)
		h.Route(manyClients, "192.0.2.10")
		var listen []string
		for i, c := range schedulerCases {
			for _, to := range c.burst(schedulerPort + i).Targets {
				listen = append(listen, "udp:"+to)
			}
		}
		traffic.ServeNames(h, listen...)
	}
	var services []string
	missing := map[string]bool{}
	for i, c := range schedulerCases {
		if c.missing() {
			missing[c.scheduler] = true
			continue
		}
		services = append(services, c.service(schedulerPort+i))
	}
	s.open(services...)
	for i, c := range schedulerCases {
		t.Run(fmt.Sprint(c.scheduler, c.lines, i), func(t *testing.T) {
			if missing[c.scheduler] {
				t.Skipf("SKIP: this kernel has no module ip_vs_%s", c.scheduler)
			}
			burst := c.burst(schedulerPort + i)
			if !burst.Hold {
				c.expect(t, burst.Run(s.client))
				return
			}
			held := burst.Start(s.client)
			c.expect(t, held.First)
			held.Close()
		})
	}
}

// missing says that this kernel lacks the scheduler, as Debian's of 2023 lacks twos.
func (c schedulerCase) missing() bool {
	return exec.Command("modprobe", "ip_vs_"+c.scheduler).Run() != nil
}

func (c schedulerCase) service(port int) string {
	weights := c.weights
	if weights == nil {
		weights = []int{1, 2, 3}
	}
	protocol := "udp"
	if c.hold {
		protocol = "tcp"
	}
	lines := append([]string{"lb_algo " + c.scheduler, "lb_kind DR", "protocol " + strings.ToUpper(protocol)}, c.lines...)
	if !c.addresses {
		return service(fmt.Sprintf("%s %d", shopVIP, port), lines, nearServers("192.0.2.", port, 3, weights...)...)
	}
	lines = append(lines, "match {", fmt.Sprintf("    %s %s %d", manyAddresses, protocol, port), "}")
	return service(fmt.Sprintf("match many%d", port), lines, nearServers("192.0.2.", 0, 3, weights...)...)
}

func (c schedulerCase) burst(port int) traffic.Burst {
	b := traffic.Burst{Network: "udp", Targets: []string{target4(port)}, Count: c.count, Together: 4}
	if b.Count == 0 {
		b.Count = schedulerConnections
	}
	if c.hold {
		b.Network, b.Hold, b.Together = "tcp", true, 1
	}
	if c.addresses {
		b.Targets = nil
		for i := range manyCount {
			b.Targets = append(b.Targets, fmt.Sprintf("203.0.113.%d:%d", 129+i, port))
		}
	}
	for i := range manyCount {
		if c.clients {
			b.Sources = append(b.Sources, fmt.Sprintf("203.0.113.%d", 65+i))
		}
	}
	return b
}

// shares wants numbers of connections with near1, near2 and near3.
func shares(tolerance int, want ...int) func(*testing.T, traffic.Answers) {
	return func(t *testing.T, answers traffic.Answers) {
		t.Helper()
		byName := map[string]int{}
		for i, n := range want {
			if n > 0 {
				byName[fmt.Sprintf("near%d", i+1)] = n
			}
		}
		expectShares(t, answers, tolerance, byName)
	}
}

// sortedShares wants numbers of connections, in any order of the servers.
func sortedShares(want ...int) func(*testing.T, traffic.Answers) {
	return func(t *testing.T, answers traffic.Answers) {
		t.Helper()
		expectAll(t, answers)
		got := slices.Sorted(maps.Values(answers.ByServer()))
		t.Logf("answers: %v, by the definition %v", answers.ByServer(), want)
		if !slices.Equal(got, want) {
			t.Errorf("answers %v, want %v in some order", answers.ByServer(), want)
		}
	}
}

// hashed wants the shares of a table with that many slots, of which servers have as many
// as their weights say. Where a connection falls is chance: n draws of probability p are
// n·p, with a standard deviation of sqrt(n·p·(1-p)), and four of these are allowed. The
// weights do not divide the table, so a share may be a round of slots off.
func hashed(slots int, weights ...int) func(*testing.T, traffic.Answers) {
	return func(t *testing.T, answers traffic.Answers) {
		t.Helper()
		expectAll(t, answers)
		expectByChance(t, len(answers), slots, weights, answers.ByServer())
	}
}

// hashedBy is hashed for schedulers that deal out keys, not connections: all connections with the
// same key have one server.
func hashedBy(key func(traffic.Answer) string, slots int, weights ...int) func(*testing.T, traffic.Answers) {
	return func(t *testing.T, answers traffic.Answers) {
		t.Helper()
		expectAll(t, answers)
		places, keys := map[string]string{}, map[string]int{}
		for _, a := range answers {
			if before, known := places[key(a)]; !known {
				places[key(a)] = a.Server
				keys[a.Server]++
			} else if before != a.Server {
				t.Fatalf("%s was answered by %s and by %s", key(a), before, a.Server)
			}
		}
		expectByChance(t, len(places), slots, weights, keys)
	}
}

func expectByChance(t *testing.T, n, slots int, weights []int, got map[string]int) {
	t.Helper()
	sum := 0
	for _, w := range weights {
		sum += w
	}
	for i, w := range weights {
		name, p := fmt.Sprintf("near%d", i+1), float64(w)/float64(sum)
		want := float64(n) * p
		tolerance := 4*math.Sqrt(want*(1-p)) + float64(n*w)/float64(slots)
		t.Logf("%s has %d of %d, by the definition %.0f ± %.0f", name, got[name], n, want, tolerance)
		if math.Abs(float64(got[name])-want) > tolerance || got[name] == 0 {
			t.Errorf("%s has %d of %d, want %.0f ± %.0f and one at least", name, got[name], n, want, tolerance)
		}
	}
}

// expectFirst wants the first connections with these servers.
func expectFirst(t *testing.T, answers traffic.Answers, want map[string]int) {
	t.Helper()
	n := 0
	for _, count := range want {
		n += count
	}
	if got := answers[:n].ByServer(); !maps.Equal(got, want) {
		t.Errorf("the first %d connections went to %v, want %v", n, got, want)
	}
}

func source(a traffic.Answer) string { return a.Source }
func target(a traffic.Answer) string { return a.Target }
