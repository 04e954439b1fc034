//go:build linux

package integration_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/integration/traffic"
)

// TestUpgradeUnderTraffic: another program takes the place of the MASTER's, and
// of its workers. No virtual address moves, no connection drops, no request
// fails, and a real server that was found dead does not come back.
func TestUpgradeUnderTraffic(t *testing.T) {
	stage.Require(t)
	director := stage.Director()
	site := pair.New(t, pair.NAT, 3)
	r := site.Run(t, both(director), nil)
	r.Webs[2].KillAndWait()
	untilOut(r, 2)
	text, err := os.ReadFile(director.Path)
	other := filepath.Join(t.TempDir(), "director")
	if err == nil {
		err = os.WriteFile(other, text, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	download := traffic.StartDownload(r.Client, pair.Service, 8*time.Second)
	old := [2]int{r.Daemons[0].Worker(pair.VRRP), r.Daemons[0].Worker(pair.LVS)}
	began := time.Now()
	for _, words := range [][]string{{"upgrade"}, {"upgrade", "--binary", other}} {
		if out, err := r.Dirs[0].Output(r.Daemons[0].AskCommand(words...)...); err != nil {
			t.Fatalf("director %v: %v\n%s", words, err, out)
		}
	}
	r.Lab.Steady(3*time.Second, "dir1 alone holds the virtual addresses, and rs3 stays out of the table", func() bool {
		return r.Holds(0) && !r.HoldsAny(1) && !r.InTable(0, 2, 80) && r.InTable(0, 0, 80)
	})
	seen := r.Web.Between(began, time.Now())
	r.Lab.Logf("upgraded: %v", seen)
	expectAnswered(t, r, "upgraded", seen, 0)
	if sent := r.Advertised(1, began); len(sent) > 0 {
		t.Errorf("dir2 sent advertisements: %+v", sent)
	}
	if result := download.Result(15 * time.Second); result != "complete" {
		t.Errorf("the download from %s: %s", download.Server(), result)
	}
	if now := [2]int{r.Daemons[0].Worker(pair.VRRP), r.Daemons[0].Worker(pair.LVS)}; now[0] == old[0] || now[1] == old[1] {
		t.Errorf("the workers are %v, before they were %v", now, old)
	}
	r.Serve(2)
	r.Lab.Until(15*time.Second, "rs3 is back in the table", func() bool { return r.InTable(0, 2, 80) })
}
