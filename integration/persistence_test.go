//go:build linux

package integration_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/lvs-director/director/integration/traffic"
)

// TestPersistence: a client stays with its real server: on every port (port 0), on one port, on two
// ports that a mark joins, and together with its neighbours (granularity). Other clients go to
// other real servers.
func TestPersistence(t *testing.T) {
	s := openShop(t)
	var sources []string
	for i := range 12 {
		// Twelve clients, four in each of three networks of 16 addresses.
		sources = append(sources, fmt.Sprintf("203.0.113.%d", 16*(1+i/4)+i%4))
		s.client.Address("eth0", sources[i]+"/32")
	}
	s.director.Route("203.0.113.0/24", "192.0.2.10")
	for _, h := range s.near {
		h.Route("203.0.113.0/24", "192.0.2.10")
	}
	lines := func(more ...string) []string {
		return append([]string{"lb_algo rr", "lb_kind DR", "protocol TCP", "persistence_timeout 60"}, more...)
	}
	cases := []struct {
		name  string
		head  string
		lines []string
		ports []int
		place int // ports of the real servers
		bits  int // of the client's address that count
	}{
		{"per port", shopVIP + " 93", lines(), []int{93}, 93, 32},
		{"granularity", shopVIP + " 94", lines("persistence_granularity 255.255.255.240"), []int{94}, 94, 28},
		{"firewall mark", "match shop", lines("match {", "    "+shopVIP+" tcp 95 96", "}"), []int{95, 96}, 0, 32},
		// This virtual server takes every port that has no virtual server of its own.
		{"per client", shopVIP + " 0", lines(), []int{97, 98}, 0, 32},
	}
	var services []string
	for _, c := range cases {
		services = append(services, service(c.head, c.lines, nearServers("192.0.2.", c.place, 3)...))
	}
	s.open(services...)
	t.Logf("the table:\n%s", s.table())
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var targets []string
			for _, port := range c.ports {
				targets = append(targets, fmt.Sprintf("%s:%d", shopVIP, port))
			}
			// The first connections come one by one: of two that come at once the kernel
			// may make a template for each.
			first := traffic.Burst{Targets: targets, Sources: sources, Count: len(sources) * len(targets),
				Together: 1}.Run(s.client)
			expectAll(t, first)
			answers := traffic.Burst{Targets: targets, Sources: sources, Count: len(sources) * len(targets) * 5,
				Together: 4}.Run(s.client)
			expectAll(t, answers)
			answers = append(first, answers...)
			places, used := map[netip.Prefix]string{}, map[string]bool{}
			for _, a := range answers {
				if a.Server == "" {
					continue
				}
				client := netip.PrefixFrom(netip.MustParseAddr(a.Source), c.bits).Masked()
				if before := places[client]; before != "" && before != a.Server {
					t.Fatalf("%v was answered by %s and by %s (%s)", client, before, a.Server, a.Target)
				}
				places[client] = a.Server
				used[a.Server] = true
			}
			if len(used) != 3 {
				t.Errorf("%d groups of clients have only %v", len(places), used)
			}
		})
	}
}
