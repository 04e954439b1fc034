//go:build linux

package native_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// TestNotifyRelease: at a handover and at a stop the script runs while its host has the addresses and
// advertises, and they go when it has ended. One that does not end is waited for as long as its limit
// says. The router that a better one takes over from runs none.
func TestNotifyRelease(t *testing.T) {
	t.Parallel()
	const limit = time.Second
	site := vrrpOnly(t)
	director := stage.Director()
	var record [2]string
	hang := filepath.Join(site.Dirs[0].Dir(), "hang")
	for i, h := range site.Dirs {
		record[i] = filepath.Join(h.Dir(), "record")
		script := h.WriteFile("release.sh", fmt.Sprintf(`#!/bin/sh
exec >>%s 2>&1
now() { echo "$1 $(date +%%s.%%N) $(ip -o addr show dev eth0 | grep -c ' %s/')"; }
now begin
[ ! -e %s ] || exec sleep 600
sleep 0.6
now end
`, record[i], pair.VIP, hang))
		if err := os.Chmod(script, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(record[i], nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := site.Run(t, [2]pair.Kind{director, director}, func(i int, c *pair.Config) {
		c.Service, c.Interval = false, 200*time.Millisecond
		c.Options = append(c.Options, fmt.Sprintf("notify_release %q root", filepath.Join(site.Dirs[i].Dir(), "release.sh")),
			fmt.Sprintf("notify_release_timeout %g", limit.Seconds()))
	})
	// moments are what the script has recorded: what, when, and whether its host had the address.
	type moment struct {
		what string
		at   time.Time
		here bool
	}
	moments := func() (list []moment) {
		for _, line := range strings.Split(strings.TrimSpace(read(t, record[0])), "\n") {
			f := strings.Fields(line)
			if len(f) != 3 {
				t.Fatalf("the script has recorded %q", line)
			}
			seconds, nanos, _ := strings.Cut(f[1], ".")
			s, err := strconv.ParseInt(seconds, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			n, err := strconv.ParseInt(nanos, 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, moment{f[0], time.Unix(s, n), f[2] == "1"})
		}
		return list
	}
	// left says when the MASTER has told that it leaves, after a moment; it advertises until then.
	left := func(from time.Time) time.Time {
		t.Helper()
		r.UntilLeft(0, from)
		for _, a := range r.Advertised(0, from) {
			if a.Priority == 0 {
				return a.Time
			}
		}
		return time.Time{}
	}

	from := time.Now()
	if out, err := r.Dirs[0].Output(r.Daemons[0].AskCommand("handover", "VI_1")...); err != nil {
		t.Fatalf("director handover: %v\n%s", err, out)
	}
	r.UntilMaster(1, slack)
	list := moments()
	if len(list) != 2 || list[0].what != "begin" || list[1].what != "end" || !list[0].here || !list[1].here {
		t.Fatalf("the script has recorded %+v", list)
	}
	if at := left(from); at.Before(list[1].at) {
		t.Errorf("dir1 left at %v, its script ended at %v", at, list[1].at)
	}
	sent := 0
	for _, a := range r.Advertised(0, list[0].at) {
		if a.Time.Before(list[1].at) && a.Priority > 0 {
			sent++
		}
	}
	if sent == 0 {
		t.Error("dir1 did not advertise while the script ran")
	}

	if out, err := r.Dirs[0].Output(r.Daemons[0].AskCommand("resume", "all")...); err != nil {
		t.Fatalf("director resume: %v\n%s", err, out)
	}
	r.UntilMaster(0, 5*time.Second)
	if text := read(t, record[1]); text != "" {
		t.Errorf("a better router took over from dir2, which ran its script: %s", text)
	}

	if err := os.WriteFile(hang, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	from = time.Now()
	r.Daemons[0].Terminate()
	r.Lab.Until(slack, "the script runs before the stop", told(record[0], 3))
	r.UntilMaster(1, limit+r.Configs[1].SkewTime()+slack)
	last := moments()[2]
	most := limit + slack + r.Lab.Starved(from, time.Now())
	if wait := left(from).Sub(last.at); !last.here || wait < limit/2 || wait > most {
		t.Errorf("dir1 left %v after its script began, want %v (%+v)", wait, limit, last)
	}
	r.Daemons[0].WaitEnd(10 * time.Second)
}
