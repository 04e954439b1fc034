//go:build linux

package integration_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lvs-director/director/integration/traffic"
)

// TestForwarding: every forwarding method of director, over IPv4 and IPv6, TCP, UDP and SCTP. Every
// connection is answered, and each real server gets its share.
func TestForwarding(t *testing.T) {
	s := openShop(t)
	rr := func(kind string, more ...string) []string {
		return append([]string{"lb_algo rr", "lb_kind " + kind, "protocol TCP"}, more...)
	}
	over := func(protocol, kind string, more ...string) []string {
		return append([]string{"lb_algo rr", "lb_kind " + kind, "protocol " + protocol}, more...)
	}
	inner := func(network string) []string {
		return []string{fmt.Sprintf("%s11 %d", network, natPort), fmt.Sprintf("%s12 %d", network, natPort)}
	}
	far := func(network string) []string {
		return []string{fmt.Sprintf("%s21 %d", network, natPort), fmt.Sprintf("%s22 %d", network, natPort)}
	}
	const back4, back6, front4, front6 = "198.51.100.", "2001:db8:2::", "192.0.2.", "2001:db8:1::"
	gue := fmt.Sprintf("TUN type gue port %d", guePort)
	cases := []struct {
		name    string
		network string
		port    int
		ipv6    bool
		lines   []string
		servers []string
		names   string
	}{
		{"NAT with port mapping", "tcp", 80, false, rr("NAT"), inner(back4), "inner1 inner2"},
		{"NAT, UDP", "udp", 80, false, over("UDP", "NAT"), inner(back4), "inner1 inner2"},
		{"NAT, SCTP", "sctp", 80, false, over("SCTP", "NAT"), inner(back4), "inner1 inner2"},
		{"NAT, IPv6", "tcp", 80, true, rr("NAT"), inner(back6), "inner1 inner2"},
		{"DR", "tcp", 81, false, rr("DR"), nearServers(front4, 81, 2), "near1 near2"},
		{"DR, UDP", "udp", 53, false, over("UDP", "DR"), nearServers(front4, 53, 2), "near1 near2"},
		{"DR, SCTP", "sctp", 90, false, over("SCTP", "DR"), nearServers(front4, 90, 2), "near1 near2"},
		{"DR, IPv6", "tcp", 81, true, rr("DR"), nearServers(front6, 81, 2), "near1 near2"},
		{"TUN ipip", "tcp", 82, false, rr("TUN"), nearServers(front4, 82, 2), "near1 near2"},
		{"TUN gue", "tcp", 83, false, rr(gue), nearServers(front4, 83, 2), "near1 near2"},
		{"TUN gue csum", "tcp", 84, false, rr(gue + " csum"), nearServers(front4, 84, 2), "near1 near2"},
		{"TUN gue remcsum", "tcp", 85, false, rr(gue + " remcsum"), nearServers(front4, 85, 2), "near1 near2"},
		{"TUN gre", "tcp", 86, false, rr("TUN type gre"), nearServers(front4, 86, 2), "near1 near2"},
		{"TUN, IPv6", "tcp", 82, true, rr("TUN"), nearServers(front6, 82, 2), "near1 near2"},
		// lvs-cases L17: the service is IPv6, the real servers are IPv4.
		{"TUN, IPv6 in IPv4", "tcp", 87, true, rr("TUN"), nearServers(front4, 87, 2), "near1 near2"},
		{"full NAT", "tcp", 91, false, rr("FNAT"), far(back4), "far1 far2"},
		{"full NAT, UDP", "udp", 91, false, over("UDP", "FNAT"), far(back4), "far1 far2"},
		{"full NAT, IPv6", "tcp", 91, true, rr("FNAT"), far(back6), "far1 far2"},
		{"full NAT from a pool", "tcp", 92, false, rr("FNAT", "local_address 198.51.100.1"), far(back4), "far1 far2"},
	}
	var services []string
	for _, c := range cases {
		vip := shopVIP
		if c.ipv6 {
			vip = shopVIP6
		}
		services = append(services, service(fmt.Sprintf("%s %d", vip, c.port), c.lines, c.servers...))
	}
	s.open(services...)
	if out, err := s.director.Output(s.daemon.AskCommand("status")...); err != nil {
		t.Errorf("status: %v\n%s", err, out)
	}
	t.Logf("the table:\n%s", s.table())
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			target := fmt.Sprintf("%s:%d", shopVIP, c.port)
			if c.ipv6 {
				target = fmt.Sprintf("[%s]:%d", shopVIP6, c.port)
			}
			answers := traffic.Burst{Network: c.network, Targets: []string{target}, Count: 60, Together: 4}.Run(s.client)
			names := strings.Fields(c.names)
			want := map[string]int{}
			for _, name := range names {
				want[name] = 60 / len(names)
			}
			expectShares(t, answers, 1, want)
		})
	}
}

// TestOnePacketScheduling: with ops, the kernel schedules each datagram from one client port by
// itself. Without ops, all of them go where the first one went.
func TestOnePacketScheduling(t *testing.T) {
	s := openShop(t)
	lines := []string{"lb_algo rr", "lb_kind DR", "protocol UDP"}
	s.open(service(shopVIP+" 53", append(lines, "ops"), nearServers("192.0.2.", 53, 3)...),
		service(shopVIP+" 54", lines, nearServers("192.0.2.", 54, 3)...))
	ask := func(port int) traffic.Answers {
		return traffic.Burst{Network: "udp", Targets: []string{fmt.Sprintf("%s:%d", shopVIP, port)}, Count: 60, Together: 1,
			SourcePort: 4000}.Run(s.client)
	}
	expectShares(t, ask(53), 0, map[string]int{"near1": 20, "near2": 20, "near3": 20})
	plain := ask(54)
	expectAll(t, plain)
	if servers := plain.ByServer(); len(servers) != 1 {
		t.Errorf("one client's port without ops was answered by %v", servers)
	}
}
