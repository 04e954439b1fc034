//go:build linux

package integration_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/traffic"
)

// TestTwoFamilies (lvs-cases L17): IPv4 real servers behind IPv6 services by TUN, with checks: one
// that is persistent, a group that has addresses of both families, and a firewall mark of IPv6. A
// sync daemon is refused by the kernel while such real servers are there: status says why, and the
// services go on.
func TestTwoFamilies(t *testing.T) {
	s := openShop(t)
	const mark, persistent, both, marked = 5, 87, 88, 89
	markAsUser(t, s.director, shopVIP6, mark, marked)
	tun := func(scheduler string, more ...string) []string {
		return append([]string{"lb_algo " + scheduler, "lb_kind TUN", "protocol TCP"}, more...)
	}
	near := func(port int) []string { return nearServers("192.0.2.", port, 2) }
	conf := checked(persistent, service(fmt.Sprintf("%s %d", shopVIP6, persistent),
		tun("sh", "persistence_timeout 300"), near(persistent)...)) +
		fmt.Sprintf("virtual_server_group both {\n    %s %d\n    %s %[2]d\n}\n", shopVIP, both, shopVIP6) +
		checked(both, service("group both", tun("rr"), near(both)...)) +
		checked(marked, service(fmt.Sprintf("fwmark %d", mark), tun("rr", "ip_family inet6"), near(marked)...))
	s.open(conf)
	serve := func(what string) {
		t.Helper()
		six := func(port int) []string { return []string{fmt.Sprintf("[%s]:%d", shopVIP6, port)} }
		ask := func(targets []string) traffic.Answers {
			return traffic.Burst{Targets: targets, Count: 30, Together: 1}.Run(s.client)
		}
		sticky := ask(six(persistent))
		expectAll(t, sticky)
		if by := sticky.ByServer(); len(by) != 1 {
			t.Errorf("%s: one client of a persistent service was answered by %v", what, by)
		}
		for _, targets := range [][]string{{at(both)}, six(both), six(marked)} {
			t.Logf("%s: %v", what, targets)
			expectShares(t, ask(targets), 1, map[string]int{"near1": 15, "near2": 15})
		}
	}
	serve("at first")

	begun := time.Now()
	s.daemon.Reload(global("    lvs_sync_daemon eth0 id 7") + conf)
	const why = "the kernel does not synchronize while a real server has another address family than its virtual server"
	s.Until(20*time.Second, "status says why there is no sync daemon", func() bool {
		out, _ := s.director.Output(s.daemon.StatusCommand()...)
		return strings.Contains(out, why)
	})
	s.Logf("said after %v", time.Since(begun).Round(time.Millisecond))
	serve("with a sync daemon that cannot be")
}
