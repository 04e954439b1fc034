package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/worker"
)

// worker is the process of one of the node's workers.
func (n *node) worker(name string) int {
	n.t.Helper()
	run := filepath.Join(n.dir, "run")
	procs, err := os.ReadDir("/proc")
	if err != nil {
		n.t.Fatal(err)
	}
	for _, p := range procs {
		pid, err := strconv.Atoi(p.Name())
		if err != nil {
			continue
		}
		text, _ := os.ReadFile(filepath.Join("/proc", p.Name(), "cmdline")) // one that ended is not it
		args := strings.Split(string(text), "\x00")
		if len(args) > 4 && args[1] == "worker" && args[2] == name && args[4] == run {
			return pid
		}
	}
	n.t.Fatalf("no %s worker runs", name)
	return 0
}

// startUnread runs a director whose log goes into a pipe of the smallest size.
func (n *node) startUnread() (reader *os.File) {
	n.t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { reader.Close() })
	defer writer.Close()
	n.cmd = exec.Command("director", append([]string{"run", "-f", n.file}, n.dirs()...)...)
	n.cmd.Stderr = writer
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.ended = make(chan error, 1)
	go func(cmd *exec.Cmd, ended chan error) { ended <- cmd.Wait() }(n.cmd, n.ended)
	return reader
}

// fill leaves no room in a pipe.
func fill(t *testing.T, pid int) {
	t.Helper()
	w, err := os.OpenFile("/proc/"+strconv.Itoa(pid)+"/fd/2", os.O_WRONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	_ = w.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	for {
		if _, err := w.Write(make([]byte, 4096)); err != nil {
			return
		}
	}
}

// A stop that comes between two lives of the vrrp worker removes its addresses.
func TestStopAfterTheWorkerWasKilled(t *testing.T) {
	n := newNode(t)
	n.write(vip1)
	n.start()
	n.has(vip1)
	if err := syscall.Kill(n.worker(worker.VRRP), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	n.stop(syscall.SIGTERM)
	if got := n.addresses(); strings.Contains(got, vip1) {
		t.Errorf("after the stop eth0 has %s", got)
	}
}

// A log that nobody reads does not keep a director from giving up.
func TestStopWithALogThatNobodyReads(t *testing.T) {
	n := newNode(t)
	n.write(vip1)
	n.startUnread()
	n.has(vip1)
	fill(t, n.cmd.Process.Pid)
	n.stop(syscall.SIGTERM)
	if got := n.addresses(); strings.Contains(got, vip1) {
		t.Errorf("after the stop eth0 has %s", got)
	}
}

// The end of whoever read the log is not the end of director.
func TestALogWhoseReaderHasDied(t *testing.T) {
	n := newNode(t)
	n.write(vip1)
	reader := n.startUnread()
	n.has(vip1)
	reader.Close()
	n.write(vip1, vip2)
	n.says(0, "reload", "is in force as generation 2") // logs a few lines
	n.has(vip1, vip2)
	n.stop(syscall.SIGTERM)
	n.has()
}

// Nobody is left to send priority 0 but the worker itself.
func TestTheSupervisorIsKilledWithALogThatNobodyReads(t *testing.T) {
	n := newNode(t)
	n.write(vip1)
	n.startUnread()
	n.has(vip1)
	fill(t, n.cmd.Process.Pid)
	n.stop(syscall.SIGKILL)
	n.has()
}
