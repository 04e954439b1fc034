//go:build linux

package main

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/virtualserver/table"
)

const (
	largeServices, largeServers = 2277, 37_205
	largeLimit                  = 3 * time.Minute
	// reloadTrials limits how often the part reloads a large file.
	reloadTrials = 5
)

// reloadedTable is the cost of a reload that changes the weight of one real server.
type reloadedTable struct {
	// Parse and Loop are measured in one process, with director's own table: Parse from the text to
	// the configuration, Loop from there to the kernel's last answer.
	Parse, Loop []time.Duration
	// Operations and Dumps are the most that one reload asked of the kernel.
	Operations, Dumps int64
	// Keepalived and Director are from the signal to the weight in the kernel.
	Keepalived, Director []time.Duration
	// Parsed is the part of Director after the configuration was read and accepted, by the times in
	// director's log.
	Parsed []time.Duration
}

func measureReloads(trials int) (r reloadedTable, err error) {
	trials = min(trials, reloadTrials)
	f := farm{services: largeServices, servers: largeServers}
	first, _ := f.at(largeServices / 2)
	changed := func(weight int) farm {
		return f.with(func(n int) int {
			if n == first {
				return weight
			}
			return 1
		})
	}
	ok := stage.Play("bench-reload", func(t lab.Reporter) {
		b := newBalancer(t, f)
		m := b.manage(changed(1).config(t))
		for trial := range trials {
			began := time.Now()
			cfg := changed(2 + trial).config(t)
			r.Parse = append(r.Parse, time.Since(began))
			m.idle()
			ops, dumps := m.driver.ops.Load(), m.driver.dumps.Load()
			r.Loop = append(r.Loop, m.apply(cfg, uint64(2+trial)))
			r.Operations = max(r.Operations, m.driver.ops.Load()-ops)
			r.Dumps = max(r.Dumps, m.driver.dumps.Load()-dumps)
		}
		m.stop()
	})
	fmt.Printf("  in one process: parse %s, then %s, %d operations, %d dumps at most\n", spread(r.Parse), spread(r.Loop),
		r.Operations, r.Dumps)
	for _, kind := range kinds() {
		ok = stage.Play("bench-reload-"+kind.Name(), func(t lab.Reporter) {
			b := newBalancer(t, f)
			began := time.Now()
			d := pair.Start(t, terse(kind), b.host, changed(1).text())
			fmt.Printf("  %-10s full table after %v\n", kind.Name(),
				b.untilFull(began, largeLimit, kind.Name()).Round(time.Millisecond))
			time.Sleep(5 * time.Second)
			for trial := range trials {
				asked := time.Now()
				took := b.reload(d, changed(2+trial).text(), 2+trial)
				if kind.Name() == "keepalived" {
					r.Keepalived = append(r.Keepalived, took)
				} else {
					r.Director = append(r.Director, took)
					r.Parsed = append(r.Parsed, took-printedAfter(d, asked, "msg=reloading"))
				}
				time.Sleep(3 * time.Second)
			}
			d.KillAll()
			d.WaitEnd(settleLimit)
			fmt.Printf("  %-10s reload %s, after parsing %s\n", kind.Name(),
				spread(map[bool][]time.Duration{true: r.Keepalived, false: r.Director}[kind.Name() == "keepalived"]),
				spread(r.Parsed))
		}) && ok
	}
	if !ok {
		err = errors.New("the measurement of the reload of a large configuration failed")
	}
	return r, err
}

// reload makes a daemon reload a file that changes the weight of the first real server in the
// middle of the table. It returns the time until the kernel has the weight.
func (b *balancer) reload(d *pair.Daemon, text string, weight int) time.Duration {
	b.t.Helper()
	b.host.WriteFile("lb.conf", text)
	began := time.Now()
	d.Signal(syscall.SIGHUP)
	return b.until(began, largeLimit, "a reload", b.services/2, func(list []table.Destination) bool {
		for _, d := range list {
			if d.Weight == weight {
				return true
			}
		}
		return false
	})
}

// printedAfter is how long after a moment a daemon printed a text; 0 if it did not.
func printedAfter(d *pair.Daemon, since time.Time, text string) time.Duration {
	for _, line := range d.Log() {
		if line.Time.After(since) && strings.Contains(line.Text, text) {
			return line.Time.Sub(since)
		}
	}
	return 0
}

func reloadsSection(r reloadedTable) string {
	var b strings.Builder
	fmt.Fprintf(&b, `## A reload of a large table

%d virtual servers with %d real servers; the reload changes the weight of one. In one process: director's
parser, then its loop, from the parsed configuration to the last answer of the kernel. Whole program: from
the signal until the kernel has the weight, which is read every %v.

| | goal | keepalived | director |
|---|---|---|---|
| in one process: parsing | | - | %s |
| in one process: then | 0.1 s | - | %s |
| operations, dumps | 1, 0 | - | %d, %d |
| whole program | | %s | %s |
| the part of it after parsing | | - | %s |
`, largeServices, largeServers, lookEvery, spread(r.Parse), spread(r.Loop), r.Operations, r.Dumps, spread(r.Keepalived),
		spread(r.Director), spread(r.Parsed))
	return b.String()
}
