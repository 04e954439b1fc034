//go:build linux

package integration_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// TestGracefulStop: a master that is asked to stop sends priority 0, removes its addresses and the
// services it made, runs its notify script a last time and ends. The backup takes over after its
// skew time.
func TestGracefulStop(t *testing.T) {
	forKinds(t, func(t *testing.T, kind pair.Kind) {
		site := pair.New(t, pair.NAT, 2)
		record := filepath.Join(site.Dirs[0].Dir(), "stopped")
		script := site.Dirs[0].WriteFile("stopped.sh", "#!/bin/sh\ndate >"+record+"\n")
		if err := os.Chmod(script, 0o755); err != nil {
			t.Fatal(err)
		}
		r := site.Run(t, both(kind), func(i int, c *pair.Config) {
			if i == 0 {
				c.Options = []string{`notify_stop "` + script + `" root`}
			}
		})

		asked := r.Daemons[0].Terminate()
		allowed := r.Configs[1].SkewTime()
		r.Lab.Until(allowed+slack, "dir2 holds the virtual addresses", func() bool { return r.Holds(1) })
		r.Daemons[0].WaitEnd(5 * time.Second)
		r.UntilAnswered(5 * time.Second)
		seen := r.Web.Between(asked, time.Now())
		r.Lab.Logf("graceful stop: %v; the RFC allows %v", seen, allowed)
		expectGap(t, r, "graceful stop", seen, allowed)
		if r.HoldsAny(0) {
			t.Error("dir1 has stopped and still holds a virtual address")
		}
		if left := pair.Table(r.Dirs[0]); len(left) > 0 {
			t.Errorf("dir1 has stopped and failed to remove services, still present:\n%s", pair.FormatTable(left))
		}
		r.UntilLeft(0, asked)
		r.Lab.Until(2*time.Second, "notify_stop has run", func() bool {
			_, err := os.Stat(record)
			return err == nil
		})
	})
}

// TestSupervisorKilled: without its supervisor the vrrp worker sends priority 0, removes the
// addresses and ends. The lvs worker leaves the table as it is and ends. No process of director is
// left running.
func TestSupervisorKilled(t *testing.T) {
	stage.Require(t)
	site := pair.New(t, pair.NAT, 2)
	r := site.Run(t, both(stage.Director()), nil)
	workers := []int{r.Daemons[0].Worker(pair.VRRP), r.Daemons[0].Worker(pair.LVS)}

	killed := r.Daemons[0].KillMain()
	r.UntilMaster(1, r.Configs[1].SkewTime()+slack)
	r.UntilAnswered(5 * time.Second)
	seen := r.Web.Between(killed, time.Now())
	r.Lab.Logf("supervisor killed: %v", seen)
	r.Lab.Until(5*time.Second, "the workers have ended", func() bool {
		for _, pid := range workers {
			if alive(pid) {
				return false
			}
		}
		return true
	})
	if len(pair.Table(r.Dirs[0])) == 0 {
		t.Error("the table of dir1 was emptied")
	}
	r.UntilLeft(0, killed)

	// Started again, it adopts what is there and takes over.
	back := time.Now()
	r.StartDaemon(0, stage.Director())
	r.UntilMaster(0, 20*time.Second)
	r.UntilAnswered(5 * time.Second)
	expectSmooth(t, r, "supervisor started again", back)
}

// alive reports whether a process exists and is not a zombie.
func alive(pid int) bool {
	stat, err := os.ReadFile(filepath.Join("/proc", itoa(pid), "stat"))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}
