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
	"github.com/lvs-director/director/virtualserver/table"
)

const (
	checkedTableServices, checkedTableServers = 100, 5000
	checkedDelay                              = 5 * time.Second
	checkedTrials                             = 3
	// checkedRest is how long the part waits after the start, and again after the reload. Only
	// checks run in that time.
	checkedRest = 12 * time.Second
)

// checkedTable is the cost of a table with a check for each real server.
type checkedTable struct {
	Kind         string
	Full, Reload []time.Duration
	Rest         []float64       // shares of one processor while nothing changes
	CPU          []time.Duration // of the process that checks, over all of it
	Others       []time.Duration // of the program's other processes
	RSS          []int64
}

func measureCheckedTable(trials int) (rows []checkedTable, err error) {
	rows = make([]checkedTable, len(kinds()))
	for range min(trials, checkedTrials) {
		for n, kind := range kinds() {
			rows[n].Kind = kind.Name()
			err = errors.Join(err, measureChecked(kind, &rows[n]))
		}
	}
	return rows, err
}

func measureChecked(kind pair.Kind, row *checkedTable) error {
	ok := stage.Play("bench-checks-"+kind.Name(), func(t lab.Reporter) {
		f := farm{services: checkedTableServices, servers: checkedTableServers, checked: true, delay: checkedDelay}
		b := newBalancer(t, f)
		b.serve()
		began := time.Now()
		d := pair.Start(t, terse(kind), b.host, f.text())
		full := b.untilFull(began, fillLimit, kind.Name())
		worker := d.Worker(pair.LVS)
		use := func() usage {
			u, err := use(worker)
			if err != nil {
				t.Fatalf("measure %s: %v", kind.Name(), err)
			}
			return u
		}
		time.Sleep(checkedRest)
		before, from := use(), time.Now()
		time.Sleep(checkedRest)
		rest := float64(use().CPU-before.CPU) / float64(time.Since(from))

		// Every second real server gets another weight; the last one is one of them.
		asked := time.Now()
		d.Reload(f.with(func(n int) int { return 1 + n%2 }).text())
		reload := b.until(asked, fillLimit, "a reload of half", b.services-1, func(list []table.Destination) bool {
			heavy := 0
			for _, s := range list {
				heavy += s.Weight - 1
			}
			return heavy == len(list)/2
		})
		time.Sleep(checkedRest)
		used := use()
		row.Full, row.Reload, row.Rest = append(row.Full, full), append(row.Reload, reload), append(row.Rest, rest)
		row.CPU, row.RSS = append(row.CPU, used.CPU), append(row.RSS, used.RSS)
		row.Others = append(row.Others, others(d, worker))
		fmt.Printf("  %-10s full %v, reload %v, at rest %s, processor %v (others %v), resident %s\n", kind.Name(),
			full.Round(time.Millisecond), reload.Round(time.Millisecond), percent(rest), used.CPU,
			row.Others[len(row.Others)-1], megabytes(used.RSS))
		d.KillAll()
		d.WaitEnd(settleLimit)
	})
	if !ok {
		return fmt.Errorf("the measurement of a table of %s with checks failed", kind.Name())
	}
	return nil
}

// serve makes another host answer at the address of every real server.
func (b *balancer) serve() {
	servers := b.lab.Host("servers")
	b.lab.Wire(b.host, servers, "eth0", "192.168.0.1/24", "192.168.0.2/24")
	servers.Run("ip", "route", "add", "local", farmServers, "dev", "lo")
	b.host.Route(farmServers, "192.168.0.2")
	servers.StartCommand(lab.Command{Name: "servers", Argv: []string{"/proc/self/exe"}, Env: []string{
		serversVar + "=" + fmt.Sprint(checkPort)}})
	b.lab.Until(settleLimit, "the real servers answer", func() bool { return b.answers(b.server(0)) })
}

// others is what all processes of a daemon except one have used.
func others(d *pair.Daemon, worker int) (sum time.Duration) {
	for _, pid := range d.Processes() {
		if u, err := use(pid); pid != worker && err == nil {
			sum += u.CPU
		}
	}
	return sum
}

func checkedTableSection(rows []checkedTable) string {
	var b strings.Builder
	fmt.Fprintf(&b, `## A table with checks

%d virtual servers with %d real servers, and a TCP check of each every %v. The table is full when it has
the last real server. The reload gives half of the real servers another weight. Processor time is measured
from the start until %v after the reload, %v plus the two times above. "At rest" is the share of the
process that checks, while nothing changes.

| | keepalived | director |
|---|---|---|
`, checkedTableServices, checkedTableServers, checkedDelay, checkedRest, 3*checkedRest)
	for _, line := range []struct {
		what string
		cell func(checkedTable) string
	}{
		{"full table after", func(r checkedTable) string { return spread(r.Full) }},
		{"reload", func(r checkedTable) string { return spread(r.Reload) }},
		{"processor at rest", func(r checkedTable) string {
			return spreadOf(r.Rest, percent, func(v float64) string { return fmt.Sprintf("%.1f", 100*v) })
		}},
		{"processor of the process that checks", func(r checkedTable) string { return spread(r.CPU) }},
		{"processor of the other processes", func(r checkedTable) string { return spread(r.Others) }},
		{"memory of the process that checks", func(r checkedTable) string {
			return spreadOf(r.RSS, megabytes, func(v int64) string { return fmt.Sprintf("%.1f", float64(v)/(1<<20)) })
		}},
	} {
		cells := map[string]string{}
		for _, r := range rows {
			cells[r.Kind] = line.cell(r)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", line.what, cells["keepalived"], cells["director"])
	}
	return b.String()
}
