//go:build linux

package integration_test

import (
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/ipvs"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/integration/traffic"
)

// heldPort is the port of the service whose connections stay open.
const heldPort = 82

// TestEstablishedConnectionsWithMH: the host of the master fails while a thousand connections are
// established. The backup knows none of them, but it computes the same real server for each (mh)
// and accepts connections whose beginning it has not seen (sloppy_tcp). All connections go on.
func TestEstablishedConnectionsWithMH(t *testing.T) {
	stage.Require(t)
	const connections = 1000
	site := pair.New(t, pair.DR, 3)
	for _, server := range site.Servers {
		traffic.ServeNames(server, fmt.Sprintf("tcp:%d", heldPort))
	}
	r := site.Run(t, both(stage.Director()), func(_ int, c *pair.Config) {
		c.Before = []string{service(fmt.Sprintf("%s %d", pair.VIP, heldPort),
			[]string{"lb_algo mh", "mh-port", "mh-fallback", "lb_kind DR", "protocol TCP"},
			nearServers("192.0.2.", heldPort, 3, 1, 2, 3)...)}
	})
	for i := range r.Dirs {
		r.Lab.Until(10*time.Second, "the tables are complete", func() bool {
			for n := range r.Servers {
				if !r.InTable(i, n, heldPort) {
					return false
				}
			}
			return true
		})
		r.Dirs[i].Sysctl("net.ipv4.vs.sloppy_tcp", "1")
	}
	r.Web.Signal(syscall.SIGSTOP) // it would only take processor time
	held := traffic.Burst{Targets: []string{fmt.Sprintf("%s:%d", pair.VIP, heldPort)}, Count: connections,
		Hold: true}.Start(r.Client)
	expectAll(t, held.First)
	r.Lab.Logf("%d connections: %v", connections, held.First.ByServer())

	r.Dirs[0].Crash()
	r.UntilMaster(1, r.Configs[1].MasterDownInterval()+slack)
	after := held.Ask()
	r.Lab.Logf("after the loss of the master's host %d of %d connections go on", len(after)-len(after.Failed()),
		connections)
	expectAll(t, after)
	servers := map[int]string{}
	for _, a := range held.First {
		servers[a.N] = a.Server
	}
	for _, a := range after {
		if a.Server != "" && a.Server != servers[a.N] {
			t.Errorf("connection %d was with %s and is with %s", a.N, servers[a.N], a.Server)
		}
	}
	held.Close()
}

// TestForeignServiceDuringTraffic: another program adds a service of its own and changes it while
// clients are served. Neither disturbs the other, and the service is still there after director has
// stopped.
func TestForeignServiceDuringTraffic(t *testing.T) {
	stage.Require(t)
	site := pair.New(t, pair.NAT, 2)
	r := site.Run(t, both(stage.Director()), nil)
	foreign := func(weight int) {
		t.Helper()
		if err := r.Dirs[0].Do(func() error {
			table, err := ipvs.New("")
			if err != nil {
				return err
			}
			defer table.Close()
			s := &ipvs.Service{AddressFamily: syscall.AF_INET, Protocol: syscall.IPPROTO_TCP, Port: 8443,
				Address: []byte{192, 0, 2, 2}, SchedName: "rr", Netmask: 0xffffffff}
			d := &ipvs.Destination{AddressFamily: syscall.AF_INET, Address: []byte{198, 51, 100, 11}, Port: 8443,
				Weight: weight}
			if table.IsServicePresent(s) {
				return table.UpdateDestination(s, d)
			}
			if err := table.NewService(s); err != nil {
				return err
			}
			return table.NewDestination(s, d)
		}); err != nil {
			t.Fatalf("change the table of dir1: %v", err)
		}
	}
	untouched := func(weight int) bool {
		for _, vs := range pair.Table(r.Dirs[0]) {
			if vs.Address.Port() == 8443 {
				return len(vs.Servers) == 1 && vs.Servers[0].Weight == weight
			}
		}
		return false
	}
	begun := time.Now()
	for _, weight := range []int{1, 7} {
		foreign(weight)
		r.Lab.Steady(3*time.Second, "the foreign service is as it was made", func() bool { return untouched(weight) })
	}
	seen := r.Web.Between(begun, time.Now())
	expectAnswered(t, r, "beside a foreign service", seen, 0)
	for _, line := range r.Daemons[0].Log() {
		if !line.Time.Before(begun) && strings.Contains(line.Text, ":8443") {
			t.Errorf("dir1 logs something about a service that is not its own: %s", line.Text)
		}
	}
	r.Daemons[0].Terminate()
	r.Daemons[0].WaitEnd(20 * time.Second)
	if !untouched(7) {
		t.Errorf("dir1 removed the foreign service when it stopped:\n%s", pair.FormatTable(pair.Table(r.Dirs[0])))
	}
}
