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
	"github.com/lvs-director/director/virtualserver/ipvs"
	"github.com/lvs-director/director/virtualserver/table"
)

const (
	filledServices, filledServers = 1000, 10_000
	fillLimit                     = 90 * time.Second
	fillTrials                    = 3
)

// filledTable is how long it takes to fill an empty table.
type filledTable struct {
	Keepalived, Director []time.Duration // from the start of the program
	Ipvsadm              []time.Duration // "ipvsadm -R"
	Single, Batches      []time.Duration // director's driver: one message at a time, and in batches as director does it
}

func measureFilling(trials int) (f filledTable, err error) {
	for range min(trials, fillTrials) {
		ok := stage.Play("bench-table", func(t lab.Reporter) {
			b := newBalancer(t, farm{services: filledServices, servers: filledServers})
			text, ops := b.text(), b.operations(t)
			for _, kind := range kinds() {
				took := b.fill(terse(kind), text)
				if kind.Name() == "keepalived" {
					f.Keepalived = append(f.Keepalived, took)
				} else {
					f.Director = append(f.Director, took)
				}
			}
			f.Ipvsadm = append(f.Ipvsadm, b.ipvsadm(b.restorable(), "-R"))
			b.whole("ipvsadm -R")
			b.empty()
			driver := b.open()
			f.Single = append(f.Single, b.apply(driver, ops, 1))
			b.whole("one message at a time")
			b.empty()
			f.Batches = append(f.Batches, b.apply(driver, ops, len(ops)))
			b.whole("batches")
			b.empty()
		})
		if !ok {
			err = errors.New("the measurement of filling a table failed")
		}
	}
	fmt.Printf("  keepalived %s, director %s, ipvsadm -R %s, single %s, batches %s\n", spread(f.Keepalived),
		spread(f.Director), spread(f.Ipvsadm), spread(f.Single), spread(f.Batches))
	return f, err
}

// fill lets a kind fill the table, returns how long that took, and empties the table.
func (b *balancer) fill(kind pair.Kind, text string) time.Duration {
	b.t.Helper()
	began := time.Now()
	d := pair.Start(b.t, kind, b.host, text)
	took := b.untilFull(began, fillLimit, kind.Name())
	d.KillAll()
	d.WaitEnd(settleLimit)
	b.empty()
	b.forget()
	return took
}

// apply lets a driver carry out operations, atOnce of them in each call.
func (b *balancer) apply(driver ipvs.Driver, ops []table.Op, atOnce int) time.Duration {
	b.t.Helper()
	began := time.Now()
	for len(ops) > 0 {
		n := min(atOnce, len(ops))
		if err := errors.Join(driver.Apply(ops[:n])...); err != nil {
			b.t.Fatalf("change the table: %v", err)
		}
		ops = ops[n:]
	}
	return time.Since(began)
}

func fillingSection(f filledTable) string {
	var b strings.Builder
	fmt.Fprintf(&b, `## Filling the IPVS table

%d virtual servers with %d real servers in all, without checks, into an empty table. A program is timed
from its start until the kernel has the last real server. "driver" is director's driver alone: once with
one message at a time, each with its answer, and once in batches, as director uses it and as fast as the
kernel takes them.

| | time | times director's |
|---|---|---|
`, filledServices, filledServers)
	for _, row := range []struct {
		what string
		took []time.Duration
	}{
		{"director", f.Director}, {"keepalived", f.Keepalived}, {"ipvsadm -R", f.Ipvsadm},
		{"driver, one message at a time", f.Single}, {"driver, batches", f.Batches},
	} {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", row.what, spread(row.took), ratio(row.took, f.Director))
	}
	return b.String()
}
