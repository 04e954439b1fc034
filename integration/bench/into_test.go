//go:build linux

package main

import (
	"errors"
	"strings"
	"testing"
)

// TestIntoAPage: the figures of a page are replaced, and nothing else of it; twice is as once.
func TestIntoAPage(t *testing.T) {
	const page = "# Page\n\nbefore\n\n<!-- bench a -->\nold\n<!-- end of bench -->\n\nafter\n"
	const want = "# Page\n\nbefore\n\n<!-- bench a -->\n\n### New\n\n1\n\n<!-- end of bench -->\n\nafter\n"
	section := func(name string) (string, error) {
		if name != "a" {
			return "", errors.New("there is no such part")
		}
		return "## The part\n\n### New\n\n1\n", nil
	}
	got, err := into(page, section)
	if err != nil || got != want {
		t.Errorf("%v, %q, want %q", err, got, want)
	}
	if again, err := into(got, section); err != nil || again != want {
		t.Errorf("a second time: %v, %q", err, again)
	}
	for _, bad := range []string{
		"no marks\n", "<!-- bench a -->\nno end\n", "<!-- bench a\n<!-- end of bench -->\n",
		strings.ReplaceAll(page, "bench a", "bench b"),
	} {
		if got, err := into(bad, section); err == nil {
			t.Errorf("%q becomes %q", bad, got)
		}
	}
}
