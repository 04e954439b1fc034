package hostcheck

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/netns"
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/marks"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/words"
	"github.com/lvs-director/director/worker"
)

// findOthers lists the load balancers of this network namespace. A process of
// the same program as its parent is that one's worker, not another.
func findOthers(configID string) ([]other, error) {
	var found []other
	pids := make(map[int]bool)
	parents := make(map[int]int)
	err := eachProcess(func(pid int, proc string, p process) {
		program, file, ok := p.loadBalancer()
		if !ok {
			return
		}
		parents[pid] = parentOf(proc)
		pids[pid] = true
		found = append(found, readOther(proc, other{pid: pid, program: program, file: file}, configID))
	})
	// Who started us is no competitor: the command that starts a daemon and waits for it, or a
	// wrapper of the same name.
	ours := ancestors()
	var mains []other
	for _, o := range found {
		if !pids[parents[o.pid]] && !ours[o.pid] {
			mains = append(mains, o)
		}
	}
	return mains, err
}

// maxAncestors bounds how far back we look.
const maxAncestors = 64

// ancestors are the processes that this one descends from.
func ancestors() map[int]bool {
	all := make(map[int]bool)
	for pid := os.Getppid(); pid > 0 && len(all) < maxAncestors && !all[pid]; {
		all[pid] = true
		pid = parentOf(filepath.Join("/proc", strconv.Itoa(pid)))
	}
	return all
}

// Running says which load balancer a process is that is not one of our own ancestors, and
// which configuration it was given; ok is false for every other process.
func Running(pid int) (program, file string, ok bool) {
	if ancestors()[pid] {
		return "", "", false
	}
	proc := filepath.Join("/proc", strconv.Itoa(pid))
	p, ok := readProcess(proc, ownProgram())
	if !ok {
		return "", "", false
	}
	program, file, ok = p.loadBalancer()
	if ok {
		file = absolute(proc, withDefault(proc, file))
	}
	return program, file, ok
}

// FindDirector is the process of the director that has a run directory, in this
// network namespace, even when the directory is gone; 0 is none. Otherwise is the
// directory of a director that was started without --run-dir.
func FindDirector(dir, otherwise worker.RunDir) int {
	found := 0
	_ = eachProcess(func(pid int, _ string, p process) { // without /proc nothing is found
		program, _, ok := p.loadBalancer()
		if ok && program == "director" && found == 0 && p.runDir(otherwise) == dir {
			found = pid
		}
	})
	return found
}

// eachProcess visits the other processes of this network namespace.
func eachProcess(visit func(pid int, proc string, p process)) error {
	ours, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		return fmt.Errorf("reading which network namespace this is: %w", err)
	}
	self := ownProgram()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return fmt.Errorf("looking for other load balancers: %w", err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		proc := filepath.Join("/proc", e.Name())
		p, ok := readProcess(proc, self)
		if !ok {
			continue
		}
		if ns, err := os.Readlink(filepath.Join(proc, "ns/net")); err != nil || ns != ours {
			continue
		}
		visit(pid, proc, p)
	}
	return nil
}

// ownProgram is the file of this program; empty when /proc does not tell.
func ownProgram() string {
	self, _ := os.Readlink("/proc/self/exe")
	return strings.TrimSuffix(self, " (deleted)")
}

// readProcess reads one of /proc. A process that ends while we look is none; so errors mean
// "not this one".
func readProcess(proc, self string) (p process, ok bool) {
	cmdline, err := os.ReadFile(filepath.Join(proc, "cmdline"))
	if err != nil || len(cmdline) == 0 {
		return p, false
	}
	p.argv = strings.Split(strings.TrimSuffix(string(cmdline), "\x00"), "\x00")
	if name, err := os.ReadFile(filepath.Join(proc, "comm")); err == nil {
		p.name = strings.TrimSuffix(string(name), "\n")
	}
	if exe, err := os.Readlink(filepath.Join(proc, "exe")); err == nil {
		p.ours = self != "" && strings.TrimSuffix(exe, " (deleted)") == self
	}
	return p, true
}

// withDefault is the configuration of a process that may have been given none.
func withDefault(proc, file string) string {
	if file == "" {
		file = load.DefaultFiles[0]
		if _, err := os.Stat(filepath.Join(proc, "root", file)); err != nil {
			file = load.DefaultFiles[1]
		}
	}
	return file
}

// absolute is a file as a process names it, independent of its working directory.
func absolute(proc, file string) string {
	if filepath.IsAbs(file) {
		return file
	}
	cwd, err := os.Readlink(filepath.Join(proc, "cwd"))
	if err != nil {
		return file
	}
	return filepath.Join(cwd, file)
}

// readOther reads the other one's configuration, in its own file system.
func readOther(proc string, o other, configID string) other {
	o.file = withDefault(proc, o.file)
	path := absolute(proc, o.file)
	if !filepath.IsAbs(path) {
		return o
	}
	cfg, _ := load.Load(filepath.Join(proc, "root", path), load.Options{ConfigID: configID})
	if cfg != nil {
		o.cfg = cfg
	}
	return o
}

func parentOf(proc string) int {
	data, err := os.ReadFile(filepath.Join(proc, "stat"))
	if err != nil {
		return 0
	}
	// The name in parentheses may contain anything; what follows it may not.
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	if len(fields) < 2 {
		return 0
	}
	pid, _ := strconv.Atoi(fields[1])
	return pid
}

// LoadModules has the kernel load what the virtual servers of cfg need: the
// lvs worker has not the power to.
func LoadModules(cfg *conf.Config) {
	var schedulers, engines []string
	for _, vs := range cfg.VirtualServers {
		schedulers = append(schedulers, vs.Scheduler)
		if vs.PersistenceEngine != "" {
			engines = append(engines, vs.PersistenceEngine)
		}
	}
	ipvs.LoadModules(schedulers, engines, marks.Modules(cfg.VirtualServers))
}

// Permitted says whether this process may do what cfg asks for, and whether
// the kernel can. ErrOnlyVRRP leaves VRRP possible.
func Permitted(cfg *conf.Config) error {
	if _, err := link.NewKernel(); err != nil {
		return err
	}
	return permitted(cfg, func() (driver ipvs.Driver, err error) {
		err = netns.Do(ipvsNamespace(cfg), func() error { driver, err = ipvs.Open(); return err })
		return driver, err
	})
}

func permitted(cfg *conf.Config, open func() (ipvs.Driver, error)) error {
	if len(cfg.VirtualServers) == 0 {
		return nil
	}
	driver, err := open()
	if err == nil {
		return driver.Close()
	}
	absent := errors.Is(err, ipvs.ErrNoIPVS)
	if errors.Is(err, syscall.EPERM) && len(cfg.Instances) > 0 {
		err = fmt.Errorf("%w: %w", errRefused, err)
	} else if !absent {
		return err
	}
	n := words.Count(len(cfg.VirtualServers), "virtual server")
	if len(cfg.Instances) > 0 {
		return fmt.Errorf("%w: %s has %s: %w", ErrOnlyVRRP, cfg.Path, n, err)
	}
	return fmt.Errorf("%s has %s, but %w", cfg.Path, n, err)
}
