package front

import (
	"errors"
	"fmt"
	"math"
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/worker"
	"github.com/lvs-director/director/worker/front"
)

// Limits of this process. Beyond the soft limit the garbage collector works harder; beyond the hard
// one the process ends, and the supervisor starts another. The status of 40,000 real servers needs
// about 350 MB.
const (
	softMemory = 512 << 20
	hardMemory = 1 << 30 // beyond what the program has when it starts
	openFiles  = 1024
	niceness   = 10
)

// Name is the front's name on the command line of a worker.
const Name = front.Name

// Run is the front's process from its start to its end.
func Run() error {
	if err := worker.SetProcessName(worker.ProcessName(front.Name)); err != nil {
		return fmt.Errorf("setting the name of this process: %w", err) // for ps only, and it always works
	}
	conn, err := front.Inherited()
	if err != nil {
		return err
	}
	if err := powerless(); err != nil {
		return err
	}
	if err := limit(); err != nil {
		return err
	}
	return newProcess(conn).run()
}

// powerless says why this process can do more than it should: it was not started by the supervisor.
func powerless() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	if err := unix.Capget(&header, &caps[0]); err != nil {
		return fmt.Errorf("asking for the capabilities of this process: %w", err)
	}
	stuck, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	switch {
	case err != nil:
		return fmt.Errorf("asking whether this process may get privileges: %w", err)
	case os.Geteuid() == 0:
		return errors.New("the front does not run as root")
	case caps[0].Permitted|caps[1].Permitted|caps[0].Effective|caps[1].Effective != 0:
		return errors.New("the front does not run with capabilities")
	case stuck != 1:
		return errors.New("the front does not run where it may get privileges")
	}
	return nil
}

// limit bounds what this process takes from others.
func limit() error {
	debug.SetMemoryLimit(softMemory)
	has, err := dataSize()
	if err != nil {
		return err
	}
	for _, l := range []struct {
		name     string
		resource int
		most     uint64
	}{
		{"memory", unix.RLIMIT_DATA, has + hardMemory},
		{"open files", unix.RLIMIT_NOFILE, openFiles},
		{"core files", unix.RLIMIT_CORE, 0},
	} {
		var now unix.Rlimit
		if err := unix.Getrlimit(l.resource, &now); err != nil {
			return fmt.Errorf("asking for the limit of %s: %w", l.name, err)
		}
		most := min(l.most, now.Max)
		if err := unix.Setrlimit(l.resource, &unix.Rlimit{Cur: most, Max: most}); err != nil {
			return fmt.Errorf("limiting %s to %d: %w", l.name, most, err)
		}
	}
	// The first to go when the host has no memory left, and the last to have a processor. Neither is
	// needed for anything to be right.
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("500"), 0)
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, niceness)
	return nil
}

// dataSize is the data that this process has in its address space, in bytes.
func dataSize() (uint64, error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, fmt.Errorf("asking for the size of this process: %w", err)
	}
	var pages [6]uint64 // size, resident, shared, text, lib, data
	if _, err := fmt.Sscan(string(text), &pages[0], &pages[1], &pages[2], &pages[3], &pages[4], &pages[5]); err != nil {
		return 0, fmt.Errorf("reading the size of this process: %w", err)
	}
	size := uint64(os.Getpagesize())
	if pages[5] > (math.MaxUint64-hardMemory)/size {
		return 0, fmt.Errorf("reading the size of this process: %d pages", pages[5])
	}
	return pages[5] * size, nil
}
