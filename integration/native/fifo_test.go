//go:build linux

package native_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// executable writes a shell script into the folder of a host.
func executable(t *testing.T, h *lab.Host, name, text string) string {
	t.Helper()
	path := h.WriteFile(name, "#!/bin/sh\n"+text+"\n")
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// lines are those of a file; without it there are none.
func lines(path string) []string {
	text, err := os.ReadFile(path)
	if err != nil || len(text) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// TestFIFOAsKeepalived: the same life of an instance and a sync group writes the same lines to
// the FIFOs of director and of keepalived, with the same programs around it. Two things differ:
// keepalived tells the first state of the group before that of its member, and ends the reading
// program before that has read STOP.
func TestFIFOAsKeepalived(t *testing.T) {
	var told [2]map[string][]string
	for k, kind := range []pair.Kind{stage.Director(), stage.Keepalived()} {
		told[k] = liveWithFIFO(t, kind)
	}
	for _, record := range []string{"vrrp", "all", "around"} {
		t.Logf("%s: %q", record, told[0][record])
		if record != "around" {
			slices.Sort(told[0][record][:2])
			slices.Sort(told[1][record][:2])
			last := len(told[0][record]) - 2
			if d := cmp.Diff([]string{`INSTANCE "VI_1" STOP 205`, `GROUP "G" STOP 0`}, told[0][record][last:]); d != "" {
				t.Errorf("%s at the end (-want +got):\n%s", record, d)
			}
			stop := func(line string) bool { return strings.Contains(line, " STOP ") }
			for k := range told {
				told[k][record] = slices.DeleteFunc(told[k][record], stop)
			}
		}
		if d := cmp.Diff(told[1][record], told[0][record]); d != "" {
			t.Errorf("%s (-keepalived +director):\n%s", record, d)
		}
		if len(told[0][record]) == 0 {
			t.Errorf("%s: nothing was told", record)
		}
	}
}

func liveWithFIFO(t *testing.T, kind pair.Kind) map[string][]string {
	t.Helper()
	site := vrrpOnly(t)
	h := site.Dirs[0]
	at := func(name string) string { return filepath.Join(h.Dir(), name) }
	read := executable(t, h, "read.sh", `while IFS= read -r line; do echo "$line" >>"$1"; done <"$2"`)
	around := executable(t, h, "around.sh", `echo "$1 $(test -p `+at("vrrp.fifo")+` && echo with FIFO)" >>`+at("around")+
		"\nexit 3")
	r := site.Run(t, [2]pair.Kind{kind, stage.Director()}, func(i int, c *pair.Config) {
		c.Service, c.Interval = false, 100*time.Millisecond
		if i > 0 {
			return
		}
		c.Global = []string{
			"script_user root",
			"vrrp_notify_priority_changes", // of the track_file below
			"vrrp_notify_fifo " + at("vrrp.fifo"),
			fmt.Sprintf("vrrp_notify_fifo_script \"%s %s\"", read, at("vrrp")),
			"notify_fifo " + at("all.fifo"),
			fmt.Sprintf("notify_fifo_script \"%s %s\"", read, at("all")),
			fmt.Sprintf("startup_script \"%s start\"", around),
			fmt.Sprintf("shutdown_script \"%s stop\"", around),
		}
		c.Before = []string{
			"track_file changes {\n    file " + h.WriteFile("change", "0\n") + "\n    weight 1\n}",
			"vrrp_sync_group G {\n    group {\n        VI_1\n    }\n    sync_group_tracking_weight\n}",
		}
		c.Options = append(c.Options, "track_file {\n        changes weight 1\n    }")
	})
	until := func(what string, n int) {
		r.Lab.Until(15*time.Second, what+" is told", func() bool {
			return len(lines(at("vrrp"))) >= n && len(lines(at("all"))) >= n
		})
	}
	until("MASTER", 4) // BACKUP and MASTER of the instance and the group
	h.WriteFile("change", "5\n")
	until("the priority", 5)
	h.Unplug("eth1")
	until("FAULT", 7)
	h.Plug("eth1")
	until("MASTER again", 11)
	r.Daemons[0].Terminate()
	r.Daemons[0].WaitEnd(10 * time.Second)
	for _, name := range []string{"vrrp.fifo", "all.fifo"} {
		if _, err := os.Lstat(at(name)); err == nil {
			t.Errorf("%s left %s behind", kind.Name(), name)
		}
	}
	return map[string][]string{"vrrp": lines(at("vrrp")), "all": lines(at("all")), "around": lines(at("around"))}
}
