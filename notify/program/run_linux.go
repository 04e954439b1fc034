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
// When ctx is done the program is ended as if its timeout were over. Processes
// that the program leaves behind are left alone, unless it was ended by us.
func (Runner) Run(ctx context.Context, cmd Command, started func(pid int)) Exit {
	exit := Exit{Argv: cmd.Argv, Code: -1, Started: time.Now()}
	process, output, err := start(cmd)
	if err != nil {
		exit.Err, exit.Ended = err.Error(), time.Now()
		return exit
	}
	exit.PID = process.Pid
	var kept tail
	drained := make(chan struct{})
	go func() {
		// A process that the program left in the background may hold the output
		// for as long as it likes; it is read so that it is never stopped by it.
		defer close(drained)
		kept.drain(output)
	}()
	if started != nil {
		started(process.Pid)
	}
	exit.TimedOut = await(ctx, process.Pid, cmd.Timeout)
	state, err := process.Wait()
	exit.Ended = time.Now()
	if err != nil {
		exit.Err = fmt.Sprintf("wait for %s: %v", cmd.Argv[0], err)
		return exit
	}
	exit.Code = state.ExitCode()
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		exit.Signal = status.Signal().String()
	}
	select {
	case <-drained:
	case <-time.After(100 * time.Millisecond):
	}
	exit.Output = kept.String()
	return exit
}

// start starts a program and gives the reading end of its output.
func start(cmd Command) (*os.Process, *os.File, error) {
	if len(cmd.Argv) == 0 {
		return nil, nil, errors.New("no program is configured")
	}
	path, err := find(cmd.Argv[0])
	if err != nil {
		return nil, nil, err
	}
	who, err := credential(cmd.User, cmd.Group)
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
	return process, r, nil
}

// explain says what the operator can do about a program that does not start.
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

// await returns when the program has ended, which it makes it do when its time
// is over. The process is not reaped yet, so that its number, which is also
// the number of its group, is nobody else's while it is signalled.
func await(ctx context.Context, pid int, timeout time.Duration) (timedOut bool) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
		}
	}()
	var late <-chan time.Time
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		late = timer.C
	}
	select {
	case <-ended:
		return false
	case <-late:
	case <-ctx.Done():
	}
	unix.Kill(-pid, unix.SIGTERM)
	kill := time.NewTimer(KillDelay)
	defer kill.Stop()
	select {
	case <-ended:
	case <-kill.C:
	}
	// Also when the program itself has ended: its children may not have.
	unix.Kill(-pid, unix.SIGKILL)
	<-ended
	return true
}
