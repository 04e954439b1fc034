//go:build linux

package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

const (
	steadyCount    = 1000
	steadyInterval = 100 * time.Millisecond
	steadyLength   = 20 * time.Second
	// steadySettle is the time from the start after which nothing moves any more.
	steadySettle = 6 * time.Second
	// steadyTrials limits the trials, each of half a minute.
	steadyTrials = 3
)

// steadyRow is what the VRRP processes of a pair use when nothing happens.
type steadyRow struct {
	Kind           string
	Spread         bool
	Master, Backup []float64 // shares of one processor
	MasterRSS      []int64   // bytes
	BackupRSS      []int64
}

func measureSteady(trials int) (rows []steadyRow, err error) {
	for _, spread := range []bool{true, false} {
		found := make([]steadyRow, len(kinds()))
		for range min(trials, steadyTrials) {
			for n, kind := range kinds() {
				row := &found[n]
				row.Kind, row.Spread = kind.Name(), spread
				err = errors.Join(err, measureRest(kind, row))
			}
		}
		rows = append(rows, found...)
	}
	return rows, err
}

// measureRest has a pair of one kind at rest and adds what it uses to row.
func measureRest(kind pair.Kind, row *steadyRow) error {
	ok := stage.Play("bench-steady-"+kind.Name(), func(t lab.Reporter) {
		c := newCrowd(t, kind, steadyCount, steadyInterval)
		c.spread = row.Spread
		c.start(t, 0)
		time.Sleep(2 * time.Second)
		c.start(t, 1)
		time.Sleep(steadySettle)
		var pids [2]int
		var before, after [2]usage
		measure := func(to *[2]usage) {
			for i := range pids {
				u, err := use(pids[i])
				if err != nil {
					t.Fatalf("measure %s: %v", kind.Name(), err)
				}
				to[i] = u
			}
		}
		for i, d := range c.daemons {
			pids[i] = d.Worker(pair.VRRP)
		}
		measure(&before)
		began := time.Now()
		time.Sleep(steadyLength)
		length := time.Since(began)
		measure(&after)
		for i, want := range []int{steadyCount, 0} {
			if got := c.held(i); got != want {
				t.Fatalf("%s: node %d holds %d addresses, not %d: the pair is not at rest", kind.Name(), i+1, got, want)
			}
		}
		share := func(i int) float64 { return float64(after[i].CPU-before[i].CPU) / float64(length) }
		row.Master, row.Backup = append(row.Master, share(0)), append(row.Backup, share(1))
		row.MasterRSS, row.BackupRSS = append(row.MasterRSS, after[0].RSS), append(row.BackupRSS, after[1].RSS)
		fmt.Printf("  %-10s spread %-5v: master %s, backup %s, resident %s\n", kind.Name(), row.Spread,
			percent(share(0)), percent(share(1)), megabytes(after[0].RSS))
	})
	if !ok {
		return fmt.Errorf("the measurement of a pair of %s at rest failed", kind.Name())
	}
	return nil
}

func steadySection(rows []steadyRow) string {
	var b strings.Builder
	fmt.Fprintf(&b, `## At rest

%d virtual routers at %v on four interfaces, in network namespaces. The figures are the processor time
(user and system, over %v) of the process that does VRRP, as a share of one processor, and its resident
memory. Spread: the priorities differ, so the advertisements leave at different moments, %d in every
millisecond. Together: all leave at the same moment, as they do after a common takeover. The time to send
includes the work of the kernel up to the receiving socket.

| advertisements | | keepalived | director |
|---|---|---|---|
`, steadyCount, steadyInterval, steadyLength, steadyCount/int(steadyInterval/time.Millisecond))
	for _, spread := range []bool{true, false} {
		name := map[bool]string{true: "spread", false: "together"}[spread]
		cpu := func(r steadyRow, values []float64) string {
			return spreadOf(values, percent, func(v float64) string { return fmt.Sprintf("%.1f", 100*v) })
		}
		rss := func(values []int64) string {
			return spreadOf(values, megabytes, func(v int64) string { return fmt.Sprintf("%.1f", float64(v)/(1<<20)) })
		}
		for _, line := range []struct {
			what string
			cell func(steadyRow) string
		}{
			{"processor as master", func(r steadyRow) string { return cpu(r, r.Master) }},
			{"processor as backup", func(r steadyRow) string { return cpu(r, r.Backup) }},
			{"memory as master", func(r steadyRow) string { return rss(r.MasterRSS) }},
			{"memory as backup", func(r steadyRow) string { return rss(r.BackupRSS) }},
		} {
			cells := map[string]string{}
			for _, r := range rows {
				if r.Spread == spread {
					cells[r.Kind] = line.cell(r)
				}
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, line.what, cells["keepalived"], cells["director"])
		}
	}
	return b.String()
}
