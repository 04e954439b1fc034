package signalhold

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/signals"
)

// What the two say to each other, a byte each. Anything else that the holder says
// is why it does not hold.
const (
	begin   = 'b'
	holding = 'h'
	release = 'r'
)

// socketFD is the holder's end of the socket.
const socketFD = 3

// longest is how long signals are held at most, should the next program hang.
const longest = 5 * time.Second

// isHeld says whether a signal is one that somebody sends to be obeyed. What the
// kernel and the Go runtime say to a process is passed on.
func isHeld(s syscall.Signal) bool {
	switch s {
	case unix.SIGHUP, unix.SIGINT, unix.SIGQUIT, unix.SIGTERM, unix.SIGUSR1, unix.SIGUSR2:
		return true
	}
	return s > 34 // real-time signals; 32 to 34 are libc's and the runtime's
}

// holder traces the process that has started it.
type holder struct {
	mu     sync.Mutex // held by whoever takes in a stop of a thread
	target int
	socket *os.File
	held   []syscall.Signal // in the order in which they came, each once
}

// Run is the holder's process.
func Run() error {
	// A signal to the whole group or control group is not for the holder.
	signal.Ignore(unix.SIGQUIT, unix.SIGTERM)
	signals.Ignore()
	runtime.LockOSThread()                                   // a tracer is a thread
	if err := unix.SetNonblock(socketFD, true); err != nil { // else it takes no deadline
		return fmt.Errorf("holding signals: %w", err)
	}
	h := &holder{target: os.Getppid(), socket: os.NewFile(socketFD, "socket")}
	if _, err := h.socket.Read(make([]byte, 1)); err != nil {
		return fmt.Errorf("holding signals: %w", err)
	}
	if err := h.seize(); err != nil {
		_, _ = h.socket.WriteString(err.Error()) // whoever started it has ended
		return nil
	}
	if _, err := h.socket.Write([]byte{holding}); err != nil {
		return nil
	}
	go h.awaitRelease()
	h.pass()
	return nil
}

// seize begins to trace every thread, and with them those that they start.
func (h *holder) seize() error {
	seized := make(map[int]bool)
	for more := true; more; {
		more = false
		tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", h.target))
		if err != nil {
			return err
		}
		for _, t := range tasks {
			tid, err := strconv.Atoi(filepath.Base(t))
			if err != nil || seized[tid] {
				continue
			}
			seized[tid], more = true, true
			err = ptraceSeize(tid, unix.PTRACE_O_TRACECLONE)
			if errors.Is(err, unix.EPERM) && h.traces(tid) || errors.Is(err, unix.ESRCH) {
				continue // a thread that began or ended meanwhile
			}
			if err != nil {
				return fmt.Errorf("tracing thread %d: %w", tid, err)
			}
		}
	}
	if len(seized) == 0 {
		return fmt.Errorf("process %d has ended", h.target)
	}
	return nil
}

// traces says whether a thread is traced by this process already.
func (h *holder) traces(tid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/status", h.target, tid))
	if err != nil {
		return true // it has ended
	}
	return slices.Contains(statusLines(text), fmt.Sprintf("TracerPid:\t%d", unix.Gettid()))
}

// pass lets everything go on but the signals that are held, until the process ends.
// A stop is looked at first and taken in with the lock: what was not taken in when
// this process ends, the kernel passes on.
func (h *holder) pass() {
	for {
		err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WSTOPPED|unix.WNOWAIT|unix.WALL, nil)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return // nothing is traced any more
		}
		h.mu.Lock()
		var status syscall.WaitStatus
		tid, err := syscall.Wait4(-1, &status, unix.WALL|unix.WNOHANG, nil)
		if err == nil && tid > 0 && status.Stopped() {
			h.passOn(tid, status)
		}
		h.mu.Unlock()
		if tid <= 0 { // what was seen cannot be taken in yet
			time.Sleep(time.Millisecond)
		}
	}
}

// passOn lets a thread that has stopped go on. One that is gone meanwhile needs nothing.
func (h *holder) passOn(tid int, status syscall.WaitStatus) {
	s := status.StopSignal()
	switch event := int(status) >> 16; {
	case event == unix.PTRACE_EVENT_STOP && isStop(s):
		_ = ptraceListen(tid) // the whole process is stopped, by a SIGSTOP
	case event != 0:
		_ = syscall.PtraceCont(tid, 0)
	case isHeld(s):
		if !slices.Contains(h.held, s) {
			h.held = append(h.held, s)
		}
		_ = syscall.PtraceCont(tid, 0)
	default:
		_ = syscall.PtraceCont(tid, int(s))
	}
}

func isStop(s syscall.Signal) bool {
	return s == unix.SIGSTOP || s == unix.SIGTSTP || s == unix.SIGTTIN || s == unix.SIGTTOU
}

// awaitRelease sends what was held when it is time to, and ends this process.
func (h *holder) awaitRelease() {
	if err := h.socket.SetReadDeadline(time.Now().Add(longest)); err != nil {
		time.AfterFunc(longest, func() { h.socket.Close() })
	}
	_, _ = h.socket.Read(make([]byte, 1))
	h.mu.Lock() // for good
	for _, s := range h.held {
		_ = syscall.Kill(h.target, s) // it has ended, then
	}
	// At once, and not by os.Exit: until this process has ended, threads that stop for a signal,
	// as those of a Go program do all the time, stay stopped. With the race detector os.Exit
	// waits for a second.
	unix.Exit(0)
}
