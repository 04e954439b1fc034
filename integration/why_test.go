//go:build linux

package integration_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// TestWhyTheQuorumIsLost: all real servers die, the MASTER tracks the virtual server and yields.
// What each process told the others leads an operator from the transition to the checks.
func TestWhyTheQuorumIsLost(t *testing.T) {
	stage.Require(t)
	site := pair.New(t, pair.NAT, 2)
	r := site.Run(t, both(stage.Director()), func(i int, c *pair.Config) {
		if i == 0 {
			c.Options = []string{"track_virtual_server {\n        " + pair.VIP + " 80 weight -150\n    }"}
		}
	})
	r.Webs[0].KillAndWait()
	r.Webs[1].KillAndWait()
	r.UntilMaster(1, 20*time.Second)
	server := func(n int) string { return "[" + r.ServerAddress(n) + "]:tcp:80" }
	want := []struct {
		depth int
		text  []string
	}{
		{0, []string{"instance VI_1 became BACKUP (was MASTER) at ", "advertisement with higher priority"}},
		{1, []string{"because the priority of instance VI_1 fell from 200 to 50 at "}},
		{2, []string{"because virtual server [" + pair.VIP + "]:tcp:80 lost its quorum at "}},
		{3, []string{"because 2 real servers went down within "}},
		{4, []string{"because real server " + server(0) + " of virtual server ", " went down at ", "HTTP_GET"}},
		{4, []string{"because real server " + server(1) + " of virtual server ", " went down at ", "HTTP_GET"}},
	}
	var said string
	matches := func() bool {
		out, err := r.Dirs[0].Output(r.Daemons[0].AskCommand("why", "VI_1")...)
		said = out
		lines := strings.Split(strings.TrimSpace(out), "\n")
		if err != nil || len(lines) != len(want) {
			return false
		}
		for n, w := range want {
			if !strings.HasPrefix(lines[n], strings.Repeat("  ", w.depth)+w.text[0]) {
				return false
			}
			for _, text := range w.text {
				if !strings.Contains(lines[n], text) {
					return false
				}
			}
		}
		return true
	}
	deadline := time.Now().Add(10 * time.Second)
	for !matches() {
		if time.Now().After(deadline) {
			t.Fatalf("director why VI_1 says\n%s\nwant\n%+v", said, want)
		}
		time.Sleep(100 * time.Millisecond) // for the disk
	}
	r.Lab.Logf("director why VI_1\n%s", said)
}
