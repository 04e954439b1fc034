package workers

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"syscall"

	"github.com/lvs-director/director/worker"
	"github.com/lvs-director/director/worker/journal"
)

// A worker ends with its supervisor, unless it is stopped or hangs. Its addresses
// are then this host's for ever: nobody who comes later gets the journal to remove
// them by. So a worker that has no supervisor any more and does not let go of the
// journal is killed.

// endPredecessor kills the worker of a director that is gone, and says whether it
// could. Any other process that has the journal is left alone.
func endPredecessor(log *slog.Logger, d worker.RunDir, name string) bool {
	pid, err := journal.Holder(d.Journal(name))
	if err != nil || pid == 0 {
		return false // whoever opens the journal says that it is locked
	}
	p := look(pid)
	if !p.isWorker(d, name) || p.parent == os.Getppid() {
		return false
	}
	log.Error("killing a worker whose director is gone: it still has the journal", "worker", name, "pid", pid, "state",
		p.state)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		log.Error("failed to kill a worker whose director is gone", "worker", name, "pid", pid, "error", err)
		return false
	}
	return true
}

// other is another process.
type other struct {
	argv   []string
	parent int
	state  string // "T (stopped)"
}

func look(pid int) (o other) {
	if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil {
		o.argv = strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return o // it has ended
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch value = strings.TrimSpace(value); name {
		case "State":
			o.state = value
		case "PPid":
			_, _ = fmt.Sscan(value, &o.parent)
		}
	}
	return o
}

// isWorker says whether it is a worker of that name with that run directory.
func (o other) isWorker(d worker.RunDir, name string) bool {
	i := slices.Index(o.argv, "worker")
	dir := slices.Index(o.argv, "--run-dir")
	return i > 0 && i+1 < len(o.argv) && o.argv[i+1] == name && dir > 0 && dir+1 < len(o.argv) &&
		o.argv[dir+1] == string(d)
}
