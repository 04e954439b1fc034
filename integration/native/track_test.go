//go:build linux

package native_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// TestTrackFile: the number in a file lowers the priority of the better router.
func TestTrackFile(t *testing.T) {
	site := vrrpOnly(t)
	weight := filepath.Join(site.Dirs[0].Dir(), "weight")
	r := site.Run(t, [2]pair.Kind{stage.Director(), stage.Keepalived()}, func(i int, c *pair.Config) {
		c.Service, c.Interval = false, 200*time.Millisecond
		if i == 0 {
			c.Before = []string{fmt.Sprintf("track_file f {\n    file %q\n    weight 1\n    init_file 0 overwrite\n}", weight)}
			c.Options = []string{"track_file {\n        f\n    }"}
		}
	})
	for _, step := range []struct {
		value  string
		master int
	}{{"-150", 1}, {"20", 0}, {"-254", 1}, {"", 0}} {
		if err := os.WriteFile(weight, []byte(step.value), 0o644); err != nil {
			t.Fatal(err)
		}
		r.UntilMaster(step.master, 5*time.Second)
	}
}

// TestTrackScript: a script lowers the priority of the better router, or puts
// it into FAULT, and the other one, of the other kind, takes over and gives
// back.
func TestTrackScript(t *testing.T) {
	director, keepalived := stage.Director(), stage.Keepalived()
	for _, c := range []struct {
		weight int
		kinds  [2]pair.Kind
	}{
		{0, [2]pair.Kind{director, keepalived}},
		{-150, [2]pair.Kind{director, keepalived}},
		{0, [2]pair.Kind{keepalived, director}},
		{-150, [2]pair.Kind{keepalived, director}},
	} {
		weight, kinds := c.weight, c.kinds
		t.Run(fmt.Sprintf("%s over %s/weight %d", kinds[0].Name(), kinds[1].Name(), weight), func(t *testing.T) {
			t.Parallel()
			site := vrrpOnly(t)
			broken := filepath.Join(site.Dirs[0].Dir(), "broken")
			script := site.Dirs[0].WriteFile("check.sh", fmt.Sprintf("#!/bin/sh\ntest ! -e %s\n", broken))
			if err := os.Chmod(script, 0o755); err != nil {
				t.Fatal(err)
			}
			r := site.Run(t, kinds, func(i int, c *pair.Config) {
				c.Service, c.Interval = false, 200*time.Millisecond
				if i == 0 {
					c.Before = []string{fmt.Sprintf("vrrp_script chk {\n    script %q\n    interval 0.2\n    fall 2\n    rise 2\n"+
						"    user root\n}", script)}
					c.Options = []string{fmt.Sprintf("track_script {\n        chk weight %d\n    }", weight)}
				}
			})
			if err := os.WriteFile(broken, nil, 0o644); err != nil {
				t.Fatal(err)
			}
			r.UntilMaster(1, 5*time.Second)
			if err := os.Remove(broken); err != nil {
				t.Fatal(err)
			}
			r.UntilMaster(0, 5*time.Second)
			if kinds[0].Name() != director.Name() {
				return
			}
			// A worker that is restarted does not wait for the script again.
			r.Daemons[0].KillWorker(pair.VRRP)
			r.Lab.Steady(2*time.Second, "dir1 alone holds the virtual addresses", func() bool {
				return r.Holds(0) && !r.HoldsAny(1)
			})
		})
	}
}
