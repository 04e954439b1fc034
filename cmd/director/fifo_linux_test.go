package main

import (
	"os"
	"path/filepath"
	"strings"
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

// TestNotifyTest: the command says what would be called, runs what it is asked to, and fails when something
// does not arrive.
func TestNotifyTest(t *testing.T) {
	n := newNode(t)
	record, script, fifo := filepath.Join(n.dir, "record"), filepath.Join(n.dir, "told.sh"), filepath.Join(n.dir, "fifo")
	if err := os.WriteFile(script, []byte("#!/bin/sh\necho \"$@\" >>"+record+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	n.write(vip1)
	n.start()
	n.has(vip1)
	n.says(1, "notify test", "nothing to try")
	text, err := os.ReadFile(n.file)
	if err != nil {
		t.Fatal(err)
	}
	instance := strings.TrimSuffix(string(text), "}\n") + "    notify_master \"" + script + " master\"\n    notify " +
		script + "\n}\n"
	global := "global_defs {\n script_user root\n vrrp_notify_fifo " + fifo + "\n"
	n.writeText(global + "}\n" + instance)
	n.says(0, "reload", "is in force")
	n.says(1, "notify test", "vrrp_notify_fifo "+fifo+": failed after", "nobody has read it", `INSTANCE "VI_1" MASTER 100`,
		"notify of INSTANCE VI_1: can be run", script+" INSTANCE VI_1 MASTER 100, as user root", "! ran")
	n.writeText(global + " vrrp_notify_fifo_script /bin/cat\n}\n" + instance)
	n.says(0, "reload", "is in force")
	n.says(0, "notify test --run-scripts", "vrrp_notify_fifo "+fifo+": read after",
		"notify_master of INSTANCE VI_1: ran, exit status 0")
	got, err := os.ReadFile(record)
	if err != nil || string(got) != "master\nINSTANCE VI_1 MASTER 100\n" {
		t.Errorf("the scripts were told %q, %v", got, err)
	}
	n.says(0, "notify test --json", `"done": "read"`, `"kind": "script"`)
}
