package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestASignalBeforeTheExecIsObeyed: a HUP that comes while an upgrade is being
// prepared has the file read by the next program.
func TestASignalBeforeTheExecIsObeyed(t *testing.T) {
	n := newNode(t)
	n.write(vip1)
	n.start()
	n.has(vip1)
	n.until("it is in service", func() bool { return strings.Contains(n.log.String(), "msg=\"in service\"") })
	// A program that is executed only when the signal has come.
	wrapper := n.program("wrapper",
		strings.NewReader("#!/bin/sh\n[ \"$1\" = hand-down ] && kill -HUP $PPID\nexec director \"$@\"\n"))
	n.write(vip2)
	for range 2 { // the first HUP is obeyed at once, and then the upgrade refused; either way it is not lost
		_, _ = n.do("upgrade", "--binary", wrapper)
	}
	n.has(vip2)
	n.stop(syscall.SIGTERM)
	n.has()
}

// executed waits until process pid has executed another program: its stack is
// somewhere else then. The Go runtime of the new one has hardly begun.
func executed(pid int) (wait func() bool) {
	stack := func() string {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return ""
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		return fields[25] // startstack, field 28
	}
	before := stack()
	return func() bool {
		// Nanosleep: Go's own sleep takes a millisecond, and without one the upgrade has one
		// processor less.
		pause := unix.NsecToTimespec(int64(30 * time.Microsecond))
		for end := time.Now().Add(20 * time.Second); time.Now().Before(end); _ = unix.Nanosleep(&pause, nil) {
			if now := stack(); now != before && now != "0" {
				return now != ""
			}
		}
		return false
	}
}

// TestAHUPInTheExecIsObeyed: one that comes when there is neither the old program
// nor yet the new one is not lost.
func TestAHUPInTheExecIsObeyed(t *testing.T) {
	n := newNode(t)
	n.write(vip1)
	n.start()
	n.has(vip1)
	pid := n.cmd.Process.Pid
	late := []int{0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9} // milliseconds
	if testing.Short() {
		late = []int{0, 2, 4, 8}
	}
	for i, ms := range late {
		vip := []string{vip2, vip1}[i%2]
		n.write(vip)
		began := executed(pid)
		hit := make(chan bool, 1)
		go func() {
			ok := began()
			time.Sleep(time.Duration(ms) * time.Millisecond)
			hit <- ok && syscall.Kill(pid, syscall.SIGHUP) == nil
		}()
		n.says(0, "upgrade")
		if !<-hit {
			t.Fatal("nothing was executed")
		}
		n.has(vip)
	}
	if held := n.heldZombies(); held != 0 {
		t.Errorf("%d processes are left that nobody waits for", held)
	}
	n.stop(syscall.SIGTERM)
	n.has()
}

// heldZombies counts the children of the supervisor that ended and that nobody
// has waited for.
func (n *node) heldZombies() int {
	out, _ := exec.Command("ps", "-o", "stat=", "--ppid", strconv.Itoa(n.cmd.Process.Pid)).Output()
	return strings.Count(string(out), "Z")
}

// TestATERMInTheExecStops: it is the orderly stop that it is at any other time.
func TestATERMInTheExecStops(t *testing.T) {
	lates := []time.Duration{0, 1, 3, 6, 12}
	if testing.Short() {
		lates = []time.Duration{0, 6}
	}
	for _, ms := range lates {
		late := ms * time.Millisecond
		t.Run(late.String(), func(t *testing.T) {
			n := newNode(t)
			n.write(vip1)
			n.start()
			n.has(vip1)
			pid := n.cmd.Process.Pid
			began := executed(pid)
			hit := make(chan bool, 1)
			go func() {
				ok := began()
				time.Sleep(late)
				hit <- ok && syscall.Kill(pid, syscall.SIGTERM) == nil
			}()
			_, _ = n.do("upgrade")
			if !<-hit {
				t.Fatal("nothing was executed")
			}
			select {
			case err := <-n.ended:
				n.ended <- err
				if err != nil {
					t.Errorf("it ended with %v, want an orderly stop", err)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("it does not end")
			}
			n.has()
			if log := n.log.String(); !strings.Contains(log, "msg=stopped") || strings.Contains(log, "supervisor has ended") {
				t.Error("no orderly stop")
			}
		})
	}
}

// TestSignalsWithoutEndDuringUpgrades: whoever sends a HUP all the time gets his
// upgrades or refusals, and nothing ends.
func TestSignalsWithoutEndDuringUpgrades(t *testing.T) {
	n := newNode(t)
	n.write(vip1)
	n.start()
	n.has(vip1)
	pid := n.cmd.Process.Pid
	enough, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-enough:
				return
			case <-time.After(time.Millisecond):
				_ = syscall.Kill(pid, syscall.SIGHUP)
			}
		}
	}()
	for range 20 {
		_, _ = n.do("upgrade") // it is refused while a configuration is being read
	}
	close(enough)
	<-ended
	n.write(vip2)
	if err := syscall.Kill(pid, syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	n.has(vip2)
	n.says(0, "status", "MASTER")
}
