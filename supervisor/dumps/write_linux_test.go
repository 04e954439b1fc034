package dumps_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/lvs-director/director/supervisor/dumps"
)

// TestAWatcherSeesTheWholeFile, as one does that waits for its close by inotify; nothing that it could take
// for the dump is there before, and the mode is 0600 whatever the umask.
func TestAWatcherSeesTheWholeFile(t *testing.T) {
	dir := t.TempDir()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err == nil {
		_, err = unix.InotifyAddWatch(fd, dir, unix.IN_ALL_EVENTS)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	path := filepath.Join(dir, "keepalived.json")
	text := bytes.Repeat([]byte("x"), 1<<20)
	for range 2 { // there is one already the second time
		if err := dumps.Write(path, text); err != nil {
			t.Fatal(err)
		}
		moved, closed := false, false
		buffer := make([]byte, 16384)
		n, err := unix.Read(fd, buffer)
		if err != nil {
			t.Fatal(err)
		}
		for rest := buffer[:n]; len(rest) >= unix.SizeofInotifyEvent; {
			e := (*unix.InotifyEvent)(unsafe.Pointer(&rest[0]))
			name := string(bytes.TrimRight(rest[unix.SizeofInotifyEvent:unix.SizeofInotifyEvent+int(e.Len)], "\x00"))
			rest = rest[unix.SizeofInotifyEvent+int(e.Len):]
			if name == "" {
				continue
			}
			if name != "keepalived.json" && !strings.HasPrefix(name, ".") {
				t.Errorf("there is a file %q", name)
			}
			if name == "keepalived.json" && e.Mask&unix.IN_MODIFY != 0 {
				t.Error("it is written in its place")
			}
			moved = moved || e.Mask&unix.IN_MOVED_TO != 0
			closed = closed || moved && name == "keepalived.json" && e.Mask&unix.IN_CLOSE_WRITE != 0
		}
		if !closed {
			t.Error("no CLOSE_WRITE of the final name")
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode() != 0o600 || info.Size() != int64(len(text)) {
			t.Errorf("%v, %v", info, err)
		}
	}
}

// TestLinksOfOthersAreNotFollowed: neither at the end of the path nor on the way.
func TestLinksOfOthersAreNotFollowed(t *testing.T) {
	dir := t.TempDir()
	open, target := filepath.Join(dir, "tmp"), filepath.Join(dir, "target")
	for _, d := range []string{open, target} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	link := func(to, at string) {
		t.Helper()
		if err := os.Symlink(to, at); err != nil {
			t.Fatal(err)
		}
	}
	victim := filepath.Join(target, "victim")
	if err := os.WriteFile(victim, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	link(victim, filepath.Join(open, "keepalived.data"))
	link(target, filepath.Join(open, "folder"))
	link("tmp", filepath.Join(dir, "fine"))
	if err := os.Chmod(open, 0o1777); err != nil {
		t.Fatal(err)
	}
	if err := dumps.Write(filepath.Join(open, "keepalived.data"), []byte("dump")); err != nil {
		t.Error(err)
	}
	if text, _ := os.ReadFile(victim); string(text) != "mine" {
		t.Errorf("the file behind the link is %q", text)
	}
	err := dumps.Write(filepath.Join(open, "folder", "x"), []byte("dump"))
	if err == nil || !strings.Contains(err.Error(), "symbolic link in a folder that others may write") {
		t.Errorf("a link of others: %v", err)
	}
	if err := dumps.Write(filepath.Join(dir, "fine", "x"), []byte("dump")); err != nil {
		t.Errorf("a link of root's own: %v", err)
	}
	for _, path := range []string{filepath.Join(dir, "none", "x"), filepath.Join(victim, "x"), open} {
		if err := dumps.Write(path, nil); err == nil {
			t.Errorf("%s was written", path)
		}
	}
	left, _ := filepath.Glob(filepath.Join(dir, ".*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestAFullDisk: nothing is in the place of the old file, and nothing is left behind.
func TestAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skip("SKIP: only root can mount a small disk: ", err)
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	path := filepath.Join(dir, "keepalived.stats")
	if err := dumps.Write(path, []byte("old")); err != nil {
		t.Fatal(err)
	}
	if err := dumps.Write(path, make([]byte, 1<<20)); err == nil {
		t.Error("a full disk is no error")
	}
	if text, _ := os.ReadFile(path); string(text) != "old" {
		t.Errorf("the file is %q", text)
	}
	if list, _ := os.ReadDir(dir); len(list) != 1 {
		t.Errorf("the folder has %v", list)
	}
}
