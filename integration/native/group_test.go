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

const secondVIP = "198.51.100.50"

// TestSyncGroup: the fault of one instance moves both, and the group's script runs once for each
// change.
func TestSyncGroup(t *testing.T) {
	director, keepalived := stage.Director(), stage.Keepalived()
	for _, kinds := range [][2]pair.Kind{{director, keepalived}, {keepalived, director}, {director, director}} {
		t.Run(fmt.Sprintf("%s over %s", kinds[0].Name(), kinds[1].Name()), func(t *testing.T) {
			t.Parallel()
			site := vrrpOnly(t)
			dir := site.Dirs[0].Dir()
			broken, record := filepath.Join(dir, "broken"), filepath.Join(dir, "record")
			check := site.Dirs[0].WriteFile("check.sh", fmt.Sprintf("#!/bin/sh\ntest ! -e %s\n", broken))
			tell := site.Dirs[0].WriteFile("notify.sh", fmt.Sprintf("#!/bin/sh\necho \"$@\" >>%s\n", record))
			for _, script := range []string{check, tell} {
				if err := os.Chmod(script, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			r := site.Run(t, kinds, func(i int, c *pair.Config) {
				c.Service, c.Interval = false, 200*time.Millisecond
				track := ""
				group := "vrrp_sync_group G {\n    group {\n        VI_1\n        VI_2\n    }\n"
				if i == 0 {
					c.Before = append(c.Before, fmt.Sprintf("vrrp_script chk {\n    script %q\n    interval 0.2\n    user root\n}",
						check))
					track = "    track_script {\n        chk\n    }\n"
					group += fmt.Sprintf("    notify %q root\n", tell)
				}
				c.Before = append(c.Before, group+"}", fmt.Sprintf(`vrrp_instance VI_2 {
    state BACKUP
    interface eth1
    virtual_router_id 52
    version 3
    priority %d
    advert_int 0.2
    virtual_ipaddress {
        %s/24
    }
%s}`, c.Priority, secondVIP, track))
			})
			second := func(i int) func() bool {
				return func() bool {
					return r.Dirs[i].HasAddress("eth1", secondVIP) && !r.Dirs[1-i].HasAddress("eth1", secondVIP)
				}
			}
			r.Lab.Until(5*time.Second, "dir1 has the second address too", second(0))
			if err := os.WriteFile(broken, nil, 0o644); err != nil {
				t.Fatal(err)
			}
			r.UntilMaster(1, 5*time.Second)
			r.Lab.Until(time.Second, "dir2 has the second address too", second(1))
			if err := os.Remove(broken); err != nil {
				t.Fatal(err)
			}
			r.UntilMaster(0, 5*time.Second)
			r.Lab.Until(time.Second, "dir1 has the second address again", second(0))
			if kinds[0].Name() == "director" {
				want := "GROUP G BACKUP 0\nGROUP G MASTER 0\nGROUP G FAULT 0\nGROUP G BACKUP 0\nGROUP G MASTER 0\n"
				r.Lab.Until(2*time.Second, "the group's script was told "+want, func() bool {
					text, _ := os.ReadFile(record) // absent at first
					return string(text) == want
				})
			}
			// The better router of the group dies, only the worse one remains.
			r.Dirs[0].Crash()
			r.UntilMaster(1, r.Configs[1].MasterDownInterval()+slack)
			r.Lab.Until(time.Second, "dir2 has the second address too", second(1))
		})
	}
}
