package supervisor

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/worker"
)

// runFiles are the supervisor's files in the run directory. A cleaner of
// temporary files, or rm -rf, may take them away at any time.
type runFiles struct {
	lock    *os.File    // the pid file, which is locked
	socket  os.FileInfo // the file of the control socket; nil when it is not known
	problem string      // why they are not there
}

// lookAtSocket notes which file the control socket is.
func (s *supervisor) lookAtSocket() {
	s.files.socket, _ = os.Stat(s.opts.RunDir.Control()) // one that is gone is made anew
}

// keepRunDir makes anew what somebody has removed. The workers see to their
// journals by themselves. It says so once, and once why it cannot.
func (s *supervisor) keepRunDir() {
	dir := s.opts.RunDir
	pidFile, _ := os.Stat(dir.PidFile())
	socket, _ := os.Stat(dir.Control())
	lock, err := s.files.lock.Stat()
	if err == nil && pidFile != nil && os.SameFile(lock, pidFile) && socket != nil && s.files.socket != nil &&
		os.SameFile(socket, s.files.socket) {
		s.files.problem = ""
		return
	}
	if err := s.restoreRunDir(); err != nil {
		if text := err.Error(); text != s.files.problem {
			s.files.problem = text
			s.log.Error("files in the run directory were removed and cannot be made again", "error", err)
		}
		return
	}
	s.files.problem = ""
	s.log.Warn("files in the run directory were removed: made them again", "run_dir", string(dir))
}

func (s *supervisor) restoreRunDir() error {
	dir := s.opts.RunDir
	pidFile, _ := os.Stat(dir.PidFile())
	if lock, err := s.files.lock.Stat(); err != nil || pidFile == nil || !os.SameFile(lock, pidFile) {
		l, err := lockRunDir(dir) // it fails when another director has come in between
		if err != nil {
			return err
		}
		s.files.lock.Close()
		s.files.lock = l
	}
	l, err := control.Listen(dir.Control())
	if err != nil {
		return err
	}
	s.gate.Replace(l)
	s.lookAtSocket()
	return nil
}

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
			return nil, fmt.Errorf("a director (pid %s) runs already with run directory %s: stop it, or give this one its "+
				"own with --run-dir",
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
