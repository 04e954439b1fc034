//go:build linux

package lab

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Reporter is the part of testing.TB that the lab needs.
type Reporter interface {
	Helper()
	Name() string
	Logf(format string, args ...any)
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
	Failed() bool
	Cleanup(func())
}

// LogsVar names the environment variable with the folder for logs and
// captures.
const LogsVar = "DIRECTOR_LAB_LOGS"

// Lab is a set of networks and hosts.
type Lab struct {
	t        Reporter
	dir      string     // of this lab's files, while it stands
	keep     string     // where they are kept when the test has failed
	fabric   *namespace // holds every network's bridge and the far end of every cable
	networks []*Network
	hosts    []*Host
	cables   int

	starvation *starvation
}

// New opens an empty lab that closes itself when the test ends.
func New(t Reporter) *Lab {
	t.Helper()
	l := &Lab{t: t, keep: filepath.Join(logsDir(), folderName(t.Name()))}
	l.must(os.RemoveAll(l.keep), "clear the folder for logs")
	var err error
	l.dir, err = os.MkdirTemp("", "director-lab-")
	l.must(err, "make a folder for the hosts")
	l.must(os.Chmod(l.dir, 0o755), "open the hosts' folder to script users")
	fabric, err := newNamespace()
	l.must(err, "open the lab")
	l.fabric = fabric
	// A switch has no IPv6 address of its own.
	l.must(fabric.do(func() error {
		return os.WriteFile("/proc/sys/net/ipv6/conf/default/disable_ipv6", []byte("1"), 0o644)
	}), "open the lab")
	l.starvation = watchStarvation()
	t.Cleanup(l.close)
	return l
}

// Logf writes a line about the course of the test.
func (l *Lab) Logf(format string, args ...any) {
	l.t.Helper()
	l.t.Logf("%s "+format, append([]any{time.Now().Format(clock)}, args...)...)
}

// clock is how the lab writes the time of day, in logs and in decoded packets.
const clock = "15:04:05.000"

// pollEvery is how often conditions are evaluated. Each evaluation costs system
// calls, which are slow in an emulated guest.
const pollEvery = 30 * time.Millisecond

// Until waits for a condition and ends the test if it does not become true
// within the limit. Time for which the lab was starved does not count.
func (l *Lab) Until(limit time.Duration, what string, condition func() bool) {
	l.t.Helper()
	begun := time.Now()
	for !condition() {
		if now := time.Now(); now.Sub(begun) > limit {
			if starved := l.Starved(begun, now); now.Sub(begun) > limit+starved {
				l.t.Fatalf("%s not within %v (and %v starved): %s", now.Format(clock), limit, starved.Round(time.Millisecond), what)
			}
		}
		time.Sleep(pollEvery)
	}
}

// Steady watches a condition for some time, and ends the test at the first
// moment at which it does not hold.
func (l *Lab) Steady(length time.Duration, what string, condition func() bool) {
	l.t.Helper()
	for end := time.Now().Add(length); time.Now().Before(end); time.Sleep(pollEvery) {
		if !condition() {
			l.t.Fatalf("%s no longer so, %v before the end: %s", time.Now().Format(clock),
				time.Until(end).Round(time.Millisecond), what)
		}
	}
}

// must ends the test on an error of the lab itself.
func (l *Lab) must(err error, format string, args ...any) {
	l.t.Helper()
	if err != nil {
		l.t.Fatalf("lab: %s: %v", fmt.Sprintf(format, args...), err)
	}
}

func (l *Lab) close() {
	l.starvation.stop()
	if begun := l.starvation.list[0].at; l.starvation.total > time.Since(begun)/100 {
		l.Logf("this machine kept the lab waiting for %.1f s of %.1f", l.starvation.total.Seconds(),
			time.Since(begun).Seconds())
	}
	for _, h := range l.hosts {
		if l.t.Failed() {
			h.snapshot()
		}
		h.powerOff()
	}
	l.fabric.close()
	l.findCrashes()
	if l.t.Failed() {
		l.report()
		if err := copyFiles(l.keep, l.dir); err != nil {
			l.t.Logf("lab: keep the logs: %v", err)
		}
	}
	os.RemoveAll(l.dir)
}

// findCrashes fails the test if a program crashed or reported a data race,
// whatever else the test checked.
func (l *Lab) findCrashes() {
	for _, h := range l.hosts {
		for _, p := range h.processes {
			for _, sign := range []string{"WARNING: DATA RACE", "panic: ", "fatal error: "} {
				if p.Printed(time.Time{}, sign) {
					l.t.Errorf("host %s: %s printed %q", h.Name, p.Name, sign)
				}
			}
		}
	}
}

// copyFiles copies the regular files of a tree.
func copyFiles(to, from string) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, from))
		switch {
		case entry.IsDir():
			return os.MkdirAll(target, 0o755)
		case !entry.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(target, data, 0o644)
	})
}

// logsDir is integration/logs of the module that the test belongs to, unless
// the environment names another folder.
func logsDir() string {
	if dir := os.Getenv(LogsVar); dir != "" {
		return dir
	}
	return filepath.Join(ModuleRoot(), "integration", "logs")
}

// ModuleRoot is the nearest folder with a go.mod, seen from the working
// directory; without one it is the folder for temporary files.
func ModuleRoot() string {
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	return os.TempDir()
}

// folderName makes one path element of a test's name.
func folderName(name string) string {
	return strings.NewReplacer("/", "_", " ", "_", string(os.PathSeparator), "_").Replace(name)
}
