//go:build linux

package native_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// TestNotify: the scripts of an instance run one at a time and in the order
// of its states, the specific one before the generic one, with keepalived's
// arguments.
func TestNotify(t *testing.T) {
	site := vrrpOnly(t)
	dir := site.Dirs[0].Dir()
	record := filepath.Join(dir, "record")
	script := site.Dirs[0].WriteFile("notify.sh", fmt.Sprintf("#!/bin/sh\necho \"$@\" >>%s\n", record))
	if err := os.Chmod(script, 0o755); err != nil {
		t.Fatal(err)
	}
	director := stage.Director()
	r := site.Run(t, [2]pair.Kind{director, director}, func(i int, c *pair.Config) {
		c.Service, c.Interval = false, 100*time.Millisecond
		if i > 0 {
			return
		}
		c.Notify = script
		for _, state := range []string{"master", "backup", "fault", "stop"} {
			c.Options = append(c.Options, fmt.Sprintf(`notify_%s "%s its own %s" root`, state, script, state))
		}
	})
	// Director skips a state that is over before its script has started, so the test gives each
	// state the time to be reported.
	r.Lab.Until(10*time.Second, "MASTER is told", told(record, 4))
	r.Dirs[0].Unplug("eth1")
	r.Lab.Until(10*time.Second, "FAULT is told", told(record, 6))
	r.Dirs[0].Plug("eth1")
	r.Lab.Until(10*time.Second, "BACKUP and MASTER are told", told(record, 10))
	r.Daemons[0].Terminate()
	r.Daemons[0].WaitEnd(10 * time.Second)

	var want []string
	for _, state := range []string{"BACKUP", "MASTER", "FAULT", "BACKUP", "MASTER", "STOP"} {
		want = append(want, "its own "+strings.ToLower(state), "INSTANCE VI_1 "+state+" 200")
	}
	text, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSpace(string(text)), "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the calls of the scripts (-want +got):\n%s", diff)
	}
}

// told reports whether the record has a number of lines.
func told(record string, lines int) func() bool {
	return func() bool {
		text, _ := os.ReadFile(record)
		return strings.Count(string(text), "\n") >= lines
	}
}
