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
	movesInterval = time.Second
	// coldStart is how long after a common start the addresses are counted.
	coldStart = 12 * time.Second
	// moveLimit is how long the addresses of a killed master are waited for.
	moveLimit = 15 * time.Second
	// movesTrials bounds how often half a minute is spent.
	movesTrials = 3
)

func movesCounts() []int { return []int{1000, 2000, 4000} }

// moveRow is what became of the addresses in one trial.
type moveRow struct {
	Kind  string
	Count int
	// Cold is the story of a common start, and Held who had how many
	// addresses coldStart later.
	Cold story
	Held [2]int
	// Settled is when all addresses were on the better node for the last time
	// that they came there, from the start; 0 when they were not all there.
	Settled time.Duration
	// Crash is the time from the kill of the better node to the last address
	// of the other one, and Missing how many of them never came.
	Crash   time.Duration
	Missing int
	RFC     time.Duration // what the other node has to wait
}

func measureMoves(trials int) (rows []moveRow, err error) {
	for _, count := range movesCounts() {
		for range min(trials, movesTrials) {
			for _, kind := range kinds() {
				row, failed := measureMove(kind, count)
				if failed == nil {
					rows = append(rows, row)
				}
				err = errors.Join(err, failed)
			}
		}
	}
	return rows, err
}

func measureMove(kind pair.Kind, count int) (row moveRow, err error) {
	row = moveRow{Kind: kind.Name(), Count: count}
	ok := stage.Play("bench-moves-"+kind.Name(), func(t lab.Reporter) {
		c := newCrowd(t, kind, count, movesInterval)
		watch, err := watchOwners(c.hosts)
		if err != nil {
			t.Fatalf("%v", err)
		}
		defer watch.close()
		row.RFC = 3*movesInterval + movesInterval*time.Duration(256-c.priority(1, 1))/256

		began := time.Now()
		c.start(t, 0)
		c.start(t, 1)
		time.Sleep(time.Until(began.Add(coldStart)))
		changes, err := watch.all()
		if err != nil {
			t.Fatalf("%v", err)
		}
		row.Cold = tell(changes, began, time.Now())
		row.Held = [2]int{c.held(0), c.held(1)}
		if row.Held == [2]int{count, 0} {
			row.Settled = row.Cold.Last
		}

		killed := c.daemons[0].KillAll()
		for time.Since(killed) < moveLimit && c.held(1) < count {
			time.Sleep(200 * time.Millisecond)
		}
		row.Missing = count - c.held(1)
		if changes, err = watch.all(); err != nil {
			t.Fatalf("%v", err)
		}
		for _, m := range changes {
			if m.host == 1 && m.came && m.at.After(killed) {
				row.Crash = max(row.Crash, m.at.Sub(killed))
			}
		}
		fmt.Printf("  %-10s %d: held %d/%d, two owners for %v at most, %d changes at most; after the kill %v, %d missing\n",
			row.Kind, count, row.Held[0], row.Held[1], row.Cold.Both.Round(time.Millisecond), row.Cold.Changes,
			row.Crash.Round(time.Millisecond), row.Missing)
	})
	if !ok {
		return row, fmt.Errorf("%d virtual routers of %s that move were not measured well", count, kind.Name())
	}
	return row, nil
}

func movesSection(rows []moveRow) string {
	var b strings.Builder
	fmt.Fprintf(&b, `## Thousands of addresses that move

Two nodes in network namespaces, priority 200 and 100, %v between advertisements, 250 virtual
routers on each interface with an address each, started together; %v later all processes of the
better node are killed. Who has which address is what the kernels of both nodes tell by rtnetlink, so
the times include putting it on the interface, and nothing that the daemons pay for watches their
packets. Changes of owner do not count the first owner. After the kill the time runs from the kill to
the last address that came; the RFC allows %s.

| virtual routers | | keepalived | director |
|---|---|---|---|
`, movesInterval, coldStart, milliseconds(rfcOf(rows)))
	for _, count := range movesCounts() {
		cells := map[string][]string{}
		for _, kind := range []string{"keepalived", "director"} {
			cells[kind] = moveCells(rows, kind, count)
		}
		for i, what := range []string{
			"trials",
			"common start: addresses on better/other node",
			"longest time with two owners",
			"addresses that had two owners",
			"most changes of owner of an address",
			"all on the better node after",
			"killed: all on the other node after",
		} {
			fmt.Fprintf(&b, "| %d | %s | %s | %s |\n", count, what, cells["keepalived"][i], cells["director"][i])
		}
	}
	return b.String()
}

func rfcOf(rows []moveRow) time.Duration {
	for _, r := range rows {
		return r.RFC
	}
	return 0
}

// moveCells are a kind's cells of the lines for one count.
func moveCells(rows []moveRow, kind string, count int) []string {
	var held []string
	var both, settled, crash []time.Duration
	var shared, changes []int
	missing, unsettled := 0, 0
	for _, r := range rows {
		if r.Kind != kind || r.Count != count {
			continue
		}
		held = append(held, fmt.Sprintf("%d/%d", r.Held[0], r.Held[1]))
		both = append(both, r.Cold.Both)
		shared, changes = append(shared, r.Cold.Shared), append(changes, r.Cold.Changes)
		if missing = max(missing, r.Missing); r.Settled == 0 {
			unsettled++ // and then a crash of the better node tells nothing
			continue
		}
		crash = append(crash, r.Crash)
		settled = append(settled, r.Settled)
	}
	if len(held) == 0 {
		return []string{"0", "-", "-", "-", "-", "-", "-"}
	}
	number := func(values []int) string {
		return spreadOf(values, func(n int) string { return fmt.Sprint(n) }, func(n int) string { return fmt.Sprint(n) })
	}
	settledText := spread(settled)
	if unsettled > 0 {
		settledText = fmt.Sprintf("never in %d of %d", unsettled, len(held))
	}
	crashText := spread(crash)
	if missing > 0 {
		crashText += fmt.Sprintf("; up to %d did not come in %v", missing, moveLimit)
	}
	return []string{
		fmt.Sprint(len(held)), strings.Join(held, ", "), spread(both), number(shared), number(changes), settledText,
		crashText,
	}
}
