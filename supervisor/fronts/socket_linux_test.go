package fronts_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lvs-director/director/supervisor/fronts"
	"github.com/lvs-director/director/worker"
)

// TestABusySocketIsLeft: a Unix socket at which another process listens is not taken away from it, be it too busy to
// answer.
func TestABusySocketIsLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "page.sock")
	fd, err := syscall.Socket(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fd)
	if err := syscall.Bind(fd, &syscall.SockaddrUnix{Name: path}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	before, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := 0; ; n++ { // until it has no room
		c, err := net.Dial("unix", path)
		if err != nil {
			break
		}
		defer c.Close()
		if n == 100 {
			t.Fatal("there is always room")
		}
	}
	_, err = fronts.Start(worker.RunDir(t.TempDir()), fronts.Socket{Path: path}, nil, nil)
	if err == nil || !strings.Contains(err.Error(), "another process listens there") {
		t.Errorf("error %v", err)
	}
	if after, err := os.Lstat(path); err != nil || !os.SameFile(before, after) {
		t.Errorf("its socket is gone: %v", err)
	}
}
