package supervisor

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/lvs-director/director/worker"
)

// lockRunDir makes the run directory this process's own until it ends. The
// lock is the kernel's: a file that a dead director left means nothing.
func lockRunDir(d worker.RunDir) (*os.File, error) {
	if err := os.MkdirAll(string(d), 0o755); err != nil {
		return nil, fmt.Errorf("making the run directory: %w", err)
	}
	f, err := os.OpenFile(d.PidFile(), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the pid file: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			pid, _ := os.ReadFile(d.PidFile())
			return nil, fmt.Errorf("a director (pid %s) runs already with run directory %s: stop it, or give this one its own with --run-dir",
				strings.TrimSpace(string(pid)), string(d))
		}
		return nil, fmt.Errorf("locking %s: %w", d.PidFile(), err)
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
