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

// TestUpgradeFromLastRelease: the package of the last release is replaced by this one and "director
// upgrade" runs, on the MASTER and on the BACKUP. No address moves, no script runs, no pause
// between advertisements is longer than the peer waits, and nothing is left behind. The way back is
// the same, or director refuses it and nothing changes.
func TestUpgradeFromLastRelease(t *testing.T) {
	t.Parallel()
	const interval = 200 * time.Millisecond
	old, head := stage.LastRelease(t), stage.Director()
	site := vrrpOnly(t)
	var installed [2]pair.Director
	var record [2]string
	for i, h := range site.Dirs {
		installed[i] = pair.Director{Path: filepath.Join(t.TempDir(), "director")}
		install(t, installed[i].Path, old.Path)
		record[i] = filepath.Join(h.Dir(), "record")
		script := h.WriteFile("notify.sh", "#!/bin/sh\necho \"$@\" >>"+record[i]+"\n")
		if err := os.Chmod(script, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	r := site.Run(t, [2]pair.Kind{installed[0], installed[1]}, func(i int, c *pair.Config) {
		c.Version, c.Service, c.Interval = 3, false, interval
		c.Notify = filepath.Join(site.Dirs[i].Dir(), "notify.sh")
		for _, state := range []string{"master", "backup", "fault", "stop", "deleted"} {
			c.Options = append(c.Options, fmt.Sprintf(`notify_%s "%s its own %[1]s" root`, state, c.Notify))
		}
		c.Options = append(c.Options, `track_script {`, `    tracker`, `}`)
		c.Before = []string{
			"vrrp_script tracker {\n    script \"/bin/true\"\n    interval 1\n    user root\n}",
			"vrrp_sync_group G {\n    group {\n        VI_1\n    }\n    notify \"" + c.Notify + " the group\" root\n}",
		}
	})
	// BACKUP and MASTER of the instance, by two scripts each, and of the group.
	r.Lab.Until(10*time.Second, "the scripts of dir1 have run", told(record[0], 6))
	r.Lab.Until(10*time.Second, "the scripts of dir2 have run", told(record[1], 3))
	before := [2]string{read(t, record[0]), read(t, record[1])}

	// quiet runs some steps and checks their effects. The last release runs the BACKUP scripts of a
	// BACKUP whenever one of its workers is new.
	quiet := func(what string, repeats bool, steps func()) {
		t.Helper()
		from := time.Now()
		steps()
		r.Lab.Steady(5*interval, what+": dir1 alone holds the virtual addresses", func() bool {
			return r.Holds(0) && !r.HoldsAny(1)
		})
		if sent := r.Advertised(1, from); len(sent) > 0 {
			t.Errorf("%s: dir2 sent advertisements: %+v", what, sent)
		}
		sent := r.Advertised(0, from)
		for n := range max(len(sent)-1, 0) {
			if gap := sent[n+1].Time.Sub(sent[n].Time); gap > 3*interval+r.Lab.Starved(sent[n].Time, sent[n+1].Time) {
				t.Errorf("%s: dir1 was silent for %v", what, gap)
			}
		}
		for i := range record {
			now := read(t, record[i])
			if i == 1 && repeats {
				now = before[i] + withoutBackup(strings.TrimPrefix(now, before[i]))
			}
			if diff := cmp.Diff(before[i], now); diff != "" {
				t.Errorf("%s: scripts ran on %s (-before +now):\n%s", what, r.Dirs[i].Name, diff)
			}
		}
	}
	state := func(i int) string { // of the processes: their ids and their programs
		text := fmt.Sprint(r.Daemons[i].Pid, r.Daemons[i].Worker(pair.VRRP), r.Daemons[i].Worker(pair.LVS))
		exe, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", r.Daemons[i].Pid))
		return text + " " + strings.TrimSuffix(exe, " (deleted)")
	}
	for i := range installed {
		install(t, installed[i].Path, head.Path)
		quiet("upgrade of "+r.Dirs[i].Name, backupIsToldAgain, func() {
			was := state(i)
			out, err := r.Dirs[i].Output(r.Daemons[i].AskCommand("upgrade")...)
			if err != nil {
				t.Fatalf("director upgrade: %v\n%s", err, out)
			}
			r.Lab.Logf("%s: %s", r.Dirs[i].Name, strings.TrimSpace(out))
			if now := state(i); now == was {
				t.Errorf("the processes of %s are the same as before: %s", r.Dirs[i].Name, now)
			}
		})
	}
	for i := range installed {
		quiet("the way back of "+r.Dirs[i].Name, true, func() {
			was := state(i)
			out, err := r.Dirs[i].Output(r.Daemons[i].AskCommand("upgrade", "--binary", old.Path)...)
			r.Lab.Logf("%s, back: %v %s", r.Dirs[i].Name, err, strings.TrimSpace(out))
			if now := state(i); err != nil && now != was {
				t.Errorf("the way back was refused, and the processes of %s are %s, before they were %s", r.Dirs[i].Name, now, was)
			}
		})
	}
	// What the upgrade has taken over works: mastership moves, scripts run, and
	// nothing of ours is there after the end.
	r.Daemons[0].Terminate()
	r.UntilMaster(1, r.Configs[1].SkewTime()+slack)
	r.Daemons[0].WaitEnd(10 * time.Second)
	r.Lab.Until(10*time.Second, "the scripts of dir2 are told MASTER", told(record[1], 6))
	r.Daemons[1].Terminate()
	r.Daemons[1].WaitEnd(10 * time.Second)
	for i, h := range r.Dirs {
		if r.HoldsAny(i) {
			t.Errorf("%s still holds virtual addresses", h.Name)
		}
		if text := read(t, record[i]); !strings.Contains(text, "STOP") {
			t.Errorf("%s: no script reported the stop:\n%s", h.Name, text)
		}
	}
}

// backupIsToldAgain is whether this version, like the last release, runs the BACKUP scripts again
// for a new worker.
const backupIsToldAgain = false

// withoutBackup drops the lines that say BACKUP.
func withoutBackup(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.Contains(strings.ToUpper(line), "BACKUP") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// install puts a program in the place of another as a package manager does.
func install(t *testing.T, path, program string) {
	t.Helper()
	copyProgram(t, path+".new", program)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
