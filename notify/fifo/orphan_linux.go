package fifo

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/notify/program"
)

// recorded is the program that reads a FIFO, in a file of the run directory: a director that was
// killed has left it running, and it would share the FIFO with the one that the next director
// starts.
type recorded struct {
	pid  int
	mark string // of this process and no other that has its number: when it began, in which boot
}

// recordFile is where the program of a FIFO is noted; empty is nowhere.
func (p *pipe) recordFile() string {
	if p.dir == "" {
		return ""
	}
	return filepath.Join(p.dir, p.keyword+".reader")
}

// note keeps which program reads the FIFO. Without the file everything but the end of an orphan works.
func (p *pipe) note(pid int) {
	mark, alive := markOf(pid)
	if name := p.recordFile(); name != "" && alive {
		if err := os.WriteFile(name, []byte(fmt.Sprintf("%d %s\n", pid, mark)), 0o600); err != nil {
			p.log.Warn("the program that reads a FIFO is not noted: if director is killed it stays", "fifo", p.keyword,
				"pid", pid, "error", err)
		}
	}
}

// unnote forgets the program, which has ended.
func (p *pipe) unnote() {
	if name := p.recordFile(); name != "" {
		_ = os.Remove(name) // a number that means nothing any more is harmless
	}
}

// orphan is the program that a director before this one has left running; false is none.
func (p *pipe) orphan() (r recorded, ok bool) {
	name := p.recordFile()
	if name == "" {
		return r, false
	}
	var text [128]byte
	f, err := os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return r, false // there is none, or nothing can be known of it
	}
	defer f.Close()
	n, _ := f.Read(text[:]) // what is not whole is no record
	number, mark, _ := strings.Cut(strings.TrimSpace(string(text[:n])), " ")
	r.mark = mark
	if r.pid, err = strconv.Atoi(number); err != nil || r.pid <= 1 {
		return r, false
	}
	return r, r.alive()
}

func (r recorded) alive() bool {
	mark, alive := markOf(r.pid)
	return alive && mark == r.mark
}

// end ends it and its group, as a program is ended that has had its time.
func (r recorded) end() {
	for _, s := range []unix.Signal{unix.SIGTERM, unix.SIGKILL} {
		if !r.alive() {
			return
		}
		_ = unix.Kill(-r.pid, s) // it has ended
		for end := time.Now().Add(program.KillDelay); r.alive() && time.Now().Before(end); {
			time.Sleep(stopLook)
		}
	}
}

// markOf is the mark of a process that leads a group; false when it has ended.
func markOf(pid int) (string, bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	boot, failed := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil || failed != nil {
		return "", false
	}
	// proc_pid_stat(5): the state, the parent, the group, and the start as the 20th behind the name.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[2] != strconv.Itoa(pid) {
		return "", false
	}
	return fields[19] + " " + strings.TrimSpace(string(boot)), true
}
