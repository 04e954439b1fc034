package worker

import (
	"errors"
	"os"
	"os/exec"
)

// process is a worker's, which this process has started or is the parent of
// all the same: it was started by what ran here before an exec.
type process interface {
	pid() int
	kill()
	// wait returns when it has ended: nil for exit status 0.
	wait() error
}

// started is one that this program has started.
type started struct{ cmd *exec.Cmd }

func (s started) pid() int    { return s.cmd.Process.Pid }
func (s started) kill()       { _ = s.cmd.Process.Kill() } // it may have ended
func (s started) wait() error { return s.cmd.Wait() }

// child is one that was started before.
type child struct{ *os.Process }

func (c child) pid() int { return c.Pid }
func (c child) kill()    { _ = c.Kill() } // it may have ended
func (c child) wait() error {
	state, err := c.Wait()
	if err != nil {
		return errors.New("its end cannot be learned: " + err.Error())
	}
	if !state.Success() {
		return &exec.ExitError{ProcessState: state}
	}
	return nil
}
