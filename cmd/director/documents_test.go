package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocumentsNameTestsThatExist: a claim of the documents that names a test can be
// played.
func TestDocumentsNameTestsThatExist(t *testing.T) {
	const root = "../.."
	declared := make(map[string]bool)
	declaration := regexp.MustCompile(`(?m)^func (Test[A-Z0-9]\w*)\(`)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range declaration.FindAllSubmatch(text, -1) {
			declared[string(match[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	documents, err := filepath.Glob(root + "/docs/*.md")
	if err != nil || len(documents) == 0 {
		t.Fatalf("documents %q, error %v", documents, err)
	}
	named := regexp.MustCompile(`\bTest[A-Z0-9]\w*`)
	for _, name := range append(documents, root+"/README.md") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range named.FindAllString(string(text), -1) {
			if !declared[test] {
				t.Errorf("%s names %s, which is no test", filepath.Base(name), test)
			}
		}
	}
}
