package fifo_test

import (
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/notify/fifo"
)

// real is FIFOs with a program that runs.
func real(t *testing.T, dir, script string) *fifo.FIFOs {
	t.Helper()
	f := fifo.New(fifo.Options{Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Dir: dir})
	t.Cleanup(func() { f.Stop(t.Context()) })
	f.Apply(&conf.Config{Global: conf.Global{FIFO: conf.FIFO{
		Path: filepath.Join(dir, "fifo"), Script: conf.Script{Argv: []string{script}, User: "root"},
	}}})
	return f
}

func runs(t *testing.T, f *fifo.FIFOs) int {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if s := f.Status(); len(s) == 1 && s[0].PID != 0 {
			return s[0].PID
		}
	}
	t.Fatal("the script does not run")
	return 0
}

// The script that a killed director has left running is ended before the next one reads the FIFO; a
// stranger who has its number is not.
func TestTheScriptOfAKilledDirectorEnds(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	t.Parallel()
	script := filepath.Join(t.TempDir(), "read.sh")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nexec sleep 100\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	killed, next, other := t.TempDir(), t.TempDir(), t.TempDir()
	orphan := runs(t, real(t, killed, script))
	record, err := os.ReadFile(filepath.Join(killed, "notify_fifo.reader"))
	if err != nil {
		t.Fatal(err)
	}
	stranger := append([]byte(nil), record...)
	stranger[len(stranger)-2] ^= 1 // of another boot
	for dir, text := range map[string][]byte{next: record, other: stranger} {
		if err := os.WriteFile(filepath.Join(dir, "notify_fifo.reader"), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	runs(t, real(t, other, script))
	if err := syscall.Kill(orphan, 0); err != nil {
		t.Fatalf("a stranger was ended: %v", err)
	}
	runs(t, real(t, next, script))
	if err := syscall.Kill(orphan, 0); err == nil {
		t.Errorf("pid %d still runs beside the script that was started", orphan)
	}
}

// A reload that changes the user of the script gives him the FIFO.
func TestAnotherUserOfTheScript(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	t.Parallel()
	dir := t.TempDir()
	f := real(t, dir, "/bin/cat")
	runs(t, f)
	f.Apply(&conf.Config{Global: conf.Global{FIFO: conf.FIFO{
		Path: filepath.Join(dir, "fifo"), Script: conf.Script{Argv: []string{"/bin/cat"}, User: "nobody"},
	}}})
	nobody := func() bool {
		info, err := os.Stat(filepath.Join(dir, "fifo"))
		return err == nil && info.Sys().(*syscall.Stat_t).Uid == 65534
	}
	for end := time.Now().Add(20 * time.Second); !nobody(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the FIFO does not belong to the new user of the script")
		}
	}
}
