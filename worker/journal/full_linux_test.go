package journal_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lvs-director/director/worker/journal"
)

// full is a directory on a file system without room; the function makes room.
func full(t *testing.T) (dir string, free func()) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("none", dir, "tmpfs", 0, "size=32k"); errors.Is(err, syscall.EPERM) {
		t.Skip("SKIP: only root can mount a file system")
	} else if err != nil {
		t.Fatalf("mounting a file system for the test: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir, func() { must(t, os.Remove(filepath.Join(dir, "full"))) }
}

func fill(dir string) {
	f, err := os.Create(filepath.Join(dir, "full"))
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	f.Close()
}

// A journal begins in memory on a full disk.
func TestStartOnAFullDisk(t *testing.T) {
	dir, free := full(t)
	fill(dir)
	path := filepath.Join(dir, "journal")
	j, err := journal.OpenAnyway(path, "e")
	if j == nil || err == nil || !strings.Contains(err.Error(), "no space left") {
		t.Fatalf("%v %v, want a journal and why it is not written", j, err)
	}
	must(t, j.Claim("a"))
	_, err = j.Restore()
	if err == nil || j.Written() {
		t.Errorf("written on a full disk (%v)", err)
	}
	if _, again := j.Restore(); again == nil || again.Error() != err.Error() {
		t.Errorf("the same trouble is told in other words, and so again and again: %v, %v", err, again)
	}
	free()
	if changed, err := j.Restore(); !changed || err != nil || !j.Written() {
		t.Errorf("not written although there is room: %v %v", changed, err)
	}
	must(t, j.Close())
	if d := cmp.Diff([]string{"a"}, open(t, path, "e").Held()); d != "" {
		t.Error(d)
	}
}

// A disk that gets full keeps nobody from making and removing things.
func TestADiskThatGetsFull(t *testing.T) {
	dir, free := full(t)
	path := filepath.Join(dir, "journal")
	j := open(t, path, "e")
	must(t, j.Claim("first"))
	fill(dir)
	var want []string
	for n := range 500 { // more than the rest of a page
		key := fmt.Sprintf("address eth0 10.0.%d.%d/32", n/250, n%250)
		want = append(want, key)
		must(t, j.Claim(key))
	}
	must(t, j.Release("first"))
	if j.Written() {
		t.Fatal("the disk is not full")
	}
	if _, err := j.Restore(); err == nil {
		t.Fatal("written on a full disk")
	}
	crashed, err := os.ReadFile(path)
	must(t, err)
	if !strings.Contains(string(crashed), "+first\n") {
		t.Errorf("a journal that could not be written has taken the place of the one that was: %q", crashed)
	}
	free()
	if changed, err := j.Restore(); !changed || err != nil {
		t.Errorf("not written although there is room: %v %v", changed, err)
	}
	must(t, j.Close())
	again := open(t, path, "e").Held()
	if len(again) != len(want) || again[0] == "first" {
		t.Errorf("%d keys, want %d: %v", len(again), len(want), again[0])
	}
}
