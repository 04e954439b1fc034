package supervisor

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/handover"
	"github.com/lvs-director/director/supervisor/status"
	"github.com/lvs-director/director/worker"
)

// A file that cannot be written is somebody else's fault, and no reason to be no
// load balancer: director starts, says so once, and writes it when it can.

// small is a file system of its own at path, with room for size bytes.
func small(t *testing.T, path string, size int) {
	t.Helper()
	if err := os.MkdirAll(path, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("none", path, "tmpfs", 0, "size="+strconv.Itoa(size)); errors.Is(err, syscall.EPERM) {
		t.Skip("SKIP: only root can mount a file system")
	} else if err != nil {
		t.Fatalf("mounting a file system for the test: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(path, syscall.MNT_DETACH) })
}

// fill leaves no room in a small file system.
func fill(t *testing.T, path string) (name string) {
	t.Helper()
	name = filepath.Join(path, "full")
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	return name
}

// hasProblem says whether status has a problem with all of words.
func (r *rig) hasProblem(words ...string) bool {
	r.t.Helper()
	s := r.status()
	for _, p := range s.Problems {
		all := true
		for _, w := range words {
			all = all && strings.Contains(p.Text, w)
		}
		if all {
			return status.ExitStatus(s) != status.OK
		}
	}
	return false
}

// serves waits until the workers have their configuration.
func (r *rig) serves() {
	r.t.Helper()
	r.awaitTold(worker.VRRP, "configure", 1)
	r.until("it is in service", func() bool { return r.toldReady("READY=1") })
}

func (r *rig) pidFile() string {
	text, _ := os.ReadFile(r.opts.RunDir.PidFile())
	return strings.TrimSpace(string(text))
}

// TestStartWithAFullRunDirectory: the pid has no room, the socket has.
func TestStartWithAFullRunDirectory(t *testing.T) {
	t.Parallel()
	r := prepared(t, instance("VI_1", ""))
	small(t, string(r.opts.RunDir), 32<<10)
	full := fill(t, string(r.opts.RunDir))
	r.start()
	r.serves()
	r.until("status has it", func() bool {
		return r.hasProblem("run directory", "writing the pid file", "no space left on device")
	})
	time.Sleep(2500 * time.Millisecond) // it is tried again each second
	if n := strings.Count(r.log.String(), "no space left on device"); n != 1 {
		t.Errorf("it is said %d times", n)
	}
	if err := os.Remove(full); err != nil {
		t.Fatal(err)
	}
	r.until("the pid file is written", func() bool { return r.pidFile() == strconv.Itoa(os.Getpid()) })
	r.until("status has no problem any more", func() bool { return !r.hasProblem("run directory") })
	wants(t, r.log.String(), "the files of the run directory are written again")
}

// TestStartWithoutARunDirectory: it cannot be made, so nobody can ask; when it can
// be, it is made.
func TestStartWithoutARunDirectory(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(dir string) error{
		"a file in its place":     func(dir string) error { return os.WriteFile(dir, nil, 0o644) },
		"a link to nowhere":       func(dir string) error { return os.Symlink(dir+"/nowhere/else", dir) },
		"a directory in its file": func(dir string) error { return os.MkdirAll(dir+"/director.pid/x", 0o755) },
		"a directory in its socket": func(dir string) error {
			return os.MkdirAll(dir+"/control.sock/x", 0o755)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := prepared(t, instance("VI_1", ""))
			if err := os.Remove(string(r.opts.RunDir)); err != nil {
				t.Fatal(err)
			}
			if err := spoil(string(r.opts.RunDir)); err != nil {
				t.Fatal(err)
			}
			r.start()
			r.serves()
			wants(t, r.log.String(), "the files of the run directory cannot be written: going on without them")
			if err := os.RemoveAll(string(r.opts.RunDir)); err != nil {
				t.Fatal(err)
			}
			r.until("the pid file is written", func() bool { return r.pidFile() == strconv.Itoa(os.Getpid()) })
			r.until("the control socket is there", func() bool {
				var s control.Status
				return control.Ask(r.opts.RunDir, http.MethodGet, "/v1/status", time.Second, nil, &s) == nil
			})
			r.until("status has no problem", func() bool { return !r.hasProblem("run directory") })
			wants(t, r.log.String(), "the files of the run directory are written again")
		})
	}
}

// TestStopWithoutARunDirectory: nothing that ends needs it.
func TestStopWithoutARunDirectory(t *testing.T) {
	t.Parallel()
	r := prepared(t, instance("VI_1", ""))
	if err := os.Remove(string(r.opts.RunDir)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(string(r.opts.RunDir), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.serves()
	r.stop <- syscall.SIGTERM
	r.awaitTold(worker.VRRP, "finish", 1)
}

// TestStartWithAReadOnlyRunDirectory: whoever has the lock of an old pid file is
// known all the same.
func TestStartWithAReadOnlyRunDirectory(t *testing.T) {
	t.Parallel()
	r := prepared(t, instance("VI_1", ""))
	dir := string(r.opts.RunDir)
	small(t, dir, 64<<10)
	if err := os.WriteFile(r.opts.RunDir.PidFile(), []byte("1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	remount := func(flags uintptr) {
		t.Helper()
		if err := syscall.Mount("none", dir, "tmpfs", syscall.MS_REMOUNT|flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	remount(syscall.MS_RDONLY)
	r.start()
	r.serves()
	wants(t, r.log.String(), "read-only file system")
	if _, err := openRunDir(r.opts); err == nil || !strings.Contains(err.Error(), "runs already") {
		t.Errorf("a second director gets %v", err)
	}
	remount(0)
	r.until("the pid file is written", func() bool { return r.pidFile() == strconv.Itoa(os.Getpid()) })
	r.until("the control socket is there", func() bool {
		var s control.Status
		return control.Ask(r.opts.RunDir, http.MethodGet, "/v1/status", time.Second, nil, &s) == nil
	})
	if _, err := openRunDir(r.opts); err == nil || !strings.Contains(err.Error(), "runs already") {
		t.Errorf("a second director gets %v", err)
	}
}

// TestStartWithAFullStateDirectory: neither the history nor a handover is kept; both
// are when there is room.
func TestStartWithAFullStateDirectory(t *testing.T) {
	t.Parallel()
	r := prepared(t, instance("VI_1", ""))
	small(t, r.opts.StateDir, 32<<10)
	full := fill(t, r.opts.StateDir)
	r.start()
	r.serves()
	r.until("status has it", func() bool {
		return r.hasProblem("history", "no space left on device") && r.hasProblem("events are not kept")
	})
	time.Sleep(3500 * time.Millisecond) // it is tried again after 1 s and after 2 s
	for _, what := range []string{"failed to write the history of configurations", "events are not kept"} {
		if n := strings.Count(r.log.String(), what); n != 1 {
			t.Errorf("%q is said %d times", what, n)
		}
	}
	var report control.HandoverReport
	r.ask(http.MethodPost, "/v1/handover", control.HandoverRequest{Name: "VI_1", For: "1h"}, &report)
	r.until("status has the handover", func() bool { return r.hasProblem("handovers", "no space left on device") })
	if err := os.Remove(full); err != nil {
		t.Fatal(err)
	}
	r.until("the configuration is kept", func() bool { return len(r.entries()) == 1 && r.status().Number == 1 })
	r.until("status has no problem any more", func() bool { return !r.hasProblem("no space left") })
	r.end()
	again := prepared(t, "")
	again.opts.File, again.opts.StateDir = r.opts.File, r.opts.StateDir
	again.start()
	if got := again.awaitTold(worker.VRRP, "configure", 1); got.HandOver["VI_1"] == 0 {
		t.Error("the handover was not kept when there was room")
	}
}

// TestStartWithoutAStateDirectory: a file is in its place; nothing is said of what
// nobody wants to write.
func TestStartWithoutAStateDirectory(t *testing.T) {
	t.Parallel()
	r := prepared(t, instance("VI_1", ""))
	if err := os.WriteFile(r.opts.StateDir, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	r.start()
	r.serves()
	r.until("status has it", func() bool { return r.hasProblem("history", "not a directory") })
	if strings.Contains(r.log.String(), "hand") {
		t.Error("a handover that nobody ordered is missed")
	}
	if err := os.Remove(r.opts.StateDir); err != nil {
		t.Fatal(err)
	}
	r.until("the configuration is kept", func() bool { return r.status().Number == 1 })
	r.until("status has no problem any more", func() bool { return !r.hasProblem("history") })
}

// TestAJournalThatIsNotWritten is a problem until it is, and ends with its worker.
func TestAJournalThatIsNotWritten(t *testing.T) {
	t.Parallel()
	r := running(t, instance("VI_1", ""))
	fails := worker.Message{Journal: &worker.JournalState{Error: "no space left on device"}}
	has := func() bool { return r.hasProblem("vrrp worker", "journal", "no space left on device") }
	r.says(worker.VRRP, fails)
	r.until("status has it", has)
	r.says(worker.VRRP, worker.Message{Journal: &worker.JournalState{}})
	r.until("status has it no more", func() bool { return !has() })
	r.says(worker.VRRP, fails, worker.Message{Instance: &event.InstanceState{Instance: "VI_1", State: event.Backup}})
	r.until("status has it again", has)
	kill(t, r.awaitTold(worker.VRRP, "started", 1).Pid)
	r.awaitTold(worker.VRRP, "configure", 2)
	r.until("status has it no more", func() bool { return !has() })
}

// TestAHandoverOnAFullDisk: what was noted before stays noted.
func TestAHandoverOnAFullDisk(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	small(t, dir, 32<<10)
	var set handover.Set
	set.Begin([]string{"VI_1"}, time.Now(), time.Time{})
	file := handover.File(dir, "director.conf")
	if err := set.Save(file); err != nil {
		t.Fatal(err)
	}
	fill(t, dir)
	set.Begin([]string{"VI_2"}, time.Now(), time.Time{})
	if err := set.Save(file); err == nil {
		t.Fatal("written on a full disk")
	}
	var again handover.Set
	if err := again.Load(file); err != nil {
		t.Errorf("the file of before is damaged: %v", err)
	}
	if _, ok := again.Of("VI_1"); !ok {
		t.Error("what was noted before is lost")
	}
}
