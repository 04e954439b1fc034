package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestStatusWithoutARunDirectory: a director whose run directory was removed is
// not said to be none.
func TestStatusWithoutARunDirectory(t *testing.T) {
	n := newNode(t)
	n.write(vip1)
	n.says(2, "status", "director is not running")
	n.start()
	n.has(vip1)
	if err := os.RemoveAll(filepath.Join(n.dir, "run")); err != nil {
		t.Fatal(err)
	}
	out, code := n.do("status")
	if code == 2 {
		t.Errorf("exit status %d\n%s", code, out)
	}
	n.says(code, "status", "! director is not running")
	n.has(vip1)
}
