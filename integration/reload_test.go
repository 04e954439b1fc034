//go:build linux

package integration_test

import (
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/integration/traffic"
)

// TestReload: one real server comes and another goes by reload, while a
// download runs through a third. The download is completed, requests are
// answered all the while, and the master stays the master.
func TestReload(t *testing.T) {
	stage.Require(t)
	site := pair.New(t, pair.NAT, 3)
	r := site.Run(t, both(stage.Director()), func(_ int, c *pair.Config) { c.Servers = []int{0, 1} })

	download := downloadFrom(t, r, "rs1", 6*time.Second)
	from := time.Now()
	changed := r.Configs[0]
	changed.Servers = []int{0, 2}
	r.Daemons[0].Reload(changed.Text(site))
	r.Lab.Until(10*time.Second, "rs3 is in and rs2 is out", func() bool {
		return r.InTable(0, 2, 80) && !r.InTable(0, 1, 80) && r.InTable(0, 0, 80)
	})
	r.Lab.Steady(2*time.Second, "dir1 stays MASTER", func() bool { return r.Holds(0) && !r.HoldsAny(1) })
	expectAnswered(t, r, "reload", r.Web.Between(from, time.Now()), inFlight)
	if result := download.Result(15 * time.Second); result != "complete" {
		t.Errorf("the download from rs1, which stayed: %s", result)
	}
}

// downloadFrom starts downloads until one comes from the wanted server.
func downloadFrom(t *testing.T, r *pair.Running, server string, length time.Duration) *traffic.Download {
	t.Helper()
	for range 10 {
		if d := traffic.StartDownload(r.Client, pair.Service, length); d.Server() == server {
			return d
		}
	}
	t.Fatalf("no download came from %s", server)
	return nil
}

// TestBadReload: a configuration with an error changes nothing.
func TestBadReload(t *testing.T) {
	stage.Require(t)
	site := pair.New(t, pair.NAT, 2)
	r := site.Run(t, both(stage.Director()), nil)

	from := time.Now()
	r.Daemons[0].Reload("vrrp_instance VI_1 {\n    interface eth0\n    priority 10\n}\n")
	r.Lab.Until(5*time.Second, "director says what is wrong with the file", func() bool {
		return r.Daemons[0].Printed(from, "virtual_router_id")
	})
	r.Lab.Steady(2*time.Second, "dir1 stays MASTER with its table", func() bool {
		return r.Holds(0) && !r.HoldsAny(1) && r.InTable(0, 0, 80) && r.InTable(0, 1, 80)
	})
	expectAnswered(t, r, "refused reload", r.Web.Between(from, time.Now()), 0)
}
