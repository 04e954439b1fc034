package signals

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// guarded is how long a process is guarded at most, should it never ignore SIGHUP.
const guarded = 5 * time.Second

// Start starts a process of ours, which ignores SIGHUP as soon as it can, on a thread of its own that
// first prepares what the process is to inherit; prepare may be nil. No signal of this package ends it
// before that: those that can be blocked are, and SIGHUP is taken from it by tracing it for that long
// (ptrace(2)). Where tracing is refused (another tracer, seccomp) it is started all the same; see EndedEarly.
//
// The main thread cannot end, so it must not run this: a program locks it to the main goroutine.
func Start(cmd *exec.Cmd, prepare func() error) error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if prepare != nil {
			if err := prepare(); err != nil {
				started <- err
				return
			}
		}
		var attr syscall.SysProcAttr
		if cmd.SysProcAttr != nil {
			attr = *cmd.SysProcAttr
		}
		traced := attr
		traced.Ptrace = true
		cmd.SysProcAttr = &traced
		err := blocked(cmd.Start)
		if err == nil {
			pid := cmd.Process.Pid
			started <- nil
			guard(pid) // this thread is its tracer; when the thread ends, the kernel lets go of it
			return
		}
		cmd.SysProcAttr = &attr
		started <- blocked(cmd.Start)
	}()
	return <-started
}

// Wait is cmd.Wait for a process of Start. Until this process has let go of it, Wait itself would take a
// stop for its end.
func Wait(cmd *exec.Cmd) error {
	Settle(cmd.Process.Pid)
	return cmd.Wait()
}

// Settle waits until a process of Start is not traced by this one any more.
func Settle(pid int) {
	for end := time.Now().Add(guarded + time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		tracer, _, _ := strings.Cut(after(string(text), "TracerPid:\t"), "\n")
		if err != nil || tracer == "" || tracer == "0" {
			return
		}
		if _, err := os.Stat("/proc/self/task/" + tracer); err != nil {
			return // somebody else's
		}
	}
}

func after(s, what string) string {
	_, rest, _ := strings.Cut(s, what)
	return rest
}

// wnothread has waitid look at the children and tracees of this thread alone: the other ones of the
// process are waited for by others.
const wnothread = 0x20000000

// guard lets a process that this thread traces go on, without the signals of this package, until it ignores
// SIGHUP or ends. How it ends is left to who has started it.
func guard(pid int) {
	pause := unix.NsecToTimespec(int64(50 * time.Microsecond))
	begun := false
	looked := time.Now()
	for end := looked.Add(guarded); time.Now().Before(end); {
		tid, signal, err := stopped()
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return // there is nothing to trace any more
		case tid == 0:
			if time.Since(looked) > time.Millisecond {
				if looked = time.Now(); needsNoGuard(pid) {
					return
				}
			}
			_ = unix.Nanosleep(&pause, nil)
		default:
			if !begun {
				begun = true
				_ = syscall.PtraceSetOptions(pid, unix.PTRACE_O_TRACECLONE) // without it only the first thread is guarded
			}
			_ = syscall.PtraceCont(tid, int(passedOn(signal))) // fails when it has ended
		}
	}
}

// stopped is a thread that has stopped for its tracer, which is this thread, and for which signal; 0 when
// there is none.
func stopped() (tid int, signal syscall.Signal, err error) {
	var info unix.Siginfo
	if err := unix.Waitid(unix.P_ALL, 0, &info, unix.WSTOPPED|unix.WNOHANG|unix.WALL|wnothread, nil); err != nil {
		return 0, 0, err
	}
	if info.Signo == 0 {
		return 0, 0, nil
	}
	// si_pid, si_uid and si_status follow si_code, where a pointer may begin.
	const word = unsafe.Sizeof(uintptr(0))
	begin := (unsafe.Offsetof(info.Code) + 4 + word - 1) / word * word
	rest := (*[3]int32)(unsafe.Add(unsafe.Pointer(&info), begin))
	return int(rest[0]), syscall.Signal(rest[2] & 0x7f), nil
}

// passedOn is the signal that a thread goes on with.
func passedOn(s syscall.Signal) syscall.Signal {
	if s == syscall.SIGHUP || s == syscall.SIGTRAP || s == syscall.SIGSTOP || slices.Contains(Dumps, s) {
		return 0 // SIGTRAP and SIGSTOP are of the tracing itself: an exec, a new thread
	}
	return s
}

// needsNoGuard says whether a process ignores SIGHUP, or has ended.
func needsNoGuard(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil || strings.Contains(string(text), "State:\tZ") {
		return true
	}
	mask, _, _ := strings.Cut(after(string(text), "SigIgn:\t"), "\n")
	ignored, _ := strconv.ParseUint(mask, 16, 64)
	return ignored&1 != 0
}
