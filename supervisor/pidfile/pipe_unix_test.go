//go:build unix

package pidfile_test

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/supervisor/pidfile"
)

// TestANamedPipeInItsPlaceHoldsNobodyUp, neither who reads it nor a daemon that reloads or ends: opening
// one to read waits for a writer, who may never come.
func TestANamedPipeInItsPlaceHoldsNobodyUp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "k.pid")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip(err)
	}
	done := make(chan error, 1)
	go func() {
		var s pidfile.Set
		s.Add("supervisor", path)
		s.Follow("supervisor", 12)
		s.Freshen()
		s.Remove()
		_, err := pidfile.Read(path)
		done <- err
	}()
	select {
	case err := <-done:
		if err == nil {
			t.Error("a named pipe was taken for a pid file")
		}
	case <-time.After(3 * time.Second):
		t.Fatal("still waiting for a writer of the pipe")
	}
}
