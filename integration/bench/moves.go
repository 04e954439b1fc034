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
	// moveLimit is how long the part waits for the addresses of a killed master.
	moveLimit = 15 * time.Second
	// movesTrials limits the trials, each of half a minute.
	movesTrials = 3
)

func movesCounts() []int { return []int{1000, 2000, 4000} }

// moveRow is the result of one trial.
type moveRow struct {
	Kind  string
	Count int
	// Cold is what happened after a common start. Held is how many addresses each node had
	// coldStart later.
	Cold story
	Held [2]int
	// Settled is the time from the start until the better node had all addresses and kept them; 0
	// if it did not have all of them at coldStart.
	Settled time.Duration
	// Crash is the time from the kill of the better node until the other node had the last address
	// that it took. Missing is how many addresses it did not take.
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
		return row, fmt.Errorf("the measurement of %d moving virtual routers of %s failed", count, kind.Name())
	}
	return row, nil
}

func movesSection(rows []moveRow) string {
	var b strings.Builder
	fmt.Fprintf(&b, `## Thousands of addresses that move

Two nodes in network namespaces, with priorities 200 and 100 and %v between advertisements. Each
interface has 250 virtual routers with one address each. Both nodes start together; %v later all processes
of the better node are killed. The kernels of both nodes report by rtnetlink which node has which address,
so the times include adding the address to the interface, and no packet capture slows the daemons. The
first owner of an address is not a change of owner. After the kill the time runs until the last address
that came; the RFC allows %s.

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
			unsettled++ // then the kill of the better node shows nothing
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
		crashText += fmt.Sprintf("; up to %d not taken over in %v", missing, moveLimit)
	}
	return []string{
		fmt.Sprint(len(held)), strings.Join(held, ", "), spread(both), number(shared), number(changes), settledText,
		crashText,
	}
}
