//go:build linux

package native_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// TestHandover hands the mastership over to a peer of each kind, and tries it without a peer.
func TestHandover(t *testing.T) {
	director := stage.Director()
	for _, peer := range []pair.Kind{director, stage.Keepalived()} {
		t.Run("to "+peer.Name(), func(t *testing.T) {
			t.Parallel()
			r := vrrpOnly(t).Run(t, [2]pair.Kind{director, peer}, func(_ int, c *pair.Config) {
				c.Version, c.Service, c.Interval = 3, false, 200*time.Millisecond
			})
			ask := func(status string, command string, want ...string) {
				t.Helper()
				out, err := r.Dirs[0].Output(r.Daemons[0].AskCommand(strings.Fields(command)...)...)
				if (err == nil) != (status == "well") {
					t.Errorf("director %s: %v\n%s", command, err, out)
				}
				for _, w := range want {
					if !strings.Contains(out, w) {
						t.Errorf("director %s: want %q in\n%s", command, w, out)
					}
				}
			}
			from := time.Now()
			ask("well", "handover VI_1", "VI_1: "+pair.DirectorAddress(1)+" is MASTER after", "director resume VI_1")
			r.UntilMaster(1, slack)
			r.UntilLeft(0, from)
			r.Lab.Steady(2*time.Second, "dir2 stays MASTER", func() bool { return r.Holds(1) && !r.HoldsAny(0) })
			ask("well", "status", "VI_1 has been handed over for", "director resume VI_1")
			ask("well", "resume all", "VI_1 takes part again")
			r.UntilMaster(0, 5*time.Second)
			ask("well", "resume all", "nothing was handed over")
			ask("failed", "handover VI_2", "there is no vrrp_instance or vrrp_sync_group VI_2")

			ask("well", "handover all --for 1s", "is MASTER after")
			r.UntilMaster(0, 5*time.Second)

			r.Dirs[1].Crash()
			ask("failed", "handover VI_1", "no other router took over")
			if !r.Holds(0) {
				t.Error("the addresses are not back")
			}
		})
	}
}
