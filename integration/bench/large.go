//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/supervisor/events"
	"github.com/lvs-director/director/virtualserver/table"
)

const (
	servicesRead, serversRead = 1000, 40_000 // virtual servers and real servers
	largeDelay                = 60 * time.Second
	largeTrials               = 1
	largeReads                = 3
	largeSettle               = 20 * time.Second
	largeAt                   = "127.0.0.1:9650"
	largeFirst                = 3 * time.Minute // for the first snapshot: the front says 503 as long as it has none
	largeLooks                = 100             // at most, while all real servers are reloaded
)

// largeRow is what it costs to read a director with serversRead real servers and a full store of events.
type largeRow struct {
	Scrape, Status           []time.Duration
	ScrapeBytes, StatusBytes []int64
	Refused                  int     // scrapes that had no answer in time
	Parent, Front, LVS       []int64 // resident, after all was read
	ParentBefore             []int64 // before anybody has read
	Events                   int64   // records in the store
	EventsTook               []time.Duration
	Look                     []time.Duration // director status, while nothing happens
	LookReloading            []time.Duration // while all real servers are reloaded
	Reload                   []time.Duration
}

func measureLarge(trials int) (row largeRow, err error) {
	for range min(trials, largeTrials) {
		err = errors.Join(err, measureLargeOnce(&row))
	}
	return row, err
}

func measureLargeOnce(row *largeRow) error {
	ok := stage.Play("bench-large", func(t lab.Reporter) {
		const metrics = "metrics {\n    listen 127.0.0.1 9650\n}\n"
		b := newBalancer(t, farm{services: servicesRead, servers: serversRead, checked: true, delay: largeDelay})
		b.serve()
		row.Events = fillEvents(events.Dir(filepath.Join(b.host.Dir(), "state"), filepath.Join(b.host.Dir(), "lb.conf")))
		began := time.Now()
		d := pair.Start(t, stage.Director(), b.host, metrics+b.text())
		b.untilFull(began, 4*fillLimit, "director")
		time.Sleep(largeSettle)
		resident := func(pid int) int64 {
			u, err := use(pid)
			if err != nil {
				t.Fatalf("measure director: %v", err)
			}
			return u.RSS
		}
		row.ParentBefore = append(row.ParentBefore, resident(d.Pid))
		c := client(b.host)
		b.lab.Until(largeFirst, "the front has its first snapshot", func() bool {
			_, err := scrape(c, largeAt)
			return err == nil
		})
		time.Sleep(11 * time.Second) // the next scrape is another one
		for range largeReads {
			began := time.Now()
			n, err := scrape(c, largeAt)
			for tries := 1; err != nil; tries++ { // it gives up after some seconds, on a machine that is too slow
				if row.Refused++; tries == 5 {
					t.Fatalf("scrape: %v", err)
				}
				time.Sleep(largeSettle)
				began = time.Now()
				n, err = scrape(c, largeAt)
			}
			row.Scrape, row.ScrapeBytes = append(row.Scrape, time.Since(began)), append(row.ScrapeBytes, n)
			began = time.Now()
			out, _ := b.host.Output(d.AskCommand("status", "--json")...) // its exit status is that of the services
			if len(out) < serversRead {
				t.Fatalf("director status --json writes %d bytes", len(out))
			}
			row.Status, row.StatusBytes = append(row.Status, time.Since(began)), append(row.StatusBytes, int64(len(out)))
			began = time.Now()
			if _, err := b.host.Output(d.AskCommand("events", "--since", "1h")...); err != nil {
				t.Fatalf("director events: %v", err)
			}
			row.EventsTook = append(row.EventsTook, time.Since(began))
			row.Look = append(row.Look, b.look(d))
			time.Sleep(11 * time.Second) // the next scrape is another one
		}
		row.Parent = append(row.Parent, resident(d.Pid))
		row.LVS = append(row.LVS, resident(d.Worker(pair.LVS)))
		row.Front = append(row.Front, resident(d.Worker("front")))
		// Every second real server gets another weight; the last one is one of them.
		began = time.Now()
		d.Reload(metrics + b.with(func(n int) int { return 1 + n%2 }).text())
		for range largeLooks {
			row.LookReloading = append(row.LookReloading, b.look(d))
			if list, err := b.looks.Destinations(b.key(b.services - 1)); err == nil && slices.ContainsFunc(list,
				func(d table.Destination) bool { return d.Weight == 2 }) {
				break
			}
		}
		row.Reload = append(row.Reload, b.until(began, 4*fillLimit, "a reload of all", b.services-1,
			func(list []table.Destination) bool {
				return slices.ContainsFunc(list, func(d table.Destination) bool { return d.Weight == 2 })
			}))
		fmt.Printf("  status %v, during a reload of %v: %v\n", row.Look, row.Reload, row.LookReloading)
		fmt.Printf("  scrape %v of %v bytes; status %v of %v; events %v; resident: parent %v, then %v, front %v, lvs %v\n",
			row.Scrape, row.ScrapeBytes, row.Status, row.StatusBytes, row.EventsTook, row.ParentBefore, row.Parent, row.Front,
			row.LVS)
		d.KillAll()
		d.WaitEnd(settleLimit)
	})
	if !ok {
		return fmt.Errorf("the measurement of a large director failed")
	}
	return nil
}

// look asks for the status as somebody does, and says how long that took.
func (b *balancer) look(d *pair.Daemon) time.Duration {
	b.t.Helper()
	began := time.Now()
	out, _ := b.host.Output(d.AskCommand("status")...) // its exit status is that of the services
	if !strings.Contains(out, "real server") && len(out) < serversRead {
		b.t.Fatalf("director status writes %.300s", out)
	}
	return time.Since(began)
}

// fillEvents fills a store of events to its bound, and says how many records it was given.
func fillEvents(dir string) (count int64) {
	const each = 200 // bytes at least that a record takes
	log := events.New(events.Options{
		Dir: dir, Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Number: func() event.Number { return "" },
		Notes: func() event.Number { return "" },
	})
	for count < events.DefaultSize/each {
		for range 1000 {
			count++
			log.Note(event.Record{
				Number: event.Number(fmt.Sprintf("bench-%d", count)), Kind: event.RecordVerdict,
				Object: fmt.Sprintf("real server [172.16.%d.%d]:tcp:8080", count/250%250, count%250), From: "up", To: "down",
				Text: "TCP_CHECK: connection refused " + strings.Repeat("x", 64),
			})
		}
		log.Flush(context.Background())
	}
	log.Close(context.Background())
	return count
}

func largeSection(r largeRow) string {
	var b strings.Builder
	fmt.Fprintf(&b, `## Reading a director with 40,000 real servers

%d virtual servers with %d real servers in all, each with a TCP check every %v, and a store of events that was
given %d records, which is more than its 64 MiB hold. A scrape goes through the front; all times are those of a reader,
from the question to the last byte. Memory is resident.

| | |
|---|---|
`, servicesRead, serversRead, largeDelay, r.Events)
	for _, line := range [][2]string{
		{"a scrape", spread(r.Scrape)}, {"its size", spreadOf(r.ScrapeBytes, megabytes, megabytes)},
		{"scrapes without an answer in time", fmt.Sprint(r.Refused)},
		{"director status --json", spread(r.Status)}, {"its size", spreadOf(r.StatusBytes, megabytes, megabytes)},
		{"director events --since 1h", spread(r.EventsTook)}, {"director status", spread(r.Look)},
		{"director status while all of it is reloaded", spread(r.LookReloading)}, {"that reload", spread(r.Reload)},
		{"memory of the supervisor, before", spreadOf(r.ParentBefore, megabytes, megabytes)},
		{"memory of the supervisor, after", spreadOf(r.Parent, megabytes, megabytes)},
		{"memory of the front", spreadOf(r.Front, megabytes, megabytes)},
		{"memory of the lvs worker", spreadOf(r.LVS, megabytes, megabytes)},
	} {
		fmt.Fprintf(&b, "| %s | %s |\n", line[0], line[1])
	}
	return b.String()
}
