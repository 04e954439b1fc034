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

// TestUpgradeUnderTraffic: another program replaces that of the MASTER and of its workers: this
// version replaces itself, and this version replaces the last release. No virtual address moves, no
// connection breaks, no request fails, and a dead real server does not come back. The same holds
// for the way back.
func TestUpgradeUnderTraffic(t *testing.T) {
	stage.Require(t)
	head := stage.Director()
	t.Run("to the same version", func(t *testing.T) {
		testUpgrade(t, head, upgradeStep{what: "the same program"}, upgradeStep{what: "another file", install: head.Path})
	})
	t.Run("from the last release", func(t *testing.T) {
		last := stage.LastRelease(t)
		testUpgrade(t, last, upgradeStep{what: "this program", install: head.Path},
			upgradeStep{what: "back to the last release", install: last.Path, mayRefuse: true})
	})
}

// upgradeStep is one upgrade of the MASTER.
type upgradeStep struct {
	what      string
	install   string // the program to install first; none when empty
	mayRefuse bool   // director may refuse, and then nothing changes
}

func testUpgrade(t *testing.T, from pair.Director, steps ...upgradeStep) {
	site := pair.New(t, pair.NAT, 3)
	path := filepath.Join(t.TempDir(), "director")
	install(t, path, from.Path)
	r := site.Run(t, [2]pair.Kind{pair.Director{Path: path}, from}, nil)
	r.Webs[2].KillAndWait()
	untilOut(r, 2)
	workers := func() [2]int { return [2]int{r.Daemons[0].Worker(pair.VRRP), r.Daemons[0].Worker(pair.LVS)} }
	began := time.Now()
	for _, step := range steps {
		download := traffic.StartDownload(r.Client, pair.Service, 6*time.Second)
		old, replaced := workers(), false
		if step.install != "" {
			install(t, path, step.install)
		}
		out, err := r.Dirs[0].Output(r.Daemons[0].AskCommand("upgrade")...)
		switch {
		case err == nil:
			replaced = step.install != ""
		case !step.mayRefuse:
			t.Fatalf("director upgrade to %s: %v\n%s", step.what, err, out)
		default:
			r.Lab.Logf("%s: refused: %s", step.what, out)
		}
		r.Lab.Steady(3*time.Second, "dir1 alone holds the virtual addresses, and rs3 stays out of the table", func() bool {
			return r.Holds(0) && !r.HoldsAny(1) && !r.InTable(0, 2, 80) && r.InTable(0, 0, 80)
		})
		if now := workers(); (now[0] != old[0]) != replaced || (now[1] != old[1]) != replaced {
			t.Errorf("%s: the workers are %v, before they were %v", step.what, now, old)
		}
		if result := download.Result(15 * time.Second); result != "complete" {
			t.Errorf("%s: the download from %s: %s", step.what, download.Server(), result)
		}
	}
	seen := r.Web.Between(began, time.Now())
	r.Lab.Logf("upgraded: %v", seen)
	expectAnswered(t, r, "upgraded", seen, 0)
	if sent := r.Advertised(1, began); len(sent) > 0 {
		t.Errorf("dir2 sent advertisements: %+v", sent)
	}
	r.Serve(2)
	r.Lab.Until(15*time.Second, "rs3 is back in the table", func() bool { return r.InTable(0, 2, 80) })
}

// install puts a program in the place of another as a package manager does.
func install(t *testing.T, path, program string) {
	t.Helper()
	text, err := os.ReadFile(program)
	if err == nil {
		err = os.WriteFile(path+".new", text, 0o755)
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		t.Fatal(err)
	}
}
