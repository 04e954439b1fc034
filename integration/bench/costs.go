//go:build linux

package main

import (
	"crypto/md5"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

const (
	costTCP, costHTTP           = 500, 200
	costTCPDelay, costHTTPDelay = 5 * time.Second, 2 * time.Second
	costSettle                  = 10 * time.Second
	costTime                    = 20 * time.Second
	costTrials                  = 1
	// pagePort is where the real servers answer with costPage.
	pagePort = checkPort + 1
	costPage = "a page of a real server, whose digest is configured\n"
)

// checkCost is what checks cost the process that makes them, while nothing else happens.
type checkCost struct {
	Kind, Checks string
	CPU, Others  []time.Duration // in costTime
	Without      []time.Duration // the same process in costTime, with the same real servers and no check
	RSS          []int64
}

// checkSet is a kind of check of many real servers.
type checkSet struct {
	name  string
	count int
	delay time.Duration
	text  string // of a real server
}

func checkSets() []checkSet {
	digest := fmt.Sprintf("%x", md5.Sum([]byte(costPage)))
	return []checkSet{
		{"TCP", costTCP, costTCPDelay, "TCP_CHECK {\n connect_timeout 3\n }\n"},
		{"HTTP digest", costHTTP, costHTTPDelay, fmt.Sprintf(
			"HTTP_GET {\n url {\n path /\n digest %s\n }\n connect_port %d\n connect_timeout 3\n }\n", digest, pagePort)},
	}
}

// title names a set with its figures.
func (c checkSet) title() string {
	return fmt.Sprintf("%d %s checks every %v", c.count, c.name, c.delay)
}

// perCheck is the cost of one check of many in costTime.
func (c checkSet) perCheck(used time.Duration) time.Duration {
	made := float64(c.count) * float64(costTime) / float64(c.delay)
	return time.Duration(float64(used) / made)
}

// file is a configuration with a check of every real server of a farm.
func (c checkSet) file(f farm) string {
	var b strings.Builder
	b.WriteString("global_defs {\n router_id cost\n}\n")
	for s := range f.services {
		fmt.Fprintf(&b, "virtual_server %s %d {\n delay_loop %g\n lb_algo wlc\n lb_kind NAT\n protocol TCP\n",
			f.address(s), farmPort, c.delay.Seconds())
		for n, end := f.at(s); n < end; n++ {
			fmt.Fprintf(&b, " real_server %s %d {\n weight 1\n %s }\n", f.server(n).Addr(), checkPort, c.text)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

func measureCosts(trials int) (rows []checkCost, err error) {
	for _, set := range checkSets() {
		for _, kind := range kinds() {
			row := checkCost{Kind: kind.Name(), Checks: set.title()}
			for range min(trials, costTrials) {
				err = errors.Join(err, measureCost(kind, set, &row))
			}
			rows = append(rows, row)
		}
	}
	return rows, err
}

func measureCost(kind pair.Kind, set checkSet, row *checkCost) error {
	ok := stage.Play("bench-cost-"+kind.Name(), func(t lab.Reporter) {
		f := farm{services: 10, servers: set.count}
		b := newBalancer(t, f)
		b.serve()
		unchecked := set
		unchecked.text = ""
		row.Without = append(row.Without, b.idleCost(kind, unchecked.file(f)))
		began := time.Now()
		d := pair.Start(t, terse(kind), b.host, set.file(f))
		b.untilFull(began, fillLimit, kind.Name())
		worker := d.Worker(pair.LVS)
		time.Sleep(costSettle)
		before, err := use(worker)
		beside := others(d, worker)
		if err != nil {
			t.Fatalf("measure %s: %v", kind.Name(), err)
		}
		time.Sleep(costTime)
		after, err := use(worker)
		if err != nil {
			t.Fatalf("measure %s: %v", kind.Name(), err)
		}
		b.whole(kind.Name())
		row.CPU = append(row.CPU, after.CPU-before.CPU)
		row.Others = append(row.Others, others(d, worker)-beside)
		row.RSS = append(row.RSS, after.RSS)
		without := row.Without[len(row.Without)-1]
		fmt.Printf("  %-10s %s: processor %v in %v, without checks %v, %v a check (others %v), resident %s\n", kind.Name(),
			set.title(), after.CPU-before.CPU, costTime, without, set.perCheck(after.CPU-before.CPU-without),
			row.Others[len(row.Others)-1], megabytes(after.RSS))
		d.KillAll()
		d.WaitEnd(settleLimit)
	})
	if !ok {
		return fmt.Errorf("the measurement of what %s of %s cost failed", set.title(), kind.Name())
	}
	return nil
}

// idleCost is what the process that checks uses in costTime when it has nothing to check, and empties the
// table: director compares it all the time, keepalived does not.
func (b *balancer) idleCost(kind pair.Kind, text string) time.Duration {
	b.t.Helper()
	began := time.Now()
	d := pair.Start(b.t, terse(kind), b.host, text)
	b.untilFull(began, fillLimit, kind.Name())
	worker := d.Worker(pair.LVS)
	time.Sleep(costSettle)
	before, err := use(worker)
	time.Sleep(costTime)
	after, err2 := use(worker)
	if err := errors.Join(err, err2); err != nil {
		b.t.Fatalf("measure %s: %v", kind.Name(), err)
	}
	d.KillAll()
	d.WaitEnd(settleLimit)
	b.empty()
	b.forget()
	return after.CPU - before.CPU
}

// answerPages answers every connection with a page.
func answerPages(listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			if _, err := conn.Read(make([]byte, 1024)); err == nil {
				fmt.Fprintf(conn, "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s",
					len(costPage), costPage)
			}
		}()
	}
}

func costsSection(rows []checkCost) string {
	var b strings.Builder
	fmt.Fprintf(&b, `## What a check costs

The processor time of the process that checks, in %v after the first %v, while every real server answers
and nothing changes; without checks: the same with the same table and nothing to check, which is director's
comparison of the table. The difference is what the checks cost.

| checks | | keepalived | director |
|---|---|---|---|
`, costTime, costSettle)
	for _, set := range checkSets() {
		cpu, each, beside, rss := map[string]string{}, map[string]string{}, map[string]string{}, map[string]string{}
		idle := map[string]string{}
		for _, r := range rows {
			if r.Checks != set.title() || len(r.CPU) == 0 {
				continue
			}
			cpu[r.Kind], beside[r.Kind] = spread(r.CPU), spread(r.Others)
			alone := time.Duration(0) // of an earlier measurement: not measured
			if len(r.Without) > 0 {
				alone, idle[r.Kind] = median(r.Without), spread(r.Without)
			}
			each[r.Kind] = set.perCheck(median(r.CPU) - alone).Round(time.Microsecond).String()
			rss[r.Kind] = megabytes(median(r.RSS))
		}
		title := set.title()
		for _, line := range []struct {
			what  string
			cells map[string]string
		}{
			{"processor", cpu}, {"without checks", idle}, {"processor a check", each},
			{"processor of the other processes", beside}, {"memory", rss},
		} {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", title, line.what, line.cells["keepalived"], line.cells["director"])
			title = ""
		}
	}
	return b.String()
}
