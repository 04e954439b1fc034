package worker

import (
	"errors"
	"fmt"
	"os/exec"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/netns"
	"github.com/lvs-director/director/signals"
)

// Privilege is what a worker process is allowed beyond an ordinary process.
type Privilege struct {
	// Capabilities are the only ones the process keeps (unix.CAP_...).
	Capabilities []uintptr
	// RealTime is its SCHED_RR priority, 1..99; 0 is the ordinary scheduler.
	RealTime int
	// NoNewPrivileges keeps it and what it executes from ever getting more (PR_SET_NO_NEW_PRIVS).
	NoNewPrivileges bool
	// Namespace is the name of the network namespace that it runs in; empty is
	// that of the process that starts it.
	Namespace string
}

// LockMemory locks every page of this process in memory once it was touched. An
// exec undoes it, so each worker calls it itself.
func LockMemory() error {
	// Without MCL_ONFAULT every reserved page of the Go heap becomes resident:
	// 46 MB for an empty program instead of 2.4 MB.
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); err != nil {
		return fmt.Errorf("locking memory: %w (advertisements may be late on a busy host)", err)
	}
	return nil
}

// Start starts cmd with the privileges of p. refused says which of them the
// kernel does not grant (in a container, for example); cmd is started without
// them, but never outside of its namespace.
//
// A process inherits namespaces, scheduler and capabilities from the thread that
// forks it. So a thread of its own sets them, forks and ends: all threads of the
// child have them, and this process is unchanged.
//
// The main thread cannot end, so it must not run this: the program locks it to
// the main goroutine when it starts.
func Start(cmd *exec.Cmd, p Privilege) (refused, err error) {
	err = signals.Start(cmd, func() error {
		if p.Namespace != "" {
			var err error
			if refused, err = netns.Enter(p.Namespace); err != nil {
				return err
			}
		}
		if p.RealTime > 0 {
			refused = errors.Join(refused, setRoundRobin(p.RealTime))
		}
		refused = errors.Join(refused, boundCapabilities(p.Capabilities))
		if p.NoNewPrivileges {
			if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
				return fmt.Errorf("keeping a process from new privileges: %w", err)
			}
		}
		return nil
	})
	return refused, err
}

func setRoundRobin(priority int) error {
	// struct sched_param of sched(7).
	param := struct{ priority int32 }{int32(priority)}
	const schedRR = 2
	_, _, errno := unix.RawSyscall(unix.SYS_SCHED_SETSCHEDULER, 0, schedRR, uintptr(unsafe.Pointer(&param)))
	if errno != 0 {
		return fmt.Errorf("setting real-time priority %d: %w (advertisements may be late on a busy host)", priority, errno)
	}
	return nil
}

// boundCapabilities drops all capabilities but keep from the bounding set, which
// limits this thread and everything it executes.
func boundCapabilities(keep []uintptr) error {
	kept := make(map[uintptr]bool, len(keep))
	for _, c := range keep {
		kept[c] = true
	}
	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		if kept[c] {
			continue
		}
		if has, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, c, 0, 0, 0); err != nil || has == 0 {
			continue // dropped before, or unknown to this kernel
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
			return fmt.Errorf("dropping capability %d: %w", c, err)
		}
	}
	return nil
}
