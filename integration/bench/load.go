//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/lvs-director/director/checkers"
	"github.com/lvs-director/director/checkers/probe"
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/load"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

const (
	loadInterval = 10 * time.Millisecond
	loadLength   = 60 * time.Second
	// loops is how many busy loops there are for each processor.
	loops = 8
	// A process on the host of the master makes checkCount checks every checkEvery.
	checkCount = 10_000
	checkEvery = 5 * time.Second
)

// The loads.
const (
	loadLoops  = "busy loops"
	loadChecks = "checks"
)

// loadRow is how often a backup took over although the master was alive.
type loadRow struct {
	Kind, Load string
	Loops      int
	Failovers  int
	Length     time.Duration
}

func measureLoad(int) (rows []loadRow, err error) {
	for _, load := range []string{loadLoops, loadChecks} {
		for _, kind := range kinds() {
			row, failed := measureFalse(kind, load)
			if failed == nil {
				rows = append(rows, row)
			}
			err = errors.Join(err, failed)
		}
	}
	return rows, err
}

// measureFalse runs a pair beside a load and counts how often the backup takes the address.
func measureFalse(kind pair.Kind, load string) (row loadRow, err error) {
	row = loadRow{Kind: kind.Name(), Load: load, Length: loadLength}
	ok := stage.Play("bench-load-"+kind.Name(), func(t lab.Reporter) {
		c := newCrowd(t, kind, 1, loadInterval)
		watch, err := watchOwners(c.hosts)
		if err != nil {
			t.Fatalf("%v", err)
		}
		defer watch.close()
		c.start(t, 0)
		c.lab.Until(settleLimit, "the better node is master", func() bool { return c.held(0) == 1 })
		c.start(t, 1)
		time.Sleep(2 * time.Second)

		switch load {
		case loadLoops:
			row.Loops = loops * runtime.NumCPU()
			for i := range row.Loops {
				c.hosts[0].StartCommand(lab.Command{Name: fmt.Sprintf("loop%d", i),
					Argv: []string{"/bin/sh", "-c", "while :; do :; done"}})
			}
		case loadChecks:
			c.hosts[0].StartCommand(lab.Command{
				Name: "checks", Argv: []string{"/proc/self/exe"}, Env: []string{checksVar + "=1"},
			})
		}
		began := time.Now()
		time.Sleep(loadLength)
		changes, err := watch.all()
		if err != nil {
			t.Fatalf("%v", err)
		}
		for _, m := range changes {
			if m.host == 1 && m.came && m.at.After(began) {
				row.Failovers++
			}
		}
		fmt.Printf("  %-10s beside %s: %d false failovers in %v\n", row.Kind, load, row.Failovers, loadLength)
	})
	if !ok {
		return row, fmt.Errorf("the measurement of %s beside %s failed", kind.Name(), load)
	}
	return row, nil
}

// checksVar in the environment makes this program the one that checks.
const checksVar = "DIRECTOR_BENCH_CHECKS"

// serversVar in the environment makes this program the real servers of a farm: it accepts connections
// at the port that it says and answers with a page at pagePort, of the addresses that follow, separated
// by blanks, and of every address without any.
const serversVar = "DIRECTOR_BENCH_SERVERS"

// beServers makes this process the real servers of a farm if serversVar is set.
func beServers() {
	words := strings.Fields(os.Getenv(serversVar))
	if len(words) == 0 {
		return
	}
	addresses := words[1:]
	if len(addresses) == 0 {
		addresses = []string{""}
	}
	for _, a := range addresses {
		for port, serve := range map[string]func(net.Listener){words[0]: acceptAll, fmt.Sprint(pagePort): answerPages} {
			listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp4", net.JoinHostPort(a, port))
			if err != nil {
				fmt.Fprintln(os.Stderr, "servers:", err)
				os.Exit(1)
			}
			go serve(listener)
		}
	}
	select {}
}

// acceptAll takes connections and closes them.
func acceptAll(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		conn.Close()
	}
}

// beChecks makes this process a checker if checksVar is set. It does what director's lvs worker
// does for real servers: TCP checks, here of a server of its own. A kernel without IPVS runs no
// director or keepalived that could check.
func beChecks() {
	if os.Getenv(checksVar) == "" {
		return
	}
	if err := runChecks(); err != nil {
		fmt.Fprintln(os.Stderr, "checks:", err)
		os.Exit(1)
	}
}

func runChecks() error {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp4", ":0")
	if err != nil {
		return err
	}
	go acceptAll(listener)
	port := listener.Addr().(*net.TCPAddr).Port
	cfg, findings := load.LoadText("checks", checksConfig(port), load.Options{})
	for _, f := range findings {
		if f.Severity == conf.Error {
			return errors.New(f.String())
		}
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	prober, err := probe.New(probe.Options{Log: log})
	if err != nil {
		return err
	}
	checkers.New(checkers.Options{
		Log: log, Prober: prober, Rand: rand.New(rand.NewPCG(1, 2)),
		Events: func([]event.RealServerState) {}, Results: func(event.CheckResult) {},
	}).Apply(cfg, nil)
	select {}
}

// checksConfig has checkCount real servers on this host.
func checksConfig(port int) string {
	var b strings.Builder
	const servers = 250 // of one virtual server
	for v := range checkCount / servers {
		fmt.Fprintf(&b, "virtual_server 10.255.0.%d 80 {\n    delay_loop %g\n    lb_algo rr\n    lb_kind NAT\n"+
			"    protocol TCP\n",
			v+1, checkEvery.Seconds())
		for r := range servers {
			fmt.Fprintf(&b, "    real_server 127.1.%d.%d %d {\n        TCP_CHECK {\n            connect_timeout 3\n"+
				"        }\n    }\n", v, r+1, port)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func loadSection(rows []loadRow) string {
	var b strings.Builder
	fmt.Fprintf(&b, `## Failovers that should not happen

A pair with an interval of %v runs in network namespaces for %v on a busy machine. Each daemon has its
default settings: director has a real-time priority, keepalived has not. The figures are how often the
backup took the address of a master that was alive. The checks are %d TCP checks every %v of a server on
the same host, made by a process like director's lvs worker.

| beside | keepalived | director |
|---|---|---|
`, loadInterval, loadLength, checkCount, checkEvery)
	for _, load := range []string{loadLoops, loadChecks} {
		name, cells := load, map[string]string{"keepalived": "not measured", "director": "not measured"}
		for _, r := range rows {
			if r.Load == load {
				cells[r.Kind] = fmt.Sprint(r.Failovers)
				if r.Loops > 0 {
					name = fmt.Sprintf("%d %s", r.Loops, load)
				}
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", name, cells["keepalived"], cells["director"])
	}
	return b.String()
}
