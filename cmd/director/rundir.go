package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// daemonDirs are the directories of a director.
type daemonDirs struct {
	RunDir   string `name:"run-dir" default:"/run/director" placeholder:"DIR" help:"Directory of the control socket and the journals; one for each director of a machine."`
	StateDir string `name:"state-dir" default:"/var/lib/director" placeholder:"DIR" help:"Directory of what outlives a boot."`
}

func (d daemonDirs) control() string { return filepath.Join(d.RunDir, "control.sock") }
func (d daemonDirs) pidFile() string { return filepath.Join(d.RunDir, "director.pid") }
func (d daemonDirs) journal(worker string) string {
	return filepath.Join(d.RunDir, "journal-"+worker)
}

// lockRunDir makes the run directory this process's own until it ends. The
// lock is the kernel's: a file that a dead director left means nothing.
func lockRunDir(d daemonDirs) (*os.File, error) {
	if err := os.MkdirAll(d.RunDir, 0o755); err != nil {
		return nil, fmt.Errorf("making the run directory: %w", err)
	}
	f, err := os.OpenFile(d.pidFile(), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the pid file: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			pid, _ := os.ReadFile(d.pidFile())
			return nil, fmt.Errorf("a director (pid %s) runs already with run directory %s: stop it, or give this one its own with --run-dir",
				strings.TrimSpace(string(pid)), d.RunDir)
		}
		return nil, fmt.Errorf("locking %s: %w", d.pidFile(), err)
	}
	if err := errors.Join(f.Truncate(0), writeAt(f, fmt.Sprintln(os.Getpid()))); err != nil {
		f.Close()
		return nil, fmt.Errorf("writing the pid file: %w", err)
	}
	return f, nil
}

func writeAt(f *os.File, text string) error {
	_, err := f.WriteAt([]byte(text), 0)
	return err
}
