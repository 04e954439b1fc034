//go:build linux

// Package proc reads what a process has used.
package proc

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// Tick is the unit in which the kernel tells processor time: USER_HZ is 100 on every architecture of Linux that
// Go knows.
const Tick = 10 * time.Millisecond

// Usage is what a process has used by now.
type Usage struct {
	CPU time.Duration // user and system
	RSS int64         // bytes resident
}

// Use reads what a process has used (proc_pid_stat(5), proc_pid_status(5)).
func Use(pid int) (u Usage, err error) {
	const userTime, systemTime = 11, 12 // counted from the state, which follows the name
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, err
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) <= systemTime {
		return u, fmt.Errorf("process %d: a stat file of %d fields", pid, len(fields))
	}
	for _, n := range []int{userTime, systemTime} {
		ticks, err := strconv.ParseInt(fields[n], 10, 64)
		if err != nil {
			return u, err
		}
		u.CPU += time.Duration(ticks) * Tick
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, err
	}
	kilobytes, _ := strconv.ParseInt(strings.TrimSuffix(Field(string(status), "VmRSS", ":"), " kB"), 10, 64)
	u.RSS = kilobytes << 10
	return u, nil
}

// Field finds "name SEPARATOR value" in a text of lines; "unknown" if it is not there.
func Field(text, name, separator string) string {
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, separator); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}
