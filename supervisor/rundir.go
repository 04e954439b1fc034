package supervisor

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/keepalived/commandline"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/hostcheck"
	"github.com/lvs-director/director/supervisor/pidfile"
	"github.com/lvs-director/director/worker"
	"github.com/lvs-director/director/worker/journal"
)

// runFiles are the supervisor's files in the run directory. They may be missing at
// the start, where the directory is full or cannot be written, and a cleaner of
// temporary files, or rm -rf, may take them away at any time.
type runFiles struct {
	lock     *os.File          // the pid file, which is locked; nil when it could not be had
	listener *net.UnixListener // at the control socket; nil when it could not be made
	socket   os.FileInfo       // the file of the control socket; nil when it is not known
	derived  bool              // nobody chose the directory
	// readers is the socket of status_socket that the program before had, for readersGroup; nil is none.
	readers      *net.UnixListener
	readersGroup string
	problem      string // why not all of them are there; empty when they are
}

// errRunsAlready is what the lock of another director means.
var errRunsAlready = errors.New("a director runs already")

// openRunDir makes the run directory this process's own. Without the files that
// cannot be written director goes on, and keepRunDir writes them later. An
// error says that another director has the directory.
func openRunDir(o *Options) (runFiles, error) {
	f := runFiles{derived: o.derived}
	var failed []error
	lock, err := lockRunDir(o.RunDir)
	if errors.Is(err, errRunsAlready) {
		return f, err
	}
	if f.lock = lock; lock == nil && answers(o.RunDir) {
		return f, fmt.Errorf("%w with run directory %s: stop it, or give this one its own with --run-dir", errRunsAlready,
			string(o.RunDir))
	}
	failed = append(failed, err)
	f.listener, err = control.Listen(o.RunDir.Control())
	failed = append(failed, err)
	f.lookAtSocket(o.RunDir)
	if err := errors.Join(failed...); err != nil {
		f.failed(o.Log, "the files of the run directory cannot be written: going on without them, trying again each second",
			err)
	}
	return f, nil
}

// answers says whether a director listens at the control socket.
func answers(d worker.RunDir) bool {
	c, err := net.DialTimeout("unix", d.Control(), time.Second)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// failed says once what is wrong with files of the run directory.
func (f *runFiles) failed(log *slog.Logger, what string, err error) {
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	if text == f.problem {
		return
	}
	f.problem = text
	log.Error(what, "error", text)
}

// lookAtSocket notes which file the control socket is.
func (f *runFiles) lookAtSocket(d worker.RunDir) {
	f.socket, _ = os.Stat(d.Control()) // one that is gone is made anew
}

// hasPidFile says whether the pid file is there, locked and written.
func (f *runFiles) hasPidFile(d worker.RunDir) bool {
	there, err := os.Stat(d.PidFile())
	return err == nil && there.Size() > 0 && f.isLock(there)
}

// isLock says whether file is the one that is locked.
func (f *runFiles) isLock(file os.FileInfo) bool {
	lock, err := f.lock.Stat()
	return err == nil && os.SameFile(lock, file)
}

// hasSocket says whether the control socket is there.
func (f *runFiles) hasSocket(d worker.RunDir) bool {
	there, err := os.Stat(d.Control())
	return err == nil && f.socket != nil && os.SameFile(f.socket, there)
}

// keepRunDir writes what could not be written before, and makes anew what
// somebody has removed. The workers see to their journals by themselves.
func (s *supervisor) keepRunDir() {
	f, dir := &s.files, s.opts.RunDir
	if f.problem == "" && f.hasPidFile(dir) && f.hasSocket(dir) {
		return
	}
	if err := s.restoreRunDir(); err != nil {
		f.failed(s.log, "files in the run directory were removed and cannot be made again", err)
		return
	}
	if f.problem != "" {
		f.problem = ""
		s.log.Info("the files of the run directory are written again", "run_dir", string(dir))
		return
	}
	s.log.Warn("files in the run directory were removed: made them again", "run_dir", string(dir))
}

// restoreRunDir makes each file that is missing.
func (s *supervisor) restoreRunDir() error {
	f, dir := &s.files, s.opts.RunDir
	var failed []error
	if !f.hasPidFile(dir) || f.problem != "" {
		failed = append(failed, f.restorePidFile(dir)) // it fails when another director has come in between
	}
	if !f.hasSocket(dir) {
		l, err := control.Listen(dir.Control())
		if err == nil {
			s.gate.Replace(l)
			f.listener = l
			f.lookAtSocket(dir)
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

func (f *runFiles) restorePidFile(dir worker.RunDir) error {
	if there, err := os.Stat(dir.PidFile()); err == nil && f.isLock(there) {
		again, err := os.OpenFile(dir.PidFile(), os.O_RDWR, 0) // the lock may be open for reading only
		if err != nil {
			return fmt.Errorf("opening the pid file: %w", err)
		}
		defer again.Close()
		return writePid(again)
	}
	lock, err := lockRunDir(dir)
	if lock != nil {
		f.lock.Close()
		f.lock = lock
	}
	return err
}

// close ends what Go has of them. The pid file of a director that ends is removed.
func (f *runFiles) close(d worker.RunDir) {
	if there, err := os.Stat(d.PidFile()); err == nil && f.isLock(there) {
		os.Remove(d.PidFile())
	}
	f.lock.Close()
	if f.listener != nil {
		f.listener.Close()
	}
	if f.derived {
		// Whoever makes and removes daemons leaves no directory of each. What still has a key
		// stays, with the directory.
		for _, name := range []string{worker.VRRP, worker.LVS} {
			_ = journal.RemoveEmpty(d.Journal(name))
		}
		_ = os.Remove(string(d))
	}
}

// lockRunDir makes the run directory this process's own until it ends. The
// lock is the kernel's: a file that a dead director left means nothing. With a
// file that is locked and cannot be written both results are set.
func lockRunDir(d worker.RunDir) (*os.File, error) {
	if err := os.MkdirAll(string(d), 0o755); err != nil {
		return nil, fmt.Errorf("making the run directory: %w", err)
	}
	f, err := os.OpenFile(d.PidFile(), os.O_RDWR|os.O_CREATE, 0o644)
	if errors.Is(err, syscall.EROFS) {
		if old, failed := os.Open(d.PidFile()); failed == nil {
			f, err = old, nil // it can be locked
		}
	}
	if err != nil {
		return nil, fmt.Errorf("opening the pid file: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			pid, _ := os.ReadFile(d.PidFile())
			return nil, fmt.Errorf("%w (pid %s) with run directory %s: stop it, or give this one its own with --run-dir",
				errRunsAlready, strings.TrimSpace(string(pid)), string(d))
		}
		return nil, fmt.Errorf("locking %s: %w", d.PidFile(), err)
	}
	return f, writePid(f)
}

// writePid writes the pid of this process to the pid file.
func writePid(f *os.File) error {
	text := fmt.Appendln(nil, os.Getpid())
	_, err := f.WriteAt(text, 0)
	if err == nil {
		err = f.Truncate(int64(len(text)))
	}
	if err != nil {
		return fmt.Errorf("writing the pid file: %w", err)
	}
	return nil
}

// identity is what tells a daemon apart from others on this host, beside its files. It does
// not change at a reload.
type identity struct{ namespace, instance string }

// identify takes over what a configuration calls this daemon.
func (c *Options) identify(cfg *conf.Config) {
	c.identity = identity{cfg.NetworkNamespace, cfg.InstanceName}
	if c.Identify != nil {
		c.Identify(commandline.Identifier("", cfg.NetworkNamespace, cfg.InstanceName))
	}
}

// nameProcess has ps show the name that a configuration gives the supervisor.
func nameProcess(log *slog.Logger, names conf.ProcessNames) {
	name := commandline.ProcessName(os.Args[0], "", worker.ProcessName(""), names)
	if err := worker.SetProcessName(name); err != nil {
		log.Warn("failed to set the name of this process", "error", err)
	}
}

// pidFiles are those that other programs follow this daemon by: with keepalived's command
// line always, else when the configuration asks for some. The run directory follows from
// them unless it was given.
func (c *Options) pidFiles(cfg *conf.Config) (pids commandline.PidFiles) {
	flags := c.Keepalived
	if flags == nil && (cfg.UsePIDDir || cfg.InstanceName != "") {
		flags = &commandline.Options{}
	}
	if flags != nil {
		pids = flags.PidFiles(cfg.NetworkNamespace, cfg.InstanceName, cfg.UsePIDDir)
	}
	if c.RunDir == "" {
		c.derived = true
		c.RunDir = worker.RunDir(commandline.RunDir(pids.Main))
	}
	if c.OnlyVRRP {
		pids.Checkers = ""
	}
	if c.OnlyCheckers {
		pids.VRRP = ""
	}
	return pids
}

// newPids are the files that are written; those that have no name are not.
func newPids(names commandline.PidFiles) (s pidfile.Set) {
	s.Add("", names.Main)
	s.Add(worker.VRRP, names.VRRP)
	s.Add(worker.LVS, names.Checkers)
	return s
}

// refuseRunning looks for the load balancer that the pid file names. Any other program has
// the pid of one that is gone, and another configuration is another daemon, which was
// started since.
func (c *Options) refuseRunning(pids commandline.PidFiles) error {
	if pids.Main == "" {
		return nil
	}
	pid, err := pidfile.Read(pids.Main)
	if err != nil || pid == os.Getpid() {
		return nil // what is no pid file is overwritten, or cannot be written
	}
	program, file, ok := hostcheck.Running(pid)
	if !ok || !sameFile(fmt.Sprintf("/proc/%d/root%s", pid, file), c.File) {
		c.Log.Info("the pid file was left by a process that is gone", "file", pids.Main, "pid", pid)
		return nil
	}
	return fmt.Errorf("%s (pid %d, of %s) runs already with %s: stop it first", program, pid, pids.Main, c.File)
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// noSNMP is the problem of who asks for an SNMP agent.
const noSNMP = "SNMP is not served (-x, -A): docs/migrate.md says what replaces each value that is polled"

// endStart ends the command that started this daemon, if there is one, with success.
func (s *supervisor) endStart() {
	if why := s.pids.Problem(); why != "" {
		s.log.Error("pid files are not written, trying again each second", "error", why)
		fmt.Fprintln(s.opts.Daemon, "director: warning:", why)
	}
	s.opts.Daemon.Ready()
	s.opts.Daemon = nil
}
