//go:build linux

package main

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

const (
	bfdSessions = 100
	bfdEvery    = 50 // ms
	bfdLength   = 20 * time.Second
	// Beside busy loops: two of a kind, each the neighbor of the other.
	bfdQuick  = 10 // ms
	bfdLoaded = 60 * time.Second
)

// bfdRow is what the process of one kind that does BFD uses for its sessions, and how often one of
// them was down beside busy loops although its neighbor lived.
type bfdRow struct {
	Kind  string
	CPU   []float64 // shares of one processor
	RSS   []int64   // bytes
	Up    []int     // sessions, at the end of it
	Loops int
	Downs int // -1 was not measured
}

func measureBFD(trials int) (rows []bfdRow, err error) {
	for _, kind := range []string{"director", "keepalived", "bfdd"} {
		row := bfdRow{Kind: kind, Downs: -1}
		for range min(trials, 3) {
			err = errors.Join(err, restBFD(&row))
		}
		if kind != "bfdd" {
			err = errors.Join(err, loadBFD(&row))
		}
		rows = append(rows, row)
	}
	return rows, err
}

// bfdText is the configuration of director and keepalived for sessions between the addresses of two ends.
func bfdText(count, from, to, every, multiplier int) string {
	var b strings.Builder
	b.WriteString("global_defs {\n    router_id n\n}\n")
	for n := range count {
		fmt.Fprintf(&b, "bfd_instance s%d {\n    neighbor_ip 10.9.%d.%d\n    source_ip 10.9.%d.%d\n"+
			"    min_tx %d\n    min_rx %d\n"+
			"    multiplier %d\n}\n", n, to, n+1, from, n+1, every, every, multiplier)
	}
	return b.String()
}

// bfdHosts are two hosts on a wire, with an address for each session.
func bfdHosts(t lab.Reporter, count int) (hosts [2]*lab.Host) {
	l := lab.New(t)
	network := l.Network("front")
	for i := range hosts {
		hosts[i] = l.Host(fmt.Sprint("node", i+1))
		hosts[i].Attach(network, "eth0", fmt.Sprintf("10.9.%d.1/16", i+1))
		for n := 1; n < count; n++ {
			hosts[i].Address("eth0", fmt.Sprintf("10.9.%d.%d/16", i+1, n+1))
		}
	}
	return hosts
}

// restBFD has sessions of one kind with a director at the other end, and measures the first.
func restBFD(row *bfdRow) error {
	ok := stage.Play("bench-bfd-"+row.Kind, func(t lab.Reporter) {
		hosts := bfdHosts(t, bfdSessions)
		var pid func() int
		switch row.Kind {
		case "bfdd":
			peers, err := stage.FetchBFDDaemons()
			if err != nil {
				t.Fatalf("%v", err)
			}
			var text strings.Builder
			text.WriteString("bfd\n")
			for n := range bfdSessions {
				fmt.Fprintf(&text, " peer 10.9.2.%d local-address 10.9.1.%d\n  receive-interval %d\n  transmit-interval %d\n"+
					"  detect-multiplier 5\n exit\n", n+1, n+1, bfdEvery, bfdEvery)
			}
			text.WriteString("exit\n")
			d := pair.StartBFDd(t, peers, hosts[0], text.String())
			pid = func() int { return d.Pid }
		case "keepalived":
			d := pair.Start(t, stage.Keepalived(), hosts[0], bfdText(bfdSessions, 1, 2, bfdEvery, 5))
			pid = func() int { return lastProcess(d) }
		default:
			d := pair.Start(t, stage.Director(), hosts[0], bfdText(bfdSessions, 1, 2, bfdEvery, 5))
			pid = func() int { return d.Worker(pair.VRRP) }
		}
		other := pair.Start(t, stage.Director(), hosts[1], bfdText(bfdSessions, 2, 1, bfdEvery, 5))
		deadline := time.Now().Add(30 * time.Second)
		for upSessions(hosts[1], other) < bfdSessions {
			if time.Now().After(deadline) {
				fmt.Printf("  %s: not all sessions came up\n", row.Kind)
				break
			}
			time.Sleep(200 * time.Millisecond)
		}
		time.Sleep(3 * time.Second)
		before, err := use(pid())
		if err != nil {
			t.Fatalf("measure %s: %v", row.Kind, err)
		}
		began := time.Now()
		time.Sleep(bfdLength)
		length := time.Since(began)
		after, err := use(pid())
		if err != nil {
			t.Fatalf("measure %s: %v", row.Kind, err)
		}
		row.Up = append(row.Up, upSessions(hosts[1], other))
		share := float64(after.CPU-before.CPU) / float64(length)
		row.CPU, row.RSS = append(row.CPU, share), append(row.RSS, after.RSS)
		fmt.Printf("  %-10s %d of %d BFD sessions up: %s, resident %s\n", row.Kind, row.Up[len(row.Up)-1], bfdSessions,
			percent(share), megabytes(after.RSS))
	})
	if !ok {
		return fmt.Errorf("the measurement of BFD sessions of %s failed", row.Kind)
	}
	return nil
}

// loadBFD has two of a kind as neighbors beside busy loops.
func loadBFD(row *bfdRow) error {
	row.Loops = loops * runtime.NumCPU()
	ok := stage.Play("bench-bfd-load-"+row.Kind, func(t lab.Reporter) {
		hosts := bfdHosts(t, 1)
		var daemons [2]*pair.Daemon
		for i := range daemons {
			var kind pair.Kind = stage.Director()
			if row.Kind == "keepalived" {
				kind = stage.Keepalived()
			}
			daemons[i] = pair.Start(t, kind, hosts[i], bfdText(1, i+1, 2-i, bfdQuick, 5))
		}
		time.Sleep(5 * time.Second)
		for i := range row.Loops {
			hosts[0].StartCommand(lab.Command{Name: fmt.Sprintf("loop%d", i),
				Argv: []string{"/bin/sh", "-c", "while :; do :; done"}})
		}
		began := time.Now()
		time.Sleep(bfdLoaded)
		row.Downs = 0
		for _, d := range daemons {
			for _, line := range d.Log() {
				down := strings.Contains(line.Text, "from=Up to=Down") || strings.Contains(line.Text, "Entering Down state")
				if down && line.Time.After(began) {
					row.Downs++
				}
			}
		}
		fmt.Printf("  %-10s BFD at %d ms beside %d busy loops: down %d times in %v\n", row.Kind, bfdQuick, row.Loops,
			row.Downs, bfdLoaded)
	})
	if !ok {
		return fmt.Errorf("the measurement of BFD of %s beside busy loops failed", row.Kind)
	}
	return nil
}

// upSessions is how many sessions are up, by a director's status.
func upSessions(h *lab.Host, d *pair.Daemon) int {
	out, _ := h.Output(append(d.StatusCommand(), "--json")...)
	return strings.Count(out, `"state": "Up"`)
}

// lastProcess is keepalived's process for BFD, which it starts last.
func lastProcess(d *pair.Daemon) int {
	list := d.Processes()
	return list[len(list)-1]
}

func bfdSection(rows []bfdRow) string {
	var b strings.Builder
	fmt.Fprintf(&b, `## BFD

%d sessions at %d ms, in network namespaces, with a director at the other end. The figures are the processor time (user
and system, over %v) of the process that does BFD, as a share of one processor, and its resident memory. Beside busy
loops: two of a kind with one session at %d ms and multiplier 5, for %v; each time that an end was down counts.

| | sessions that were up | processor | memory | busy loops | down |
|---|---|---|---|---|---|
`, bfdSessions, bfdEvery, bfdLength, bfdQuick, bfdLoaded)
	for _, r := range rows {
		downs, busy := "-", "-"
		if r.Downs >= 0 {
			downs, busy = fmt.Sprint(r.Downs), fmt.Sprint(r.Loops)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", r.Kind, strings.Trim(fmt.Sprint(r.Up), "[]"),
			spreadOf(r.CPU, percent, func(v float64) string { return fmt.Sprintf("%.1f", 100*v) }),
			spreadOf(r.RSS, megabytes, func(v int64) string { return fmt.Sprintf("%.1f", float64(v)/(1<<20)) }), busy, downs)
	}
	return b.String()
}
