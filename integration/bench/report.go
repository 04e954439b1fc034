//go:build linux

package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/integration/bench/proc"
	"github.com/lvs-director/director/integration/stage"
)

// writeReport puts the file together from what the parts have kept.
func writeReport(path string, all []part) error {
	var b strings.Builder
	m := describeMachine()
	fmt.Fprintf(&b, `# Benchmarks

Written by `+"`make bench`"+` on %s, %d processors, %s, %s. keepalived is the one that
Debian packages (%s), measured in the same run as director. Figures are medians, with the smallest and
the largest in brackets. Nothing else should run on the machine at the same time. No test asserts these
figures.
`, m.CPU, m.CPUs, m.Kernel, m.Release, m.Keepalived)
	for _, p := range all {
		k, err := p.kept()
		switch {
		case errors.Is(err, fs.ErrNotExist):
			fmt.Fprintf(&b, "\n## Not measured: %s\n\n    go run ./integration/bench -only %s\n", p.what, p.name)
			continue
		case err != nil:
			return err
		}
		text, err := sectionOf(p, k)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "\n%s", text)
	}
	b.WriteString(`
## Commands

    make bench                                       # all of it, about half an hour
    go run ./integration/bench -only steady,moves    # these parts; the others' figures stay
    go run ./integration/bench -trials 3             # fewer trials
    go run ./integration/bench -only table -counted  # on a busy machine: times are instructions, of one processor
    go run ./integration/bench -only none            # only this file, from the figures in integration/logs
    go run ./integration/bench -only none -into docs/scale.md   # the figures of that page, from the same
`)
	return os.WriteFile(path, []byte(b.String()), 0o644)
}

// sectionOf is what the report says of a part: its figures, and when and how they were measured.
func sectionOf(p part, k kept) (string, error) {
	var b strings.Builder
	text, err := p.section(k.Figures)
	if err != nil {
		return "", fmt.Errorf("read the figures of %s: %w", p.name, err)
	}
	if len(k.Figures) == 0 || string(k.Figures) == "null" {
		text = fmt.Sprintf("## Not measured: %s\n", p.what)
	}
	b.WriteString(text)
	if k.Error != "" {
		fmt.Fprintf(&b, "\n**Failed**, figures may be missing: %s.\n", strings.ReplaceAll(k.Error, "\n", "; "))
	}
	where, how := "on the machine's own kernel", ""
	switch {
	case k.Counted:
		where = "in an emulated guest of one processor whose clock counts instructions (500 million a second)"
		how = " -counted"
	case k.InGuest:
		where = "in an emulated guest, which makes everything slower"
	}
	fmt.Fprintf(&b, "\nMeasured on %s at %s, %s, in %v: `go run ./integration/bench -only %s -trials %d%s`\n",
		k.Day, k.Commit, where, k.Took.Round(time.Second), p.name, k.Trials, how)
	return b.String(), nil
}

type machine struct {
	CPU, Kernel, Release, Keepalived string
	CPUs                             int
}

func describeMachine() machine {
	m := machine{CPUs: runtime.NumCPU()}
	info, _ := os.ReadFile("/proc/cpuinfo")
	m.CPU = field(string(info), "model name", ":")
	release, _ := os.ReadFile("/etc/os-release")
	m.Release = strings.Trim(field(string(release), "PRETTY_NAME", "="), `"`)
	m.Kernel = output("uname", "-sr")
	m.Keepalived = keepalivedVersion()
	return m
}

// keepalivedVersion is the first line of keepalived -v, which goes to standard error.
func keepalivedVersion() string {
	k := stage.Keepalived()
	if k.Path == "" {
		return "version unknown"
	}
	cmd := exec.Command(k.Path, "-v")
	cmd.Env = append(os.Environ(), k.Env...)
	out, _ := cmd.CombinedOutput()
	line, _, _ := strings.Cut(string(out), "\n")
	return cmp.Or(strings.TrimSpace(line), "version unknown")
}

// field finds "name SEPARATOR value" in a text of lines.
func field(text, name, separator string) string { return proc.Field(text, name, separator) }

func output(argv ...string) string {
	out, err := exec.Command(argv[0], argv[1:]...).Output()
	if err != nil {
		return "unknown"
	}
	return strings.TrimSpace(string(out))
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
}

func megabytes(bytes int64) string { return fmt.Sprintf("%.1f MB", float64(bytes)/(1<<20)) }

func percent(share float64) string { return fmt.Sprintf("%.1f %%", 100*share) }

// spread is the median with the smallest and the largest.
func spread(values []time.Duration) string {
	return spreadOf(values, milliseconds, func(d time.Duration) string {
		return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond))
	})
}

// spreadOf is spread for values of any kind; bare writes one without its unit.
func spreadOf[T cmp.Ordered](values []T, whole, bare func(T) string) string {
	switch len(values) {
	case 0:
		return "not measured"
	case 1:
		return whole(values[0])
	}
	return fmt.Sprintf("%s (%s-%s)", whole(median(values)), bare(slices.Min(values)), bare(slices.Max(values)))
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
