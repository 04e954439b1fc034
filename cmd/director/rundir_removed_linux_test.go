package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/lvs-director/director/worker"
)

// runs waits until the director answers and has its address.
func (n *node) runs() {
	n.t.Helper()
	n.until("director answers", func() bool { _, code := n.do("status"); return code == 0 })
	n.has(vip1)
}

// TestTheRunDirectoryGoes: a cleaner of temporary files takes it, or one file of
// it. It is made anew; nothing is lost.
func TestTheRunDirectoryGoes(t *testing.T) {
	n := newNode(t)
	n.write(vip1)
	n.start()
	n.runs()
	run := filepath.Join(n.dir, "run")
	files, err := os.ReadDir(run)
	if err != nil || len(files) < 4 {
		t.Fatalf("%v %v", files, err)
	}
	all := []string{run}
	for _, f := range files {
		all = append(all, filepath.Join(run, f.Name()))
	}
	for _, path := range all {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		n.until(path+" is made anew", func() bool { _, err := os.Stat(path); return err == nil })
		n.runs()
	}
	for _, path := range all[1:] {
		n.until(path+" is made anew", func() bool { _, err := os.Stat(path); return err == nil })
	}
	if got := strings.Count(n.log.String(), "files in the run directory were removed: made them again"); got != 3 {
		t.Errorf("it is said %d times, want once for the directory and for each of the supervisor's files", got)
	}
	if out, code := n.do("run", "-f", n.file); code == 0 || !strings.Contains(out, "runs already") {
		t.Errorf("a second director was started (%d):\n%s", code, out)
	}
	n.says(0, "upgrade", "the workers run on")
	n.runs()

	// The worker dies at the same time.
	if err := os.RemoveAll(run); err != nil {
		t.Fatal(err)
	}
	pid := n.worker(worker.VRRP)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	n.until("the worker is started again", func() bool { _, restarts := n.pids(); return restarts > 0 })
	n.runs()

	if err := os.RemoveAll(run); err != nil {
		t.Fatal(err)
	}
	n.stop(syscall.SIGTERM)
	n.has()
}

// TestTheRunDirectoryCannotBeMade: something else is in its place. Nothing
// depends on it.
func TestTheRunDirectoryCannotBeMade(t *testing.T) {
	n := newNode(t)
	n.write(vip1)
	n.start()
	n.runs()
	run := filepath.Join(n.dir, "run")
	if err := os.RemoveAll(run); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(run, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	n.until("it is said", func() bool { return strings.Contains(n.log.String(), "cannot be made again") })
	if err := syscall.Kill(n.worker(worker.VRRP), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	n.until("another worker serves", func() bool { // it resumes, or is MASTER by silence where the host is slow
		return strings.Contains(n.log.String(), "resumed after a restart") || strings.Count(n.log.String(), "to=MASTER") > 1
	})
	n.has(vip1)
	if err := os.Remove(run); err != nil {
		t.Fatal(err)
	}
	n.runs()
	if err := os.RemoveAll(run); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(run, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	n.stop(syscall.SIGTERM)
	n.has()
	if got := strings.Count(n.log.String(), "cannot be made again"); got > 2 {
		t.Errorf("it is said %d times", got)
	}
}
