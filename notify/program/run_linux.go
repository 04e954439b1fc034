package program

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Run runs a program to its end. started, unless nil, is called once it runs.
// When ctx is done the program is ended as if its timeout were over, or, when
// the cause is ErrHandOff, left running: Exit.Handoff is then set. Processes that
// the program leaves behind are left alone, unless this function ended it.
func (Runner) Run(ctx context.Context, cmd Command, started func(pid int)) Exit {
	exit := Exit{Argv: cmd.Argv, Code: -1, Started: time.Now()}
	process, output, err := start(cmd)
	if err != nil {
		exit.Err, exit.Ended = err.Error(), time.Now()
		return exit
	}
	exit.PID = process.Pid
	if started != nil {
		started(process.Pid)
	}
	var deadline time.Time
	if cmd.Timeout > 0 {
		deadline = exit.Started.Add(cmd.Timeout)
	}
	return (&running{process: process, output: output, deadline: deadline, exit: exit}).follow(ctx)
}

// Adopt is Run for a program that was handed over, which is a child of this
// process.
func (Runner) Adopt(ctx context.Context, h *Handoff) Exit {
	r := &running{
		output: h.file, deadline: h.Deadline,
		exit: Exit{Argv: h.Argv, PID: h.PID, Code: -1, Started: h.Started},
	}
	if r.output == nil && h.Output > 2 {
		r.output = os.NewFile(uintptr(h.Output), "output")
	}
	if h.file != nil {
		_ = h.file.SetReadDeadline(time.Time{}) // as in handOff
	}
	r.kept.Write(h.Kept)
	var err error
	if r.process, err = os.FindProcess(h.PID); err != nil {
		r.exit.Err, r.exit.Ended = fmt.Sprintf("wait for pid %d: %v", h.PID, err), time.Now()
		return r.exit
	}
	return r.follow(ctx)
}

// running is a program that runs.
type running struct {
	process  *os.Process
	output   *os.File // reading end; nil when it was lost
	deadline time.Time
	kept     tail
	exit     Exit // what is known of it so far
}

// follow waits until the program ends, or hands it over.
func (r *running) follow(ctx context.Context) Exit {
	drained := make(chan struct{})
	go func() {
		// A process that the program left in the background may hold the output
		// for as long as it likes; it is read so that it is never stopped by it.
		defer close(drained)
		if r.output != nil && r.kept.drain(r.output) {
			r.output.Close()
		}
	}()
	switch await(ctx, r.process.Pid, r.deadline) {
	case endedLate:
		r.exit.TimedOut = true
	case handedOff:
		return r.handOff(drained)
	}
	state, err := r.process.Wait()
	r.exit.Ended = time.Now()
	if err != nil {
		r.exit.Err = fmt.Sprintf("wait for %s: %v", r.exit.Argv[0], err)
		return r.exit
	}
	r.exit.Code = state.ExitCode()
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		r.exit.Signal = status.Signal().String()
	}
	select {
	case <-drained:
	case <-time.After(100 * time.Millisecond):
	}
	r.exit.Output = r.kept.String()
	return r.exit
}

// handOff stops following the program, which runs on as a child of this process.
func (r *running) handOff(drained <-chan struct{}) Exit {
	h := &Handoff{Argv: r.exit.Argv, PID: r.exit.PID, Started: r.exit.Started, Deadline: r.deadline, Output: -1}
	if r.output != nil {
		_ = r.output.SetReadDeadline(time.Unix(1, 0)) // fails when it was read to its end and closed
		<-drained
		h.file = r.output
		if c, err := r.output.SyscallConn(); err == nil {
			_ = c.Control(func(fd uintptr) { h.Output = int(fd) }) // as above: without output then
		}
	}
	h.Kept = r.kept.bytes()
	r.exit.Handoff = h
	return r.exit
}

// start starts a program and returns the reading end of its output.
func start(cmd Command) (*os.Process, *os.File, error) {
	if len(cmd.Argv) == 0 {
		return nil, nil, errors.New("no program is configured")
	}
	path, err := find(cmd.Argv[0])
	if err != nil {
		return nil, nil, err
	}
	who, err := credential(cmd)
	if err != nil {
		return nil, nil, err
	}
	if err := secure(path, who, cmd); err != nil {
		return nil, nil, err
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return nil, nil, err
	}
	defer null.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return nil, nil, fmt.Errorf("output of %s: %w", path, err)
	}
	defer w.Close()
	attr := &os.ProcAttr{
		Env:   Environ(os.Environ()),
		Files: []*os.File{null, w, w},
		Sys:   &syscall.SysProcAttr{Setpgid: true, Credential: who},
	}
	process, err := os.StartProcess(path, cmd.Argv, attr)
	if errors.Is(err, syscall.ENOEXEC) {
		// A script without "#!": given to the shell as a file, never as a command.
		process, err = os.StartProcess("/bin/sh", append([]string{"/bin/sh", path}, cmd.Argv[1:]...), attr)
	}
	if err != nil {
		r.Close()
		return nil, nil, explain(path, cmd, err)
	}
	unprotect(process.Pid)
	return process, r, nil
}

// unprotect has the kernel end a program of the user for want of memory as it would any
// other: director itself is among the last (OOMScoreAdjust of its unit), and a program
// inherits that.
func unprotect(pid int) {
	const score = "oom_score_adj" // proc(5)
	own, err := os.ReadFile("/proc/self/" + score)
	if err != nil || len(own) == 0 || own[0] != '-' {
		return // without /proc there is nothing to be done, and else nothing to do
	}
	// It fails when the program has ended by now.
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/%s", pid, score), []byte("0"), 0)
}

// explain adds what the operator can do about a program that does not start.
func explain(path string, cmd Command, err error) error {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return fmt.Errorf("run %s: %w", path, err)
	}
	switch {
	case errno == syscall.EPERM && cmd.User != "":
		return fmt.Errorf("run %s as user %s: %w (only root, or with CAP_SETUID and CAP_SETGID)", path, cmd.User, errno)
	case errno == syscall.EACCES:
		return fmt.Errorf("run %s: %w (is it executable, and its directory open, for the script user?)", path, errno)
	}
	return fmt.Errorf("run %s: %w", path, errno)
}

// ending is how await came to its end.
type ending int

const (
	ended     ending = iota // the program ended by itself
	endedLate               // its time was over, or ctx was done
	handedOff               // it runs
)

// await returns when the program has ended, which it makes it do when its time
// is over. The process is not reaped yet, so that its number, which is also the
// number of its group, belongs to no other process while it is signalled.
func await(ctx context.Context, pid int, deadline time.Time) ending {
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
		}
	}()
	var late <-chan time.Time
	if !deadline.IsZero() {
		timer := time.NewTimer(time.Until(deadline))
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-gone:
		return ended
	case <-late:
	case <-ctx.Done():
		if errors.Is(context.Cause(ctx), ErrHandOff) {
			return handedOff
		}
	}
	unix.Kill(-pid, unix.SIGTERM)
	kill := time.NewTimer(KillDelay)
	defer kill.Stop()
	select {
	case <-gone:
	case <-kill.C:
	}
	// Also when the program itself has ended: its children may not have.
	unix.Kill(-pid, unix.SIGKILL)
	<-gone
	return endedLate
}
