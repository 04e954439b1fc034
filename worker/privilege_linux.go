package worker

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Privilege is what a worker process needs of the kernel beyond an ordinary one.
type Privilege struct {
	// Capabilities are the only ones the process keeps (unix.CAP_...).
	Capabilities []uintptr
	// RealTime is its SCHED_RR priority, 1..99; 0 is the ordinary scheduler.
	RealTime int
}

// LockMemory keeps the process in memory as it touches it. It must be asked
// for in the process itself; it does not outlive an exec.
func LockMemory() error {
	// Without MCL_ONFAULT every reserved page of the Go heap would be made
	// resident: 46 MB for an empty program instead of 2.4.
	if err := unix.Mlockall(unix.MCL_CURRENT | unix.MCL_FUTURE | unix.MCL_ONFAULT); err != nil {
		return fmt.Errorf("locking memory, without which advertisements may be late on a busy host: %w", err)
	}
	return nil
}

// Start starts cmd with the privileges of p. refused is what of them the
// kernel does not grant (in a container, say); cmd runs all the same.
//
// A process inherits scheduler and capabilities from the thread that forks
// it, so a thread of our own takes them on, forks, and ends with them: every
// thread of the child has them, and nothing of this process.
//
// The main thread cannot end; the program must keep it from running this (by
// locking it to the main goroutine at its start).
func Start(cmd *exec.Cmd, p Privilege) (refused, err error) {
	type result struct{ refused, err error }
	started := make(chan result)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		var r result
		if p.RealTime > 0 {
			r.refused = setRoundRobin(p.RealTime)
		}
		r.refused = errors.Join(r.refused, boundCapabilities(p.Capabilities))
		r.err = cmd.Start()
		started <- r
	}()
	r := <-started
	return r.refused, r.err
}

func setRoundRobin(priority int) error {
	// struct sched_param of sched(7).
	param := struct{ priority int32 }{int32(priority)}
	const schedRR = 2
	_, _, errno := unix.RawSyscall(unix.SYS_SCHED_SETSCHEDULER, 0, schedRR, uintptr(unsafe.Pointer(&param)))
	if errno != 0 {
		return fmt.Errorf("setting real-time priority %d, without which advertisements may be late on a busy host: %w", priority, errno)
	}
	return nil
}

// boundCapabilities takes all capabilities but keep out of the bounding set,
// beyond which no exec of ours or of a child can get.
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
			continue // gone already, or unknown to this kernel
		}
		if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
			return fmt.Errorf("dropping capability %d: %w", c, err)
		}
	}
	return nil
}
