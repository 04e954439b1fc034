//go:build linux

package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/integration/lab"
)

// report is all that the file says.
type report struct {
	Machine machine
	Times   []timesRow
	Gaps    []gapRow
	InGuest bool
}

type machine struct {
	CPU, Kernel, Release, Commit string
	CPUs                         int
	Day                          string
}

func describeMachine() machine {
	m := machine{CPUs: runtime.NumCPU(), Day: time.Now().UTC().Format(time.DateOnly)}
	info, _ := os.ReadFile("/proc/cpuinfo")
	m.CPU = field(string(info), "model name", ":")
	release, _ := os.ReadFile("/etc/os-release")
	m.Release = strings.Trim(field(string(release), "PRETTY_NAME", "="), `"`)
	m.Kernel = output("uname", "-sr")
	m.Commit = output("git", "-C", lab.ModuleRoot(), "rev-parse", "--short", "HEAD")
	return m
}

// field finds "name SEPARATOR value" in a text of lines.
func field(text, name, separator string) string {
	for line := range strings.Lines(text) {
		if key, value, ok := strings.Cut(line, separator); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func output(argv ...string) string {
	out, err := exec.Command(argv[0], argv[1:]...).Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

// markdown is the file's text.
func (r report) markdown(n int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# Benchmarks

Written by `+"`make bench`"+` on %s: %s, %d processors, %s, %s; director at %s, keepalived as Debian
packages it, both in the same run. Each figure is the median of %d, with the smallest and the largest
in brackets. Nothing else should run on the machine meanwhile.

## From the loss of the master to the new one's advertisement

Two routers of priority 200 and 100, VRRP version 3, in network namespaces on the machine's own
kernel; times are those of the packets at a third host. For a kill (SIGKILL to all processes of the
master), from its last advertisement to the first of the new master; for a stop, from the SIGTERM.

| master | interval | RFC 9568 | keepalived | director |
|---|---|---|---|---|
`, r.Machine.Day, r.Machine.CPU, r.Machine.CPUs, r.Machine.Kernel, r.Machine.Release, r.Machine.Commit, n)
	for _, s := range series {
		what := "killed"
		if s.graceful {
			what = "asked to stop"
		}
		rfc, cells := time.Duration(0), map[string]string{}
		for _, row := range r.Times {
			if row.Interval == s.interval && row.Graceful == s.graceful {
				rfc = row.RFC
				cells[row.Kind] = spread(row.Took)
				if row.Unstable > 0 {
					cells[row.Kind] += fmt.Sprintf("; %d thrown away", row.Unstable)
				}
			}
		}
		fmt.Fprintf(&b, "| %s | %v | %s | %s | %s |\n", what, s.interval, milliseconds(rfc), cells["keepalived"], cells["director"])
	}
	b.WriteString("\nThrown away: trials in which the backup had taken over before the loss.\n")
	where := "on the machine's own kernel"
	if r.InGuest {
		where = "in an emulated guest, which adds to every answer"
	}
	fmt.Fprintf(&b, `
## What a client sees

A pair in NAT with two real servers, one advertisement a second, and a client that starts a request
every 20 ms on a connection of its own; %s. The gap is the longest time between two answers;
a request fails when it is refused, reset, or not answered in a second.

| event | allowed | keepalived: gap | failed | director: gap | failed |
|---|---|---|---|---|---|
`, where)
	for _, event := range []string{eventCrash, eventGraceful} {
		var allowed time.Duration
		gaps, failed := map[string]string{}, map[string]int{}
		for _, row := range r.Gaps {
			if row.Event == event {
				allowed, gaps[row.Kind], failed[row.Kind] = row.Allowed, spread(row.Gap), median(row.Failed)
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %s | %d |\n", event, milliseconds(allowed),
			gaps["keepalived"], failed["keepalived"], gaps["director"], failed["director"])
	}
	b.WriteString("\nA gap may be shorter than allowed: the host is lost at any moment between two advertisements.\n")
	return b.String()
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

// spread is the median with the smallest and the largest.
func spread(values []time.Duration) string {
	if len(values) == 0 {
		return "not measured"
	}
	return fmt.Sprintf("%s (%.1f-%.1f)", milliseconds(median(values)),
		float64(slices.Min(values))/float64(time.Millisecond), float64(slices.Max(values))/float64(time.Millisecond))
}

// median is the middle value, the upper one of two.
func median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	if len(sorted) == 0 {
		var zero T
		return zero
	}
	return sorted[len(sorted)/2]
}
