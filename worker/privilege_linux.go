package worker

import (
	"errors"
	"fmt"
	"os"
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
		return fmt.Errorf("locking memory: %w", err)
	}
	return nil
}

// Become replaces this process by itself with the privileges of p and with
// env added to its environment, and does not return when that works. Every
// thread of a process inherits scheduler and capabilities from the one that
// executed it; set later they would hold for one thread of many.
//
// What the kernel refuses (in a container, say) is returned by refused for
// env to tell; the exec is done all the same.
func Become(p Privilege, env func(refused error) []string) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var refused error
	if p.RealTime > 0 {
		refused = setRoundRobin(p.RealTime)
	}
	refused = errors.Join(refused, boundCapabilities(p.Capabilities))
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding our own program: %w", err)
	}
	if err := unix.Exec(self, os.Args, append(os.Environ(), env(refused)...)); err != nil {
		return fmt.Errorf("executing %s again: %w", self, err)
	}
	return nil
}

func setRoundRobin(priority int) error {
	// struct sched_param of sched(7).
	param := struct{ priority int32 }{int32(priority)}
	const schedRR = 2
	_, _, errno := unix.RawSyscall(unix.SYS_SCHED_SETSCHEDULER, 0, schedRR, uintptr(unsafe.Pointer(&param)))
	if errno != 0 {
		return fmt.Errorf("setting real-time priority %d: %w", priority, errno)
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
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if err != nil && !errors.Is(err, unix.EINVAL) { // EINVAL: an older kernel has no such capability
			return fmt.Errorf("dropping capability %d: %w", c, err)
		}
	}
	return nil
}
