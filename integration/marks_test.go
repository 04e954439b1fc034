//go:build linux

package integration_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/integration/traffic"
)

// aside is a director whose real servers are on another network and have no route to the client:
// only full NAT serves it.
func aside(t *testing.T) (l *lab.Lab, clients []*lab.Host, director *lab.Host) {
	l = lab.New(t)
	front, back := l.Network("front"), l.Network("back")
	for i := range 2 { // each client needs its own host: it chooses its ports by itself
		h := l.Host(fmt.Sprintf("client%d", i+1))
		h.Attach(front, "eth0", fmt.Sprintf("192.0.2.%d/24", 10+i))
		clients = append(clients, h)
	}
	director = l.Host("dir1")
	director.Attach(front, "eth0", "192.0.2.2/24", pair.VIP+"/32")
	director.Attach(back, "eth1", "198.51.100.2/24", "198.51.100.3/24", "198.51.100.4/24")
	director.Sysctl("net.ipv4.ip_forward", "1")
	for i := range 2 {
		h := l.Host(fmt.Sprintf("rs%d", i+1))
		h.Attach(back, "eth0", fmt.Sprintf("198.51.100.%d/24", 11+i))
		traffic.ServeWeb(h, 80)
		traffic.ServeWeb(h, 81)
	}
	return l, clients, director
}

// TestFullNAT: real servers without a route to the client serve it, by a service of an address and
// by a match list, with the director's own address and with a pool. The service survives the death
// of the worker, and director leaves nothing behind when it stops.
func TestFullNAT(t *testing.T) {
	stage.Require(t)
	l, clients, director := aside(t)
	const real = "    real_server 198.51.100.11%[1]s {\n        TCP_CHECK { connect_port 80 }\n    }\n" +
		"    real_server 198.51.100.12%[1]s {\n        TCP_CHECK { connect_port 80 }\n    }\n}\n"
	d := pair.Start(t, stage.Director(), director, "virtual_server "+pair.VIP+" 80 {\n    delay_loop 1\n    "+
		"lvs_sched rr\n"+
		"    lvs_method FNAT\n    protocol TCP\n"+fmt.Sprintf(real, " 80")+
		"virtual_server match shop {\n    delay_loop 1\n    lvs_sched rr\n    lvs_method FNAT\n    match {\n        "+
		pair.VIP+" tcp 81-90\n    }\n    local_address 198.51.100.3 198.51.100.4\n"+fmt.Sprintf(real, ""))
	l.Until(30*time.Second, "conntrack of IPVS is on", func() bool {
		value, err := director.Output("cat", "/proc/sys/net/ipv4/vs/conntrack")
		return err == nil && strings.TrimSpace(value) == "1"
	})
	own := traffic.StartClient(clients[0], "tcp", pair.Service)
	pool := traffic.StartClient(clients[1], "tcp", pair.VIP+":81")
	answers := func(what string) {
		t.Helper()
		began := time.Now()
		l.Until(30*time.Second, what, func() bool {
			for _, c := range []*traffic.Client{own, pool} {
				for _, name := range []string{"rs1", "rs2"} {
					if c.AnsweredBy(name, began) < 10 {
						return false
					}
				}
			}
			return true
		})
	}
	answers("both services have answers of both real servers")

	began := time.Now()
	answers("clients have answers while nothing happens")
	for _, c := range []*traffic.Client{own, pool} {
		if seen := c.Between(began, time.Now()); failures(l, seen) > 0 {
			t.Errorf("while nothing happened: %v", seen)
		}
	}
	killed := time.Now()
	d.KillWorker(pair.LVS)
	answers("the lvs worker was killed, and clients go on")
	for _, c := range []*traffic.Client{own, pool} {
		if seen := c.Between(killed, time.Now()); failures(l, seen) > 0 {
			t.Errorf("while the worker was killed: %v", seen)
		}
	}
	d.Stop(20 * time.Second)
	l.Until(10*time.Second, "director has ended", func() bool { return !d.Running() })
	if left := pair.Table(director); len(left) > 0 {
		t.Errorf("services are still in the table:\n%s", pair.FormatTable(left))
	}
	for _, name := range nftTables(t, director) {
		t.Errorf("nftables table %s still exists", name)
	}
}

// failures are the requests that failed while the lab was not starved.
func failures(l *lab.Lab, seen traffic.Summary) (n int) {
	for _, request := range seen.Failures {
		if request.Outcome != traffic.NoAnswer || l.Starved(request.Start,
			request.Start.Add(request.Took)) < traffic.Patience/4 {
			n++
		}
	}
	return n
}
