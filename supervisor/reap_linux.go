package supervisor

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// As PID 1, the first process of a container, director inherits every process
// whose parent has ended, such as what a script has left in the background, and
// nobody else takes in how those end.

// reapInterval is how often it looks for them. Whoever started a process waits
// for it and has its end at once; what is still there the second time nobody
// waits for.
const reapInterval = 5 * time.Second

// reaper takes in how processes ended that nobody waits for. It belongs to the loop.
type reaper struct {
	needed bool
	last   time.Time
	seen   map[int]bool // had ended at that time
}

// newReaper is one for this process.
func newReaper() reaper {
	var subreaper int32
	_ = unix.Prctl(unix.PR_GET_CHILD_SUBREAPER, uintptr(unsafe.Pointer(&subreaper)), 0, 0, 0) // 0 when there is none
	return reaper{needed: os.Getpid() == 1 || subreaper != 0}
}

// reap looks for such processes when it is time to. owned says that somebody
// waits for one all the same.
func (r *reaper) reap(now time.Time, owned func(pid int) bool) {
	since := now.Sub(r.last)
	if !r.needed || since < reapInterval {
		return
	}
	r.last = now
	before := r.seen
	r.seen = make(map[int]bool)
	for _, pid := range endedChildren() {
		switch {
		case owned(pid):
		case before[pid] && since < 2*reapInterval: // we were late, and others may be
			_, _ = syscall.Wait4(pid, nil, syscall.WNOHANG, nil) // if somebody was faster, so much the better
		default:
			r.seen[pid] = true
		}
	}
}

// endedChildren are the children of this process that have ended and that
// nobody has waited for yet.
func endedChildren() (list []int) {
	procs, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, p := range procs {
		pid, err := strconv.Atoi(p.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + p.Name() + "/stat")
		if err != nil {
			continue // it is gone
		}
		// "PID (name) STATE PARENT ...": a name may have anything in it.
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) > 1 && string(fields[0]) == "Z" && string(fields[1]) == strconv.Itoa(os.Getpid()) {
			list = append(list, pid)
		}
	}
	return list
}
