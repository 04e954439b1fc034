package tracking

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
)

const (
	// processPause is the time between two looks at the processes. Reading /proc,
	// unlike the process connector, needs no privilege and works in containers.
	processPause = 500 * time.Millisecond
	// commSize is how much of a program's name the kernel keeps, in bytes.
	commSize = 15
	// commandSize is how much of a command line is looked at, in bytes.
	commandSize = 4096
)

// processWatch returns the watch of a vrrp_track_process: the present one when it
// looks for the same processes.
func (t *Trackers) processWatch(k id, c *conf.TrackProcess) *watch {
	if old := t.watches[k]; old != nil {
		same := *c
		same.Weight, same.Reverse = old.process.Weight, old.process.Reverse
		if reflect.DeepEqual(&same, old.process) {
			return old
		}
	}
	return &watch{id: k, process: c, verdict: newVerdict(1, 1, false)}
}

// count reports whether enough processes run, whenever the answer has changed for
// as long as the delays ask. told is the answer before, if it is known.
func (t *Trackers) count(ctx context.Context, w *watch, c *conf.TrackProcess, told, known bool) {
	ticker := time.NewTicker(processPause)
	defer ticker.Stop()
	var since time.Time // the answer differs from what was told
	for {
		n := matching(t.proc, c)
		ok := n >= c.Quorum && (c.QuorumMax == 0 || n <= c.QuorumMax)
		delay := c.TerminateDelay
		if ok {
			delay = c.ForkDelay
		}
		switch {
		case known && ok == told:
			since = time.Time{}
		case known && since.IsZero() && delay > 0:
			since = time.Now()
		case !known || time.Since(since) >= delay:
			r := Result{watch: w, ok: ok, at: time.Now()}
			r.reason = fmt.Sprintf("%d processes run, want %s", n, wantedProcesses(c))
			select {
			case t.results <- r:
			case <-ctx.Done():
				return
			}
			told, known, since = ok, true, time.Time{}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func wantedProcesses(c *conf.TrackProcess) string {
	if c.QuorumMax == 0 {
		return fmt.Sprintf("%d or more", c.Quorum)
	}
	return fmt.Sprintf("%d to %d", c.Quorum, c.QuorumMax)
}

// matching counts the processes in a proc file system that c asks for. Zombies do
// not count, and neither does a process that ends meanwhile.
func matching(proc fs.FS, c *conf.TrackProcess) int {
	entries, err := fs.ReadDir(proc, ".")
	if err != nil || len(c.Argv) == 0 {
		return 0
	}
	n := 0
	for _, e := range entries {
		if _, err := strconv.Atoi(e.Name()); err == nil && isMeant(proc, e.Name(), c) {
			n++
		}
	}
	return n
}

func isMeant(proc fs.FS, pid string, c *conf.TrackProcess) bool {
	name, alive := nameOf(readSome(proc, pid+"/stat"))
	if !alive {
		return false
	}
	if !c.FullCommand && len(c.Argv) == 1 && c.Match == "" {
		wanted := path.Base(c.Argv[0])
		return name == wanted[:min(len(wanted), commSize)]
	}
	return matchCommand(commandLine(readSome(proc, pid+"/cmdline")), c.Argv, c.Match)
}

// nameOf reads a stat file (proc_pid_stat(5)); the name, in parentheses, may
// hold anything.
func nameOf(stat []byte) (name string, alive bool) {
	open, end := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || end < open || len(stat) < end+3 {
		return "", false
	}
	state := stat[end+2]
	return string(stat[open+1 : end]), state != 'Z' && state != 'X'
}

// commandLine splits what a cmdline file holds into its words.
func commandLine(text []byte) []string {
	if len(text) == 0 {
		return nil // a kernel thread
	}
	return strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")
}

// matchCommand compares a command line with the wanted one: all words, or with
// match "partial" the first ones, or with "initial" the last of them only as
// far as it goes.
func matchCommand(got, want []string, match string) bool {
	if len(got) < len(want) || len(got) > len(want) && match != "partial" && match != "initial" {
		return false
	}
	last := len(want) - 1
	for i, word := range want {
		if got[i] != word && !(match == "initial" && i == last && i > 0 && strings.HasPrefix(got[i], word)) {
			return false
		}
	}
	return true
}

func readSome(proc fs.FS, name string) []byte {
	f, err := proc.Open(name)
	if err != nil {
		return nil
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, commandSize))
	if err != nil {
		return nil
	}
	return text
}
