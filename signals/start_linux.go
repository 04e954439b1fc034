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
		err := Blocked(cmd.Start)
		pid, held := 0, false
		if err == nil {
			pid = cmd.Process.Pid // whoever started it may let go of it from then on
			held = seize(pid)
		}
		started <- err
		if held {
			guard(pid) // this thread is its tracer; when it ends, the kernel lets go of all
		}
	}()
	return <-started
}

// Wait is cmd.Wait for a process of Start. Until this process has let go of it, Wait itself would take a
// stop for its end.
func Wait(cmd *exec.Cmd) error {
	Settle(cmd.Process.Pid)
	return cmd.Wait()
}

// Settle waits until a process of Start is not traced by this one any more, on a host that has no time
// for this one as long as that takes.
func Settle(pid int) {
	for end := time.Now().Add(guarded + time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
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

// seize begins to trace the threads of a process, of which there is one or a few, and with them those that
// they start. It does not stop them.
func seize(pid int) (done bool) {
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, t := range tasks {
		tid, err := strconv.Atoi(t.Name())
		if err == nil && ptrace(unix.PTRACE_SEIZE, tid, unix.PTRACE_O_TRACECLONE) == nil {
			done = true
		}
	}
	return done
}

func ptrace(request, tid int, data uintptr) error {
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, uintptr(request), uintptr(tid), 0, data, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// guard lets a process that this thread traces go on, without the signals of this package, until it ignores
// SIGHUP or ends. How it ends is left to who has started it.
func guard(pid int) {
	pause := unix.NsecToTimespec(int64(50 * time.Microsecond))
	looked := time.Now()
	for end := looked.Add(guarded); time.Now().Before(end); {
		tid, status, err := stopped()
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
			goOn(tid, status) // fails when it has ended
		}
	}
}

// goOn lets a thread that has stopped go on: the low byte of status is the signal, the next one why.
func goOn(tid, status int) {
	signal, event := syscall.Signal(status&0x7f), status>>8
	isStop := signal == syscall.SIGSTOP || signal == syscall.SIGTSTP || signal == syscall.SIGTTIN ||
		signal == syscall.SIGTTOU
	switch {
	case event == unix.PTRACE_EVENT_STOP && isStop:
		_ = ptrace(unix.PTRACE_LISTEN, tid, 0) // the process is stopped, by somebody
	case event != 0, signal == syscall.SIGHUP, slices.Contains(Dumps, signal):
		_ = syscall.PtraceCont(tid, 0)
	default:
		_ = syscall.PtraceCont(tid, int(signal))
	}
}

// stopped is a thread that has stopped for its tracer, which is this thread, and why; 0 when there is none.
func stopped() (tid, status int, err error) {
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
	return int(rest[0]), int(rest[2]), nil
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
