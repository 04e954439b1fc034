package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// TestPlacesOfACommand: a command is in the list of commands, has a help text
// with an example, a golden script, and is mentioned in README.md or docs. It
// fails when a new command is forgotten in one of them.
func TestPlacesOfACommand(t *testing.T) {
	read := func(patterns ...string) string {
		var all strings.Builder
		for _, p := range patterns {
			files, err := filepath.Glob(p)
			if err != nil || len(files) == 0 {
				t.Fatalf("%s: no files (%v)", p, err)
			}
			for _, f := range files {
				text, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				all.Write(text)
			}
		}
		return all.String()
	}
	documents := read("../../README.md", "../../docs/*.md")
	scripts := read("testdata/script/*.txtar")
	var list bytes.Buffer
	if code := run([]string{"--help"}, &list, &list, nil); code != 0 {
		t.Fatalf("director --help: exit status %d", code)
	}
	fields := reflect.TypeFor[commands]()
	for n := range fields.NumField() {
		f := fields.Field(n)
		if _, hidden := f.Tag.Lookup("hidden"); hidden {
			continue
		}
		name := strings.ToLower(f.Name)
		if own := f.Tag.Get("name"); own != "" {
			name = own
		}
		if !regexp.MustCompile(`(?m)^\s+` + name + `\b`).MatchString(list.String()) {
			t.Errorf("director --help does not list %s", name)
		}
		var help bytes.Buffer
		if code := run([]string{name, "--help"}, &help, &help, nil); code != 0 ||
			!strings.Contains(help.String(), "Example: ") ||
			!strings.Contains(help.String(), "director "+name) {
			t.Errorf("director %s --help: exit status %d, or no example with the command", name, code)
		}
		if !regexp.MustCompile(`director ` + name + `\b`).MatchString(documents) {
			t.Errorf("neither README.md nor docs mention director %s", name)
		}
		if !regexp.MustCompile(`exec director ` + name + `\b`).MatchString(scripts) {
			t.Errorf("no script of testdata runs director %s", name)
		}
	}
}
