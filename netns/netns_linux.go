package netns

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// dir has a file for each namespace with a name.
const dir = "/run/netns"

// path is the file of a namespace.
func path(name string) (string, error) {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return "", fmt.Errorf("network namespace %q: not a name", name)
	}
	return filepath.Join(dir, name), nil
}

// Inside says whether this process is in the namespace name. An error says why
// that cannot be known: most often there is no such namespace.
func Inside(name string) (bool, error) {
	file, err := path(name)
	if err != nil {
		return false, err
	}
	theirs, err := os.Stat(file)
	if err != nil {
		return false, explain(name, err)
	}
	ours, err := os.Stat("/proc/thread-self/ns/net")
	if err != nil {
		return false, fmt.Errorf("looking at the network namespace of this process: %w", err)
	}
	return os.SameFile(ours, theirs), nil
}

// Enter moves the calling thread into the namespace name. The thread must be
// locked to its goroutine and must not be used for anything else afterwards: it
// executes, forks, or ends. noSys says why /sys still shows the devices of the
// former namespace; the thread is in the namespace all the same.
func Enter(name string) (noSys, err error) {
	file, err := path(name)
	if err != nil {
		return nil, err
	}
	ns, err := os.Open(file)
	if err != nil {
		return nil, explain(name, err)
	}
	defer ns.Close()
	if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
		return nil, explain(name, err)
	}
	if err := mountSys(); err != nil {
		return fmt.Errorf("mounting /sys for network namespace %s: %w (programs see the network devices of the host there)",
			name, err), nil
	}
	return nil, nil
}

// Do runs f in the network namespace name, on a thread of its own that nothing
// else uses meanwhile; an empty name is that of this process. What f opens stays in
// that namespace. Goroutines that f starts are not in it, and /sys is the host's.
func Do(name string, f func() error) error {
	if name == "" {
		return f()
	}
	inside, err := Inside(name)
	if err != nil {
		return err
	}
	if inside {
		return f()
	}
	file, err := path(name)
	if err != nil {
		return err
	}
	ns, err := os.Open(file)
	if err != nil {
		return explain(name, err)
	}
	defer ns.Close()
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- explain(name, err)
			return
		}
		done <- f()
	}()
	return <-done
}

// Identity tells the namespace that has a name now from one that had it before; 0
// is no namespace of that name.
func Identity(name string) (uint64, error) {
	file, err := path(name)
	if err != nil {
		return 0, err
	}
	var st unix.Stat_t
	switch err := unix.Stat(file, &st); {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, explain(name, err)
	}
	return st.Ino, nil
}

// mountSys gives this thread a mount namespace with a sysfs of its network namespace.
func mountSys() error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	// Nothing of it goes back to the host; what the host mounts later is seen.
	if err := unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return err
	}
	return unix.Mount("sysfs", "/sys", "sysfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
}

// explain adds what an operator can do.
func explain(name string, err error) error {
	hint := ""
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("network namespace %s: there is none of this name (ip netns add %s)", name, name)
	case errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES):
		hint = " (CAP_SYS_ADMIN is needed)"
	case errors.Is(err, syscall.EINVAL):
		hint = fmt.Sprintf(" (%s is not the file of a network namespace)", filepath.Join(dir, name))
	}
	return fmt.Errorf("entering network namespace %s: %w%s", name, err, hint)
}
