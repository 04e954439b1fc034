//go:build linux

package integration_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/integration/traffic"
)

func itoa(n int) string { return strconv.Itoa(n) }

// TestWorkerKilled: the death of a worker disturbs no client. No virtual address moves, no
// connection breaks, no request fails, and a dead real server does not come back into the table.
func TestWorkerKilled(t *testing.T) {
	for _, name := range []string{pair.VRRP, pair.LVS} {
		t.Run(name, func(t *testing.T) {
			stage.Require(t)
			site := pair.New(t, pair.NAT, 3)
			r := site.Run(t, both(stage.Director()), nil)
			r.Webs[2].KillAndWait()
			untilOut(r, 2)
			download := traffic.StartDownload(r.Client, pair.Service, 8*time.Second)

			old := r.Daemons[0].Worker(name)
			killed := r.Daemons[0].KillWorker(name)
			r.Lab.Steady(5*time.Second, "dir1 alone holds the virtual addresses, and rs3 stays out of the table", func() bool {
				return r.Holds(0) && !r.HoldsAny(1) && !r.InTable(0, 2, 80) && r.InTable(0, 0, 80)
			})
			if now := r.Daemons[0].Worker(name); now == old {
				t.Errorf("worker %s still has process %d", name, now)
			}
			seen := r.Web.Between(killed, killed.Add(5*time.Second))
			r.Lab.Logf("worker %s killed: %v", name, seen)
			expectAnswered(t, r, "worker "+name+" killed", seen, 0)
			if sent := r.Advertised(1, killed); len(sent) > 0 {
				t.Errorf("dir2 sent advertisements: %+v", sent)
			}
			if result := download.Result(15 * time.Second); result != "complete" {
				t.Errorf("the download from %s: %s", download.Server(), result)
			}

			// The new worker does the old one's work.
			r.Serve(2)
			r.Lab.Until(15*time.Second, "rs3 is back in the table", func() bool { return r.InTable(0, 2, 80) })
		})
	}
}

// untilOut waits until real server n gets no new connections from either
// director.
func untilOut(r *pair.Running, n int) {
	r.Lab.Until(15*time.Second, r.Servers[n].Name+" leaves the tables", func() bool {
		return !r.InTable(0, n, 80) && !r.InTable(1, n, 80)
	})
}

// untilIn waits until real server n is in the table of both directors.
func untilIn(r *pair.Running, n int) {
	r.Lab.Until(15*time.Second, r.Servers[n].Name+" is in the tables", func() bool {
		return r.InTable(0, n, 80) && r.InTable(1, n, 80)
	})
}
