//go:build !linux

package signals

import "os/exec"

// Settle does nothing.
func Settle(int) {}

// Wait waits for the end of a process.
func Wait(cmd *exec.Cmd) error { return cmd.Wait() }

// Start starts a process.
func Start(cmd *exec.Cmd, prepare func() error) error {
	if prepare != nil {
		if err := prepare(); err != nil {
			return err
		}
	}
	return cmd.Start()
}

// Blocked calls f.
func Blocked(f func() error) error { return f() }
