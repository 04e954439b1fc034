//go:build linux

package native_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/integration/pair"
)

// trace stops every thread of a process as a debugger does, and returns a function that lets them
// go on.
func trace(t *testing.T, pid int) (release func()) {
	t.Helper()
	stopped, let, done := make(chan error), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // a tracer is a thread
		threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		var traced []int
		for _, thread := range threads {
			tid, _ := strconv.Atoi(thread.Name())
			if err = unix.PtraceSeize(tid); err != nil {
				break
			}
			traced = append(traced, tid)
			if err = unix.PtraceInterrupt(tid); err == nil {
				var status unix.WaitStatus
				_, err = unix.Wait4(tid, &status, unix.WALL, nil)
			}
			if err != nil {
				break
			}
		}
		stopped <- err
		<-let
		for _, tid := range traced {
			_ = unix.PtraceDetach(tid) // one that was killed has ended
		}
	}()
	err := <-stopped
	release = func() {
		if let != nil {
			close(let)
			<-done
			let = nil
		}
	}
	t.Cleanup(release)
	if err != nil {
		t.Fatalf("trace process %d: %v", pid, err)
	}
	return release
}

// freeze makes a cgroup with a process in it and freezes it (cgroups(7)). It returns a function
// that lets the process go on.
func freeze(t *testing.T, pid int) (release func()) {
	t.Helper()
	hierarchies := []struct{ root, member, knob, frozen, thawed string }{
		{"/sys/fs/cgroup/unified", "cgroup.procs", "cgroup.freeze", "1", "0"},
		{"/sys/fs/cgroup", "cgroup.procs", "cgroup.freeze", "1", "0"},
		{"/sys/fs/cgroup/freezer", "cgroup.procs", "freezer.state", "FROZEN", "THAWED"},
	}
	for _, h := range hierarchies {
		dir := filepath.Join(h.root, fmt.Sprintf("director-test-%d", pid))
		if _, err := os.Stat(filepath.Join(h.root, h.member)); err != nil {
			continue
		}
		if err := os.Mkdir(dir, 0o755); err != nil {
			continue
		}
		write := func(dir, file, text string) error { return os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644) }
		release = func() {
			_ = write(dir, h.knob, h.thawed)
			_ = write(h.root, h.member, strconv.Itoa(pid))
			_ = os.Remove(dir)
		}
		err := write(dir, h.knob, h.thawed)
		if err == nil {
			err = write(dir, h.member, strconv.Itoa(pid))
		}
		if err == nil {
			err = write(dir, h.knob, h.frozen)
		}
		if err == nil {
			t.Cleanup(release)
			t.Logf("frozen in %s", dir)
			return release
		}
		release()
	}
	t.Skip("SKIP: no cgroup can be frozen here")
	return nil
}

// TestStoppedByOthers: a debugger stops the vrrp worker of a MASTER, or the cgroup of the worker is
// frozen. Whoever stopped the worker will let it go on, so director reports it and does not kill
// it, and status says how old its data is. The peer takes over; afterwards there is one MASTER.
func TestStoppedByOthers(t *testing.T) {
	for _, one := range []struct {
		name  string
		stop  func(*testing.T, int) func()
		cause string
	}{
		{"tracer", trace, "it is traced by process "},
		{"frozen cgroup", freeze, "is frozen"},
	} {
		t.Run(one.name, func(t *testing.T) {
			t.Parallel()
			w := watch(t)
			w.startPair(base(150), base(100))
			w.steady(w.a, 4*watchInterval)
			d := w.daemons[w.a]
			worker, stopped := d.Worker(pair.VRRP), time.Now()
			release := one.stop(t, worker)
			w.Until(takeover, "b is MASTER", func() bool { return w.b.HasAddress("eth0", frontVIP) })
			w.Until(10*time.Second, "a reports it", func() bool {
				return d.Printed(stopped, "has stopped answering: director does not kill it")
			})
			w.Steady(8*time.Second, "the worker is left alone", func() bool {
				return d.Worker(pair.VRRP) == worker && !d.Printed(stopped, "worker died")
			})
			if n := len(complaints(d, stopped)); n != 1 {
				t.Errorf("a complained %d times, want once:\n%s", n, strings.Join(complaints(d, stopped), "\n"))
			}
			out, err := w.ask(w.a, "status")
			t.Logf("status of a:\n%s", out)
			if err == nil {
				t.Error("status of a finds nothing wrong")
			}
			if !strings.Contains(out, one.cause) {
				t.Errorf("status of a does not say %q", one.cause)
			}
			age := regexp.MustCompile(`what is shown of it is (\d+)s old`).FindStringSubmatch(out)
			if age == nil {
				t.Error("status of a does not say how old it is")
			} else if n, _ := strconv.Atoi(age[1]); time.Duration(n)*time.Second < 8*time.Second {
				t.Errorf("status of a says %s, %v after the worker was stopped", age[0], time.Since(stopped))
			}
			release()
			resumed := time.Now()
			w.untilMaster(w.a, 10*time.Second)
			w.steady(w.a, 2*time.Second)
			if now := d.Worker(pair.VRRP); now != worker {
				t.Errorf("the worker is %d, before it was %d", now, worker)
			}
			w.agree(w.a, "MASTER")
			w.agree(w.b, "BACKUP")
			if macs := w.answering("eth0", frontVIP); len(macs) != 1 || macs[0] != w.a.HardwareAddr("eth0").String() {
				t.Errorf("%v answer for %s, want a alone", macs, frontVIP)
			}
			// b gives way within an interval of a's first advertisement.
			w.onTime("192.0.2.251", "192.0.2.252", resumed.Add(2*watchInterval+slack), time.Now())
		})
	}
}
