//go:build linux

package native_test

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// TestStopOfAllProcesses: SIGTERM comes to all processes at once, as from killall. notify_release
// runs before the addresses leave, and nobody becomes MASTER again in the middle of the stop.
func TestStopOfAllProcesses(t *testing.T) {
	t.Parallel()
	site := vrrpOnly(t)
	record := filepath.Join(site.Dirs[0].Dir(), "record")
	script := site.Dirs[0].WriteFile("release.sh", "#!/bin/sh\nip -o addr show dev eth0 | grep -q 192.0.2.100 && "+
		"echo held >>"+record+"\nsleep 2\n")
	if err := os.Chmod(script, 0o755); err != nil {
		t.Fatal(err)
	}
	director := stage.Director()
	r := site.Run(t, [2]pair.Kind{director, director}, func(i int, c *pair.Config) {
		c.Version, c.Service, c.Interval = 3, false, 200*time.Millisecond
		if i == 0 {
			c.Options = []string{"notify_release " + script + " root"}
		}
	})
	before := r.Daemons[0]
	workers := []int{before.Worker(pair.VRRP), before.Worker(pair.LVS)}
	for _, pid := range append(workers, before.Pid) { // the workers first, which is the harder order
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	from := time.Now()
	r.UntilMaster(1, 10*time.Second)
	r.Daemons[0].WaitEnd(20 * time.Second)
	zero := time.Time{}
	for _, a := range r.Advertised(0, from) {
		switch {
		case a.Priority == 0:
			zero = a.Time
		case !zero.IsZero():
			t.Errorf("dir1 advertises priority %d after priority 0", a.Priority)
		}
	}
	if zero.IsZero() {
		t.Error("dir1 did not say that it gives up (priority 0)")
	}
	text, err := os.ReadFile(record)
	if err != nil || strings.TrimSpace(string(text)) != "held" {
		t.Errorf("notify_release noted %q, %v; want once that the address was held", text, err)
	}
	if r.HoldsAny(0) {
		t.Error("dir1 still holds virtual addresses")
	}
}
