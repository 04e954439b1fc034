package worker

import (
	"fmt"
	"os"
	"os/exec"

	"github.com/lvs-director/director/signals"
)

// process is the process of a worker: a child that this program started, or one
// that the program before it started, in the same process, before an exec.
type process interface {
	pid() int
	kill()
	// wait returns when the process has ended: nil for exit status 0.
	wait() error
}

// started is a process that this program started.
type started struct{ cmd *exec.Cmd }

func (s started) pid() int    { return s.cmd.Process.Pid }
func (s started) kill()       { _ = s.cmd.Process.Kill() } // fails only when it has ended
func (s started) wait() error { return signals.Wait(s.cmd) }

// child is a process that an earlier program started.
type child struct{ *os.Process }

func (c child) pid() int { return c.Pid }
func (c child) kill()    { _ = c.Kill() } // fails only when it has ended
func (c child) wait() error {
	state, err := c.Wait()
	if err != nil {
		return fmt.Errorf("waiting for pid %d: %w", c.Pid, err)
	}
	if !state.Success() {
		return &exec.ExitError{ProcessState: state}
	}
	return nil
}
