//go:build linux

package main

import (
	"os/exec"
	"strings"
	"testing"
)

// TestAProgramThatDoesNotRunHasNoFigure: such as a keepalived that lacks a library.
func TestAProgramThatDoesNotRunHasNoFigure(t *testing.T) {
	here := func(start func() error) error { return start() }
	for script, want := range map[string]string{
		"exit 0": "", "exit 1": "", "exit 5": "",
		"echo lacks a library >&2; exit 127": "lacks a library",
		"kill -9 $$":                         "killed",
	} {
		var row checkedRow
		err := checkOnce(here, exec.Command("sh", "-c", script), &row)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", script, err, want)
		}
		if (len(row.Wall) == 1) != (err == nil) {
			t.Errorf("%s: it counts as measured: %+v", script, row)
		}
	}
}
