//go:build linux

package integration_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// TestNetNamespace: director is started elsewhere and serves in the namespace
// that its configuration names, IPVS included.
func TestNetNamespace(t *testing.T) {
	stage.Require(t)
	site := pair.New(t, pair.NAT, 2)
	kind := pair.Namespaced{Director: stage.Director()}
	r := site.Run(t, [2]pair.Kind{kind, stage.Director()}, func(i int, c *pair.Config) {
		if i == 0 {
			c.Before = append(c.Before, "net_namespace "+pair.HostNamespace)
		}
	})
	t.Cleanup(func() { killLeft(r.Daemons[0]) })
	stopped := r.Daemons[0].Terminate()
	r.UntilMaster(1, r.Configs[1].SkewTime()+slack)
	r.Daemons[0].WaitEnd(10 * time.Second)
	r.UntilAnswered(5 * time.Second)
	expectGap(t, r, "stop", r.Web.Between(stopped, time.Now()), r.Configs[1].SkewTime())
	if left := pair.Table(r.Dirs[0]); len(left) > 0 {
		t.Errorf("director failed to remove, still present in its namespace:\n%s", pair.FormatTable(left))
	}
}

// TestNetNamespaceOfIPVS: with net_namespace_ipvs the table is in a namespace of
// its own, and follows the real servers there.
func TestNetNamespaceOfIPVS(t *testing.T) {
	stage.Require(t)
	site := pair.New(t, pair.NAT, 2)
	table := site.Lab.Host("table")
	table.Attach(site.Back, "eth0", "198.51.100.77/24")
	inside := table.Start("sleep", "1000")
	kind := pair.Namespaced{Director: stage.Director()}
	kind.More = map[string]*lab.Process{"table": inside}
	conf := site.DefaultConfig(0)
	conf.Before = []string{"net_namespace " + pair.HostNamespace, "net_namespace_ipvs table"}
	d := pair.Start(t, kind, site.Dirs[0], conf.Text(site))
	t.Cleanup(func() { killLeft(d) })
	weight := func(n int) int {
		for _, vs := range pair.Table(table) {
			for _, rs := range vs.Servers {
				if rs.Address.String() == fmt.Sprintf("%s:80", site.ServerAddress(n)) {
					return rs.Weight
				}
			}
		}
		return 0
	}
	site.Lab.Until(30*time.Second, "the table is in its namespace, the virtual addresses in theirs", func() bool {
		return site.Holds(0) && weight(0) > 0 && weight(1) > 0
	})
	if here := pair.Table(site.Dirs[0]); len(here) > 0 {
		t.Errorf("the namespace of the virtual addresses has a table, want none:\n%s", pair.FormatTable(here))
	}
	site.Webs[1].KillAndWait()
	site.Lab.Until(15*time.Second, "rs2 leaves the table", func() bool { return weight(1) == 0 && weight(0) > 0 })
	d.Terminate()
	d.WaitEnd(10 * time.Second)
	if left := pair.Table(table); len(left) > 0 || site.HoldsAny(0) {
		t.Errorf("director failed to remove services or addresses; the table:\n%s", pair.FormatTable(left))
	}
}

// killLeft kills a daemon that still runs: the lab does not find a supervisor that is in no
// namespace of the lab's hosts.
func killLeft(d *pair.Daemon) {
	if d.Running() {
		d.KillAll()
	}
}
