//go:build linux

package integration_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// asClient gives each real server of a block a check that goes through IPVS.
func asClient(block string) string {
	const check = "        TCP_CHECK {\n            as_client\n            connect_timeout 1\n            retry 0\n" +
		"        }\n    }\n"
	return strings.Replace(strings.ReplaceAll(block, "    }\n", check), "{\n", "{\n    delay_loop 1\n    warmup 0\n", 1)
}

// TestChecksAsClient: a real server that answers at its own address and lacks the virtual one serves
// no client of DR and TUN. A check as_client finds it dead, on a director that has the virtual
// address and on one that has not, and takes nobody else out. While this host drops the answers the
// check can say nothing.
func TestChecksAsClient(t *testing.T) {
	s := openShop(t)
	bad := s.near[2]
	bad.Run("ip", "address", "del", shopVIP+"/32", "dev", "lo")
	bad.Run("ip", "address", "del", shopVIP6+"/128", "dev", "lo")
	six := func(port int) string { return fmt.Sprintf("%s %d", shopVIP6, port) }
	usual := checked(83, service(at2(83), dr("rr"), nearServers("192.0.2.", 83, 3)...))
	plain := service(at2(81), dr("wlc"), nearServers("192.0.2.", 81, 3)...) +
		service(at2(82), []string{"lb_algo rr", "lb_kind TUN", "protocol TCP"}, nearServers("192.0.2.", 82, 3)...)
	config := global() + usual + asClient(service(at2(81), dr("wlc"), nearServers("192.0.2.", 81, 3)...)) +
		asClient(service(at2(82), []string{"lb_algo rr", "lb_kind TUN", "protocol TCP"}, nearServers("192.0.2.", 82, 3)...)) +
		asClient(service(six(85), dr("rr"), nearServers("2001:db8:1::", 85, 3)...))
	s.open(config)

	// IPv4 drops what comes from an address of this host: no verdict on anybody.
	s.Until(20*time.Second, "status says why the checks cannot be made", func() bool {
		return strings.Contains(s.statusText("192.0.2.13:81"), "accept_local")
	})
	six85 := func(up int) func() bool {
		return func() bool {
			return strings.Count(s.table(), "[2001:0db8:0001:0000:0000:0000:0000:0011]:0055")+
				strings.Count(s.table(), "[2001:0db8:0001:0000:0000:0000:0000:0012]:0055")+
				strings.Count(s.table(), "[2001:0db8:0001:0000:0000:0000:0000:0013]:0055") == up
		}
	}
	s.Until(20*time.Second, "of IPv6 the real server without the address is out", six85(5)) // 2 for clients, 3 for checks
	all, two := nearWeights(nil), map[string]int{"near1": 1, "near2": 1}
	s.untilWeights(time.Second, 81, all)
	s.untilWeights(time.Second, 82, all)

	s.director.Sysctl("net.ipv4.conf.eth0.accept_local", "1")
	for _, port := range []int{81, 82} {
		s.untilWeights(20*time.Second, port, two)
	}
	s.untilWeights(time.Second, 83, all) // its own address answers
	list := s.ask("ipvs", "-Ln")
	if n := strings.Count(list, "# director's, for checks as_client"); n != 9 {
		t.Errorf("%d services for checks, want 9:\n%s", n, list)
	}
	if status := s.statusText(); strings.Contains(status, "fwmark") || strings.Contains(status, "FWM") {
		t.Errorf("status shows services for checks:\n%s", status)
	}

	// The peer becomes MASTER: the address is not here.
	s.director.Run("ip", "address", "del", shopVIP+"/24", "dev", "eth0")
	s.director.Sysctl("net.ipv4.conf.eth0.accept_local", "0")
	s.Steady(4*time.Second, "the verdicts stay without the address", func() bool {
		return s.weights(81) == fmt.Sprint(two) && s.weights(82) == fmt.Sprint(two)
	})
	bad.Address("lo", shopVIP+"/32")
	s.near[0].Run("ip", "address", "del", shopVIP+"/32", "dev", "lo")
	for _, port := range []int{81, 82} {
		s.untilWeights(20*time.Second, port, map[string]int{"near2": 1, "near3": 1})
	}
	s.near[0].Address("lo", shopVIP+"/32")
	for _, port := range []int{81, 82} {
		s.untilWeights(20*time.Second, port, all)
	}

	s.reload(global() + usual + plain)
	if list := s.ask("ipvs", "-Ln"); strings.Contains(list, "FWM") {
		t.Errorf("services for checks are left:\n%s", list)
	}
	s.untilWeights(time.Second, 81, all)
}

// status is what "director status" prints; problems are no failure.
func (s *shop) statusText(words ...string) string {
	out, _ := s.director.Output(s.daemon.AskCommand(append([]string{"status"}, words...)...)...)
	return out
}
