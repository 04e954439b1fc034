//go:build linux

package main

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/stage"
)

const (
	comparedServices, comparedServers = 2000, 40_000
	// comparedRounds is how many comparisons the part waits for.
	comparedRounds = 20
	roundsLimit    = 2 * time.Minute
)

// comparedTable is the cost of comparing a table that nobody changes.
type comparedTable struct {
	Rounds    int
	Length    time.Duration
	CPU       time.Duration // user and system, of all rounds
	Servers   int           // real servers that were read in them
	Operation int           // what the kernel was asked to change
	Before    int64         // bytes on the heap
	After     int64
}

func measureRounds(int) (c comparedTable, err error) {
	ok := stage.Play("bench-reconcile", func(t lab.Reporter) {
		b := newBalancer(t, farm{services: comparedServices, servers: comparedServers})
		m := b.manage(b.config(t))
		b.rounds(m, 2) // the first rounds allocate what the loop keeps
		c.Before = heap()
		began, used := time.Now(), processorTime()
		ops, dumps := m.driver.ops.Load(), m.driver.dumps.Load()
		c.Rounds = b.rounds(m, comparedRounds)
		c.Length, c.CPU = time.Since(began), processorTime()-used
		c.After = heap()
		c.Operation = int(m.driver.ops.Load() - ops)
		c.Servers = int(m.driver.dumps.Load()-dumps) * comparedServers / comparedServices
		m.stop()
	})
	if !ok {
		err = errors.New("the measurement of comparing a table failed")
	}
	fmt.Printf("  %d rounds in %v: %v of a processor, %d real servers read, heap %s before and %s after\n", c.Rounds,
		c.Length.Round(time.Millisecond), c.CPU, c.Servers, megabytes(c.Before), megabytes(c.After))
	return c, err
}

// rounds waits for n rounds of the loop.
func (b *balancer) rounds(m *manager, n int) int {
	began, before := time.Now(), int(m.driver.lists.Load())
	for int(m.driver.lists.Load()) < before+n {
		if time.Since(began) > roundsLimit {
			b.t.Fatalf("%d rounds did not end within %v", n, roundsLimit)
		}
		time.Sleep(lookEvery)
	}
	return int(m.driver.lists.Load()) - before
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// processorTime is what this process has used.
func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func roundsSection(c comparedTable) string {
	share := 0.0
	if c.Length > 0 {
		share = float64(c.CPU) / float64(c.Length)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `## Comparing a table that nobody changes

%d virtual servers with %d real servers. A round lists the virtual servers and reads the real
servers of some of them; 25 rounds read all. keepalived does not compare its table with the kernel's.

| | director |
|---|---|
| rounds | %d in %v |
| real servers read | %d |
| changed | %d |
| processor | %s in all, %s of one |
| heap before and after | %s, %s |
`, comparedServices, comparedServers, c.Rounds, c.Length.Round(time.Millisecond), c.Servers, c.Operation,
		milliseconds(c.CPU), percent(share), megabytes(c.Before), megabytes(c.After))
	return b.String()
}
