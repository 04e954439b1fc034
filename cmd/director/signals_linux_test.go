package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lvs-director/director/signals"
)

// harmless are the signals that keepalived's users send, to whatever is called so.
var harmless = append([]syscall.Signal{syscall.SIGHUP}, signals.Dumps...)

// everyone are all processes of the node's director, helpers and those that have just been forked too;
// scripts there are none.
func (n *node) everyone() []int {
	pid := n.cmd.Process.Pid
	list := []int{pid}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, t := range tasks {
		text, _ := os.ReadFile(t) // a thread that has ended has none
		for _, word := range strings.Fields(string(text)) {
			if child, err := strconv.Atoi(word); err == nil {
				list = append(list, child)
			}
		}
	}
	return list
}

// storm sends signals to all of them all the time, until enough is called.
func (n *node) storm(list ...syscall.Signal) (enough func() (sent int64)) {
	over, ended := make(chan struct{}), make(chan struct{})
	n.t.Cleanup(func() {
		select {
		case <-over:
		default:
			close(over)
		}
		<-ended
	})
	var sent atomic.Int64
	go func() {
		defer close(ended)
		for {
			pids := n.everyone()
			for range 5 {
				for _, s := range list {
					for _, pid := range pids {
						if syscall.Kill(pid, s) == nil {
							sent.Add(1)
						}
					}
				}
				select {
				case <-over:
					return
				case <-time.After(time.Millisecond):
				}
			}
		}
	}()
	return func() int64 {
		close(over)
		<-ended
		return sent.Load()
	}
}

// obeys says that the node runs as before: nothing was restarted, a reload and a dump are made.
func (n *node) obeys(pid int, vip string) {
	n.t.Helper()
	pids, restarts := n.pids()
	if pids[0] != pid || restarts != 0 {
		n.t.Errorf("the supervisor is pid %d, was %d; its workers were restarted %d times", pids[0], pid, restarts)
	}
	n.write(vip)
	n.signal(syscall.SIGHUP)
	n.has(vip)
	dump := filepath.Join(n.dir, "tmp", "keepalived.json")
	_ = os.Remove(dump)
	n.signal(signals.JSON)
	n.until("a dump is there", func() bool { _, err := os.Stat(dump); return err == nil })
}

func (n *node) signal(s syscall.Signal) {
	n.t.Helper()
	if err := syscall.Kill(n.cmd.Process.Pid, s); err != nil {
		n.t.Fatal(err)
	}
}

// dumpsTo has the dumps in a folder of the node.
func (n *node) dumpsTo() {
	n.t.Helper()
	tmp := filepath.Join(n.dir, "tmp")
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		n.t.Fatal(err)
	}
	n.t.Setenv("TMPDIR", tmp)
}

// TestSignalsEndNothing: two thousand of each kind to every process of a director.
func TestSignalsEndNothing(t *testing.T) {
	n := newNode(t)
	n.dumpsTo()
	n.write(vip1)
	n.start()
	n.has(vip1)
	pids, _ := n.pids()
	for range 2000 {
		for _, s := range harmless {
			for _, pid := range pids {
				if err := syscall.Kill(pid, s); err != nil {
					t.Fatalf("%v to %d: %v", s, pid, err)
				}
			}
		}
	}
	n.obeys(pids[0], vip2)
	if now, _ := n.pids(); !slices.Equal(now, pids) {
		t.Errorf("the processes are %v, were %v", now, pids)
	}
	enough := n.storm(harmless...)
	if err := syscall.Kill(pids[0], syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	err := <-n.ended
	n.ended <- err
	sent := enough()
	if err != nil || !strings.Contains(n.log.String(), "msg=stopped") {
		t.Errorf("after %d signals it ended with %v, want an orderly stop", sent, err)
	}
	n.has()
	for _, e := range leftovers(t, filepath.Join(n.dir, "tmp")) {
		t.Errorf("%s is left behind", e)
	}
}

// leftovers are the files of a folder that are no dumps.
func leftovers(t *testing.T, dir string) (list []string) {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range all {
		if !strings.HasPrefix(e.Name(), "keepalived") {
			list = append(list, e.Name())
		}
	}
	return list
}

// TestSignalsDuringTheStart, from when the program has executed: it serves all the same.
func TestSignalsDuringTheStart(t *testing.T) {
	times := 10
	if testing.Short() {
		times = 3
	}
	for range times {
		n := newNode(t)
		n.dumpsTo()
		n.write(vip1)
		n.start()
		for end := time.Now().Add(20 * time.Second); !n.takesIn() && time.Now().Before(end); {
		}
		enough := n.storm(harmless...)
		n.until("it serves, or has ended", func() bool { return len(n.ended) > 0 || strings.Contains(n.addresses(), vip1) })
		sent := enough()
		if len(n.ended) > 0 {
			n.cmd = nil
			t.Fatalf("after %d signals it has ended: %v", sent, <-n.ended)
		}
		n.obeys(n.cmd.Process.Pid, vip2)
		n.stop(syscall.SIGTERM)
	}
}

// takesIn says whether the program of a process has begun: it has handlers, as every Go program has from
// its start, and ignores SIGHUP for a moment. That alone says nothing: under nohup it is so before.
func (n *node) takesIn() bool {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.cmd.Process.Pid))
	mask := func(name string) (bits uint64) {
		_, rest, _ := strings.Cut(string(text), name+":\t")
		rest, _, _ = strings.Cut(rest, "\n")
		bits, _ = strconv.ParseUint(rest, 16, 64)
		return bits
	}
	return mask("SigCgt")&(1<<(syscall.SIGUSR1-1)) != 0 && mask("SigIgn")&1 != 0 || n.log.String() != ""
}

// TestSignalsDuringUpgrades: fifty of them, each with new workers, and nothing ends that was not replaced.
func TestSignalsDuringUpgrades(t *testing.T) {
	n := newNode(t)
	n.dumpsTo()
	n.write(vip1)
	n.start()
	n.has(vip1)
	upgrades := 50
	if testing.Short() {
		upgrades = 4
	}
	pid := n.cmd.Process.Pid
	a, b := n.copyOfDirector("a"), n.copyOfDirector("b")
	sent := int64(0)
	for i := range upgrades {
		list := signals.Dumps
		if i%5 == 4 {
			list = harmless // a SIGHUP all the time has most upgrades refused: a file is being read
		}
		enough := n.storm(list...)
		out, code := n.do("upgrade", "--binary", []string{a, b}[i%2])
		if code != 0 && !strings.Contains(out, "refused") {
			t.Errorf("upgrade %d: %s", i, out)
		}
		if code != 0 && i%5 != 4 {
			t.Errorf("upgrade %d: %s", i, out)
		}
		sent += enough()
		if i%5 == 4 { // the next upgrade is not refused
			n.until("the reloads are done", func() bool { _, code := n.do("reload"); return code == 0 })
		}
	}
	t.Logf("%d upgrades in %d signals", upgrades, sent)
	n.until("all has settled", func() bool { _, code := n.do("status"); return code == 0 })
	if log := n.log.String(); strings.Contains(log, "worker died") || strings.Contains(log, "upgrade failed") {
		t.Error("something has ended or failed")
	}
	n.write(vip2)
	n.signal(syscall.SIGHUP)
	n.has(vip2)
	if pids, _ := n.pids(); pids[0] != pid {
		t.Errorf("the supervisor is pid %d, was %d", pids[0], pid)
	}
	if held := n.heldZombies(); held != 0 {
		t.Errorf("%d processes are left that nobody waits for", held)
	}
}
