//go:build linux

package guest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// StarvedFile holds, in the guest, for how long this machine has kept the guest
// waiting for a processor: for each interval the longest time that a thread of
// QEMU was ready to run but did not, added up in nanoseconds, in 20 digits.
const StarvedFile = guestShare + "/" + starvedFile

const (
	guestShare   = "/run/guest/share" // where the guest finds the shared folder
	starvedFile  = "starved"
	starvedEvery = 50 * time.Millisecond
)

// watchStarvation updates the file until the context is done. On a kernel
// without scheduler statistics it stays at zero.
func watchStarvation(ctx context.Context, pid int, path string) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return
	}
	defer file.Close()
	var total time.Duration
	seen := map[string]time.Duration{}
	lastSteal := steal()
	tick := time.NewTicker(starvedEvery)
	defer tick.Stop()
	for {
		// A thread's account ends with the thread.
		now, most := map[string]time.Duration{}, time.Duration(0)
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
		for _, task := range tasks {
			text, err := os.ReadFile(task)
			fields := strings.Fields(string(text)) // on a processor, waiting, slices
			if err != nil || len(fields) < 2 {
				continue
			}
			waited, _ := strconv.ParseInt(fields[1], 10, 64)
			now[task] = time.Duration(waited)
			most = max(most, now[task]-seen[task])
		}
		stolen := steal()
		most = max(most, stolen-lastSteal)
		total += most
		seen, lastSteal = now, stolen
		file.WriteAt(fmt.Appendf(nil, "%020d", total), 0)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// steal is the time that this machine's own hypervisor has kept it waiting
// (proc_stat(5)).
func steal() time.Duration {
	const column, tick = 8, 10 * time.Millisecond
	text, _ := os.ReadFile("/proc/stat")
	line, _, _ := strings.Cut(string(text), "\n")
	fields := strings.Fields(line)
	if len(fields) <= column {
		return 0
	}
	ticks, _ := strconv.ParseInt(fields[column], 10, 64)
	return time.Duration(ticks) * tick
}
