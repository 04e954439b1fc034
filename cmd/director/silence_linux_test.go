package main

import (
	"context"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/worker"
)

// TestAHungWorker: a vrrp worker that is stopped holds its address while the
// peer takes over. It is killed, its address goes, and its successor begins as
// BACKUP.
func TestAHungWorker(t *testing.T) {
	n := newNode(t)
	n.write(vip1)
	n.start()
	n.has(vip1)
	time.Sleep(2 * event.HeartbeatInterval) // it has said that it lives
	hung := n.worker(worker.VRRP)
	began := time.Now()
	if err := syscall.Kill(hung, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	n.has()
	if took := time.Since(began); took > 6*time.Second {
		t.Errorf("the address went after %v", took)
	}
	n.has(vip1) // nobody else is there: by silence, not at once
	log := n.log.String()
	for _, want := range []string{"it has stopped answering", "the vrrp worker stopped answering"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log does not say %q", want)
		}
	}
	if strings.Contains(log, "resumed after a restart") {
		t.Error("an instance has resumed although its worker was killed for its silence")
	}
}

// TestEverythingStopped: supervisor and worker are stopped together, as by a
// debugger or a frozen container. Nobody is to blame.
func TestEverythingStopped(t *testing.T) {
	n := newNode(t)
	n.write(vip1)
	n.start()
	n.has(vip1)
	time.Sleep(2 * event.HeartbeatInterval)
	pids := []int{n.worker(worker.VRRP), n.cmd.Process.Pid}
	for _, sig := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGCONT} {
		for _, pid := range pids {
			if err := syscall.Kill(pid, sig); err != nil {
				t.Fatal(err)
			}
		}
		if sig == syscall.SIGSTOP {
			time.Sleep(5 * time.Second)
			pids = []int{pids[1], pids[0]} // the supervisor goes on first
		}
	}
	time.Sleep(5 * time.Second)
	n.has(vip1)
	if now := n.worker(worker.VRRP); now != pids[1] {
		t.Errorf("the worker was replaced:\n%s", n.log)
	}
}

// TestABusyHost: sixteen loops that never sleep take the processors; nobody is
// killed for what they do.
func TestABusyHost(t *testing.T) {
	n := newNode(t)
	n.write(vip1)
	n.start()
	n.has(vip1)
	before := n.worker(worker.VRRP)
	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
	defer cancel()
	var loops sync.WaitGroup
	for range 16 {
		loops.Go(func() { _ = exec.CommandContext(ctx, "sh", "-c", "while :; do :; done").Run() }) // killed at the end
	}
	loops.Wait()
	n.has(vip1)
	if now := n.worker(worker.VRRP); now != before {
		t.Errorf("the worker was replaced:\n%s", n.log)
	}
	if strings.Count(n.log.String(), "to=BACKUP") > 1 {
		t.Errorf("the mastership was lost:\n%s", n.log)
	}
}

// TestAWorkerWhoseDirectorIsGone: stopped, it does not see the end of its
// supervisor, and holds address and journal. The next director ends it.
func TestAWorkerWhoseDirectorIsGone(t *testing.T) {
	n := newNode(t)
	n.write(vip1)
	n.start()
	n.has(vip1)
	left := n.worker(worker.VRRP)
	if err := syscall.Kill(left, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	gone := n.cmd.Process.Pid
	if err := syscall.Kill(gone, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	n.until("its director is gone", func() bool { return syscall.Kill(gone, 0) != nil })
	n.start()
	n.until("the worker that was left has ended", func() bool { return syscall.Kill(left, 0) != nil })
	n.until("another has the address", func() bool {
		return strings.Contains(n.log.String(), "killing a worker whose director is gone") &&
			strings.Contains(n.log.String(), "to=MASTER")
	})
	n.has(vip1)
}
