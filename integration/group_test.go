//go:build linux

package integration_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/traffic"
)

// group is a virtual_server_group with these lines and the virtual server of its name: near
// real servers without ports, which are checked on port 80.
func group(name string, lines ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "virtual_server_group %s {\n    %s\n}\n", name, strings.Join(lines, "\n    "))
	fmt.Fprintf(&b, "virtual_server group %s {\n    delay_loop 0.5\n    warmup 0\n    lb_algo rr\n    lb_kind DR\n"+
		"    protocol TCP\n", name)
	for i := range 3 {
		fmt.Fprintf(&b, "    real_server 192.0.2.%d {\n        weight 3\n        TCP_CHECK {\n            connect_port 80\n"+
			"            connect_timeout 5\n            retry 0\n        }\n    }\n", 11+i)
	}
	return b.String() + "}\n"
}

// services is the kernel's table in a line for each service and its real servers, sorted.
func (s *shop) services() (list []string) {
	line := ""
	for text := range strings.Lines(s.table()) {
		f := strings.Fields(text)
		switch {
		case len(f) > 3 && f[0] == "->" && f[1] != "RemoteAddress:Port":
			line += " " + strings.Join(f[1:4], " ")
			list[len(list)-1] = line
		case len(f) >= 3 && (f[0] == "TCP" || f[0] == "FWM"):
			line = f[0] + " " + f[1]
			list = append(list, line)
		}
	}
	slices.Sort(list)
	return list
}

// inTable is the expected result of services: each service with its real servers, by their numbers.
func inTable(servers []int, services ...string) (list []string) {
	for _, service := range services {
		port := "0000"
		kind, place, _ := strings.Cut(service, " ")
		if address, p, ok := strings.Cut(place, ":"); ok {
			var n int
			fmt.Sscan(p, &n)
			port = fmt.Sprintf("%04X", n)
			var a, b, c, d int
			fmt.Sscanf(address, "%d.%d.%d.%d", &a, &b, &c, &d)
			place = fmt.Sprintf("%02X%02X%02X%02X:%s", a, b, c, d, port)
		}
		line := kind + " " + place
		// The kernel lists the real server that was added last first.
		for _, i := range slices.Backward(servers) {
			line += fmt.Sprintf(" C00002%02X:%s Route 3", 11+i, port)
		}
		list = append(list, line)
	}
	slices.Sort(list)
	return list
}

// TestGroupOverReload: reloads change the addresses, ranges and firewall marks of a
// virtual_server_group (lvs-cases L03). After each reload the table equals that of a fresh start.
// Services that stay keep their connections. New services get only the real servers that are alive.
// Another name for the group changes nothing.
func TestGroupOverReload(t *testing.T) {
	const mark, markedPort = 7, 90
	s := openShop(t)
	var webs []*traffic.Web
	for _, h := range s.near {
		webs = append(webs, traffic.ServeWeb(h, 80))
	}
	for last := 104; last <= 107; last++ {
		s.director.Address("eth0", fmt.Sprintf("192.0.2.%d/24", last))
	}
	s.director.Address("eth0", "192.0.2.120/24")
	for _, h := range s.near {
		for _, last := range []int{104, 105, 106, 107, 120} {
			h.Address("lo", fmt.Sprintf("192.0.2.%d/32", last))
		}
	}
	markAsUser(t, s.director, shopVIP, mark, markedPort)
	want := func(what string, servers []int, services ...string) {
		t.Helper()
		table := inTable(servers, services...)
		s.Until(15*time.Second, what+": the table is "+strings.Join(table, "; "), func() bool {
			return slices.Equal(s.services(), table)
		})
	}
	asked := func(what string, servers int, targets ...string) {
		t.Helper()
		for _, target := range targets {
			answers := traffic.Burst{Targets: []string{target}, Count: 12, Together: 2}.Run(s.client)
			expectAll(t, answers)
			if by := answers.ByServer(); len(by) != servers {
				t.Errorf("%s: %s was answered by %v, want %d servers", what, target, by, servers)
			}
		}
	}
	all := []int{0, 1, 2}
	lines := []string{shopVIP + " 81", shopVIP + " 82", "192.0.2.104-107 81", fmt.Sprintf("fwmark %d", mark)}
	s.open(group("G", lines...))
	want("at first", all, "TCP 192.0.2.100:81", "TCP 192.0.2.100:82", "TCP 192.0.2.104:81", "TCP 192.0.2.105:81",
		"TCP 192.0.2.106:81", "TCP 192.0.2.107:81", "FWM 00000007")
	asked("at first", 3, shopVIP+":82", "192.0.2.107:81", target4(markedPort))
	held := traffic.Burst{Targets: []string{shopVIP + ":81"}, Count: 12, Hold: true}.Start(s.client)
	expectAll(t, held.First)

	lines[1] = shopVIP + " 83"
	s.daemon.Reload(group("G", lines...))
	want("another port", all, "TCP 192.0.2.100:81", "TCP 192.0.2.100:83", "TCP 192.0.2.104:81", "TCP 192.0.2.105:81",
		"TCP 192.0.2.106:81", "TCP 192.0.2.107:81", "FWM 00000007")
	asked("another port", 3, shopVIP+":83")
	lines[2] = "192.0.2.104-105 81"
	s.daemon.Reload(group("G", lines...))
	rest := []string{"TCP 192.0.2.100:81", "TCP 192.0.2.100:83", "TCP 192.0.2.104:81", "TCP 192.0.2.105:81",
		"FWM 00000007"}
	want("a shorter range", all, rest...)
	expectAll(t, held.Ask())

	s.daemon.Reload(group("H", lines...))
	s.Until(10*time.Second, "status has the new name", func() bool {
		out, _ := s.director.Output(s.daemon.StatusCommand()...)
		return strings.Contains(out, "[H]:0")
	})
	want("another name", all, rest...)
	expectAll(t, held.Ask())

	webs[2].KillAndWait()
	want("one real server has failed", all[:2], rest...)
	lines = append(lines, "192.0.2.120 81")
	s.daemon.Reload(group("H", lines...))
	want("a further address", all[:2], append(rest, "TCP 192.0.2.120:81")...)
	asked("a further address", 2, "192.0.2.120:81")
	first := map[int]string{}
	for _, a := range held.First {
		first[a.N] = a.Server
	}
	for _, a := range held.Ask() {
		if a.Server != first[a.N] && first[a.N] != "near3" {
			t.Errorf("a connection to %s, which is alive, is broken: %+v", first[a.N], a)
		}
	}

	s.daemon.Reload(group("H", lines[1:]...))
	want("without its first address", all[:2], append(rest[1:], "TCP 192.0.2.120:81")...)
	fresh := s.services()
	s.daemon.Stop(20 * time.Second)
	want("stopped", nil)
	s.daemon = pair.Start(t, s.daemon.Kind, s.director, group("H", lines[1:]...))
	s.Until(20*time.Second, "a fresh start makes the same table", func() bool { return slices.Equal(s.services(), fresh) })
	held.Close()
}
