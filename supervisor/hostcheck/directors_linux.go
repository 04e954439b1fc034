package hostcheck

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/lvs-director/director/worker"
)

// Director is a director that runs on this host.
type Director struct {
	Pid    int
	RunDir worker.RunDir // as it sees it
	// Reach is the run directory as this process reaches it: that of a director in a container
	// is below /proc/PID/root.
	Reach worker.RunDir
}

// Directors lists the directors of this host, whatever their network namespace. A director
// is a process that holds the lock of a run directory; so nothing has to be noted anywhere,
// and nothing that is noted can be out of date.
func Directors() ([]Director, error) {
	holders := lockHolders()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("looking for directors: %w", err)
	}
	name := filepath.Base(worker.RunDir("").PidFile())
	var list []Director
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || holders != nil && !holders[pid] {
			continue
		}
		proc := filepath.Join("/proc", e.Name())
		descriptors, err := os.ReadDir(filepath.Join(proc, "fd"))
		if err != nil {
			continue // it ended, or belongs to another user
		}
		for _, d := range descriptors {
			link := filepath.Join(proc, "fd", d.Name())
			path, err := os.Readlink(link)
			path = strings.TrimSuffix(path, " (deleted)")
			if err != nil || filepath.Base(path) != name || !isLocked(link) {
				continue
			}
			dir := worker.RunDir(filepath.Dir(path))
			list = append(list, Director{Pid: pid, RunDir: dir, Reach: reach(proc, link, dir)})
			break
		}
	}
	return list, nil
}

// lockHolders are the processes with a lock of flock(2); nil when the kernel does not list
// them, and any process may be one.
func lockHolders() map[int]bool {
	text, err := os.ReadFile("/proc/locks")
	if err != nil {
		return nil
	}
	holders := make(map[int]bool)
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line) // 1: FLOCK ADVISORY WRITE 123 00:17:45 0 EOF
		if len(words) < 5 || words[1] != "FLOCK" {
			continue
		}
		if pid, err := strconv.Atoi(words[4]); err == nil {
			holders[pid] = true
		}
	}
	if len(holders) == 0 {
		return nil
	}
	return holders
}

// isLocked says whether somebody holds the lock of a file.
func isLocked(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	return syscall.Flock(int(f.Fd()), syscall.LOCK_SH|syscall.LOCK_NB) == syscall.EWOULDBLOCK
}

// reach is where a run directory is for this process.
func reach(proc, link string, dir worker.RunDir) worker.RunDir {
	theirs, err := os.Stat(link)
	if err != nil {
		return dir
	}
	if ours, err := os.Stat(dir.PidFile()); err == nil && os.SameFile(ours, theirs) {
		return dir
	}
	return worker.RunDir(filepath.Join(proc, "root", string(dir)))
}
