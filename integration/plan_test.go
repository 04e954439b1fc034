//go:build linux

package integration_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/moby/ipvs"
	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// furtherServers are virtual servers of other kinds than the pair's own.
const furtherServers = `virtual_server 192.0.2.100 81 {
    lb_algo wlc
    lb_kind DR
    protocol TCP
    persistence_timeout 50
    persistence_granularity 255.255.255.0
    real_server 198.51.100.11 81 {
        weight 3
    }
    real_server 198.51.100.12 81 {
        weight 5
    }
}

virtual_server 192.0.2.100 53 {
    lb_algo sh
    sh-port
    lb_kind NAT
    protocol UDP
    ops
    real_server 198.51.100.11 5353 {
        weight 2
    }
}

virtual_server fwmark 7 {
    lb_algo mh
    lb_kind DR
    real_server 198.51.100.12 0 {
    }
}

static_routes {
    203.0.113.128/25 via 198.51.100.12 dev eth1 metric 9
}`

// TestMigration: where keepalived serves, the plan shows that director would do the same, and it
// shows what differs. Director then takes over what keepalived has left.
func TestMigration(t *testing.T) {
	director := stage.Director()
	site := pair.New(t, pair.NAT, 2)
	r := site.Run(t, both(stage.Keepalived()), func(_ int, c *pair.Config) {
		c.Before = append(c.Before, furtherServers)
		c.Options = append(c.Options, "virtual_routes {", "203.0.113.0/25 via 198.51.100.11 dev eth1 table 100",
			"blackhole 203.0.114.0/24", "}",
			"virtual_rules {", "from 203.0.113.0/24 table 100 priority 2000", "}")
	})
	plan := func(i int, want ...string) {
		t.Helper()
		out := r.Dirs[i].Run(director.Path, "plan", "-f", "lb.conf", "--run-dir", "/run/none", "--state-dir", "/run/none")
		for _, w := range want {
			if absent, no := strings.CutPrefix(w, "! "); no == strings.Contains(out, absent) {
				t.Errorf("the plan on %s: want %q in\n%s", r.Dirs[i].Name, w, out)
			}
		}
	}
	plan(0, "nothing would change", "VI_1 (virtual router 51 on eth0): MASTER here",
		"4 virtual servers with 6 real servers",
		"3 routes and rules of VI_1", "1 route or rule of the static part", "! not configured")
	plan(1, "nothing would change", "VI_1 (virtual router 51 on eth0): not MASTER here", "! not configured")

	// From here on the table differs from the file.
	change(t, r, func(h *ipvs.Handle) error {
		stray := &ipvs.Service{AddressFamily: unix.AF_INET, Protocol: unix.IPPROTO_TCP, Address: net.IPv4(192, 0, 2, 200),
			Port: 99, SchedName: "rr", Netmask: 0xffffffff}
		if err := h.NewService(stray); err != nil {
			return err
		}
		web := &ipvs.Service{AddressFamily: unix.AF_INET, Protocol: unix.IPPROTO_TCP, Address: net.IPv4(192, 0, 2, 100),
			Port: 81}
		return h.UpdateDestination(web, &ipvs.Destination{AddressFamily: unix.AF_INET, Address: net.IPv4(198, 51, 100, 11),
			Port:   81,
			Weight: 9, ConnectionFlags: ipvs.ConnectionFlagDirectRoute})
	})
	plan(0, "! nothing would change", "[192.0.2.100]:tcp:81: [198.51.100.11]:81: weight 9 becomes 3",
		"not configured, and keeps:\n  virtual server [192.0.2.200]:tcp:99")
	change(t, r, func(h *ipvs.Handle) error {
		web := &ipvs.Service{AddressFamily: unix.AF_INET, Protocol: unix.IPPROTO_TCP, Address: net.IPv4(192, 0, 2, 100),
			Port: 81}
		return h.UpdateDestination(web, &ipvs.Destination{AddressFamily: unix.AF_INET, Address: net.IPv4(198, 51, 100, 11),
			Port:   81,
			Weight: 3, ConnectionFlags: ipvs.ConnectionFlagDirectRoute})
	})

	// keepalived is killed on both hosts. Director adopts what it left, unchanged.
	for i := range r.Daemons {
		r.Daemons[i].KillAll()
		r.Daemons[i].WaitEnd(5 * time.Second)
	}
	plan(0, "nothing would change")
	r.StartDaemon(0, director)
	r.Lab.Until(15*time.Second, "director is MASTER on dir1", func() bool {
		out, _ := r.Dirs[0].Output(r.Daemons[0].StatusCommand()...)
		return strings.Contains(out, "MASTER")
	})
	r.UntilAnswered(5 * time.Second)
	out := r.Dirs[0].Run(r.Daemons[0].AskCommand("plan")...)
	if !strings.Contains(out, "nothing would change") {
		t.Errorf("the plan against the running director:\n%s", out)
	}
}

// change changes the first director's table without its knowledge.
func change(t *testing.T, r *pair.Running, do func(*ipvs.Handle) error) {
	t.Helper()
	if err := r.Dirs[0].Do(func() error {
		h, err := ipvs.New("")
		if err != nil {
			return fmt.Errorf("opening IPVS: %w", err)
		}
		defer h.Close()
		return do(h)
	}); err != nil {
		t.Fatalf("changing the table: %v", err)
	}
}
