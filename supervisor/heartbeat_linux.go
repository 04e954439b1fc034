package supervisor

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/lvs-director/director/supervisor/rollout"
	"github.com/lvs-director/director/worker"
)

// heartbeat passes on that a worker lives.
func (s *supervisor) heartbeat(name rollout.Worker, h worker.Heartbeat) {
	if name == rollout.LVS {
		s.announcing.Heartbeat()
	}
	s.tellRollout(rollout.Heard{Worker: name, LastSent: h.Advertised, Limit: h.ShortestDown})
}

// round has the machine look at who is silent, after everything that has
// arrived was taken in.
func (s *supervisor) round() {
	began := time.Now()
	for more := true; more && time.Since(began) < roundEvents; { // others wait for the loop too
		select {
		case e := <-s.events:
			s.workerEvent(e)
		default:
			more = false
		}
	}
	var unread []rollout.Worker
	for name, k := range s.keepers {
		if k.Unread() {
			unread = append(unread, name)
		}
	}
	s.tellRollout(rollout.Round{Unread: unread})
	s.keepRunDir()
	s.readers.Keep(s.current().cfg.StatusSocket.Group)
	s.pids.Keep()
	s.keepStateDir()
	s.watchNamespaces()
	s.announcing.Round(time.Now())
	s.reaper.reap(time.Now(), s.isWorker)
	s.publishOld(time.Now())
}

// roundEvents is how long a round takes in what workers have told; a worker of which more is there is not silent.
const roundEvents = 50 * time.Millisecond

// isWorker says whether a keeper waits for a process.
func (s *supervisor) isWorker(pid int) bool {
	for _, w := range s.rollout.Workers() {
		if w.Pid == pid {
			return true
		}
	}
	return false
}

// examine looks at a worker that says nothing, beside the loop.
func (s *supervisor) examine(e rollout.Examine) {
	go func() {
		why := unkillable(e.Pid)
		s.post(func() { s.tellRollout(rollout.Examined{Worker: e.Worker, Pid: e.Pid, Unkillable: why}) })
	}()
}

// watchdog tells the service manager that the loop goes round. It is owned by
// the loop.
type watchdog struct {
	interval time.Duration // 0 when the service manager does not want to know
	last     time.Time
}

// newWatchdog reads what the service manager wants.
func newWatchdog() watchdog {
	d, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return watchdog{}
	}
	return watchdog{interval: d / 4}
}

// feedWatchdog says it when it is time to.
func (s *supervisor) feedWatchdog() {
	now := time.Now()
	if s.watchdog.interval == 0 || now.Sub(s.watchdog.last) < s.watchdog.interval {
		return
	}
	s.watchdog.last = now
	s.ready(daemon.SdNotifyWatchdog)
}

// unkillable says in words why a process that says nothing is better left
// alone: a signal does not end it, or whoever stopped it will let it go on.
// Empty says that it may be killed.
func unkillable(pid int) string {
	dir := fmt.Sprintf("/proc/%d", pid)
	if cgroup := frozenCgroup(dir); cgroup != "" {
		return "its cgroup " + cgroup + " is frozen"
	}
	fields := statusFields(filepath.Join(dir, "status"))
	state, _, _ := strings.Cut(fields["State"], " ")
	// A process that sleeps where the kernel delivers signals is frozen. It shows where
	// cgroups do not: in a network namespace with a /sys of its own.
	wchan, _ := os.ReadFile(filepath.Join(dir, "wchan")) // without it nothing is known
	switch {
	case state == "S" && (string(wchan) == "get_signal" || string(wchan) == "do_freezer_trap"):
		return "its cgroup is frozen"
	case state == "D":
		return "it waits in the kernel and cannot be interrupted (state D)"
	case state == "t" || fields["TracerPid"] != "" && fields["TracerPid"] != "0":
		return "it is traced by process " + fields["TracerPid"]
	}
	return ""
}

// statusFields reads lines of the form "Name:  value".
func statusFields(path string) map[string]string {
	fields := make(map[string]string)
	text, err := os.ReadFile(path)
	if err != nil {
		return fields // the process has ended
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok {
			fields[name] = strings.TrimSpace(value)
		}
	}
	return fields
}

// frozenCgroup is the cgroup of a process that is frozen, in either version;
// empty when none is.
func frozenCgroup(dir string) string {
	text, err := os.ReadFile(filepath.Join(dir, "cgroup"))
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		path := parts[2]
		// In the hybrid layout of systemd version 2 is beside the hierarchies of version 1.
		for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
			if parts[0] == "0" && says(filepath.Join(root, path, "cgroup.events"), "frozen 1") {
				return path
			}
		}
		if parts[1] == "freezer" && says(filepath.Join("/sys/fs/cgroup/freezer", path, "freezer.state"), "FROZEN") {
			return path
		}
	}
	return ""
}

// says whether a file has a line.
func says(path, want string) bool {
	text, err := os.ReadFile(path)
	if err != nil {
		return false // there is no such controller here
	}
	for line := range strings.Lines(string(text)) {
		if strings.TrimSpace(line) == want {
			return true
		}
	}
	return false
}
