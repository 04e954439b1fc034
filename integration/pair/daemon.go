//go:build linux

package pair

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lvs-director/director/integration/lab"
)

// Kind is a program that can be one half of a pair.
type Kind interface {
	// Name is what the kind is called in the names of tests and in tables.
	Name() string
	// command is the program that runs a configuration file, with its own
	// files in two folders: run does not outlive a boot, state does.
	command(h *lab.Host, conf, run, state string) (lab.Command, error)
	// statusCommand asks a running daemon for its status; nil if the kind has no
	// such command.
	statusCommand(run string) []string
	// backupLine is the log text for a daemon that has entered BACKUP.
	backupLine() string
	// worker finds, among the daemon's processes, the one for "vrrp" or "lvs".
	worker(name, run string, processes []int) (pid int, ok bool)
}

// Worker names.
const (
	VRRP = "vrrp"
	LVS  = "lvs"
)

// Daemon is a running half of a pair.
type Daemon struct {
	*lab.Process
	Kind Kind
	host *lab.Host
	t    lab.Reporter
	run  string
}

// Start runs a kind on a host with the given configuration text.
func Start(t lab.Reporter, kind Kind, h *lab.Host, conf string) *Daemon {
	t.Helper()
	d := &Daemon{Kind: kind, host: h, t: t, run: RunDir(h)}
	state := filepath.Join(h.Dir(), "state")
	for _, dir := range []string{d.run, state} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatalf("start %s on %s: %v", kind.Name(), h.Name, err)
		}
	}
	command, err := kind.command(h, h.WriteFile(confFile, conf), d.run, state)
	if err != nil {
		t.Fatalf("start %s on %s: %v", kind.Name(), h.Name, err)
	}
	command.Name = kind.Name()
	d.Process = h.StartCommand(command)
	return d
}

const confFile = "lb.conf"

// Reload replaces the configuration and asks the daemon to read it.
func (d *Daemon) Reload(conf string) {
	d.t.Helper()
	d.host.WriteFile(confFile, conf)
	d.Signal(syscall.SIGHUP)
}

// StatusCommand is the command that prints the daemon's status, for its host.
func (d *Daemon) StatusCommand() []string { return d.Kind.statusCommand(d.run) }

// AskCommand is the command line of a director's command, such as "handover
// VI_1", about this daemon; nil for another kind.
func (d *Daemon) AskCommand(words ...string) []string {
	director, ok := d.Kind.(interface{ program() string })
	if !ok {
		return nil
	}
	return append(append([]string{director.program()}, words...), "--run-dir", d.run)
}

// Terminate asks the daemon to stop, and returns the moment of asking.
func (d *Daemon) Terminate() time.Time {
	d.t.Helper()
	asked := time.Now()
	d.Signal(syscall.SIGTERM)
	return asked
}

// KillAll kills the daemon with all its processes and leaves the kernel as it
// is: addresses and services stay. It returns the moment of the first kill.
func (d *Daemon) KillAll() time.Time {
	pids := d.Processes()
	// Stop all first, so that none sees the end of another and acts on it.
	for _, pid := range pids {
		syscall.Kill(pid, syscall.SIGSTOP)
	}
	killed := time.Now()
	for _, pid := range slices.Backward(pids) {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	return killed
}

// KillMain kills the daemon's first process alone.
func (d *Daemon) KillMain() time.Time {
	d.t.Helper()
	killed := time.Now()
	d.Signal(syscall.SIGKILL)
	return killed
}

// KillWorker kills the process that does one part of the daemon's work.
func (d *Daemon) KillWorker(name string) time.Time {
	d.t.Helper()
	pid := d.Worker(name)
	killed := time.Now()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		d.t.Fatalf("kill worker %s of %s: %v", name, d.Kind.Name(), err)
	}
	return killed
}

// Worker waits for and returns the process that does one part of the daemon's
// work.
func (d *Daemon) Worker(name string) (pid int) {
	d.t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for {
		if pid, ok := d.Kind.worker(name, d.run, d.Processes()); ok {
			return pid
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("%s on %s has no worker %s", d.Kind.Name(), d.host.Name, name)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// Processes lists the daemon's processes, the first one first.
func (d *Daemon) Processes() []int {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, stat := range stats {
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(stat)))
		if parent, ok := parentOf(stat); ok {
			children[parent] = append(children[parent], pid)
		}
	}
	family := []int{d.Pid}
	for i := 0; i < len(family); i++ {
		family = append(family, children[family[i]]...)
	}
	return family
}

// parentOf reads the parent from a stat file (proc_pid_stat(5)); the program's
// name, in parentheses before it, may hold anything.
func parentOf(stat string) (pid int, ok bool) {
	text, err := os.ReadFile(stat)
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(text)[strings.LastIndexByte(string(text), ')')+1:])
	if len(fields) < 2 {
		return 0, false
	}
	pid, err = strconv.Atoi(fields[1])
	return pid, err == nil
}

// Keepalived is Debian's keepalived as it is packaged.
type Keepalived struct {
	Path string
	Env  []string
	// Terse leaves out the flag for a detailed log.
	Terse bool
}

// Name implements Kind.
func (Keepalived) Name() string { return "keepalived" }

func (k Keepalived) command(h *lab.Host, conf, run, _ string) (lab.Command, error) {
	if k.Path == "" {
		return lab.Command{}, fmt.Errorf("no keepalived was fetched")
	}
	// The process ID in an old pid file may belong to another process now.
	for _, name := range []string{"main", VRRP, LVS} {
		os.Remove(filepath.Join(run, name+".pid"))
	}
	argv := []string{k.Path, "-n", "-l", "-f", conf, "-p", filepath.Join(run, "main.pid"),
		"-r", filepath.Join(run, "vrrp.pid"), "-c", filepath.Join(run, "lvs.pid")}
	if !k.Terse {
		argv = append(argv, "-D")
	}
	argv, err := private(h, argv)
	return lab.Command{Argv: argv, Env: k.Env}, err
}

func (Keepalived) statusCommand(string) []string { return nil }

func (Keepalived) backupLine() string { return "Entering BACKUP STATE" }

func (Keepalived) worker(name, run string, _ []int) (int, bool) {
	text, err := os.ReadFile(filepath.Join(run, name+".pid"))
	if err != nil {
		return 0, false
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	return pid, err == nil
}

// Director is this project's program.
type Director struct {
	Path string
	// Env is added to the lab's own environment.
	Env []string
	// Named runs it on a host that is called like the host of the lab, not like this machine.
	Named bool
}

// Name implements Kind.
func (Director) Name() string { return "director" }

func (d Director) command(h *lab.Host, conf, run, state string) (lab.Command, error) {
	if d.Path == "" {
		return lab.Command{}, fmt.Errorf("no director was built")
	}
	argv := []string{d.Path, "run", "-f", conf, "--run-dir", run, "--state-dir", state}
	if d.Named {
		argv = append([]string{"unshare", "--uts", "sh", "-c", "hostname " + h.Name + ` && exec "$@"`, "sh"}, argv...)
	}
	return lab.Command{Argv: argv, Env: d.Env}, nil
}

// RunDir is the run directory of a host's daemon.
func RunDir(h *lab.Host) string { return filepath.Join(h.RunDir(), "lb") }

func (d Director) program() string { return d.Path }

func (d Director) statusCommand(run string) []string {
	return []string{d.Path, "status", "--run-dir", run}
}

func (Director) backupLine() string { return "to=BACKUP" }

func (Director) worker(name, _ string, processes []int) (int, bool) {
	for _, pid := range processes {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && strings.Contains(strings.ReplaceAll(string(line), "\x00", " ")+" ", " worker "+name+" ") {
			return pid, true
		}
	}
	return 0, false
}
