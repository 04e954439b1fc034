package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestFIFOOverAPowerCut: the FIFO that a killed director has left, with nothing of /run after it, is
// removed at the end of the next one; one that the administrator has made is not.
func TestFIFOOverAPowerCut(t *testing.T) {
	n := newNode(t)
	ours, his := filepath.Join(n.dir, "ours"), filepath.Join(n.dir, "his")
	if err := syscall.Mkfifo(his, 0o600); err != nil {
		t.Fatal(err)
	}
	n.writeText("global_defs {\n notify_fifo " + ours + "\n vrrp_notify_fifo " + his + "\n}\n")
	stands := func(path string) bool {
		_, err := os.Lstat(path)
		return err == nil
	}
	noted := func() bool {
		list, err := filepath.Glob(filepath.Join(n.dir, "state", "fifos-*.json"))
		return err == nil && len(list) == 1
	}
	n.start()
	n.until("the FIFO is made and noted", func() bool { return stands(ours) && noted() })
	n.stop(syscall.SIGKILL)
	if err := os.RemoveAll(filepath.Join(n.dir, "run")); err != nil {
		t.Fatal(err)
	}
	n.start()
	n.until("director is ready", func() bool { _, code := n.do("status"); return code == 0 })
	n.stop(syscall.SIGTERM)
	if stands(ours) || noted() || !stands(his) {
		t.Errorf("after the stop: ours stands: %v, noted: %v; his stands: %v", stands(ours), noted(), stands(his))
	}
}
