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

// series is one line of the table: an interval and a way to lose the master.
type series struct {
	interval time.Duration
	graceful bool
}

func allSeries() []series {
	return []series{
		{time.Second, false}, {100 * time.Millisecond, false}, {10 * time.Millisecond, false},
		{time.Second, true}, {100 * time.Millisecond, true}, {10 * time.Millisecond, true},
	}
}

func (s series) what() string {
	if s.graceful {
		return "asked to stop"
	}
	return "killed"
}

// failoverRow is what one kind needed in one series.
type failoverRow struct {
	Kind     string
	Interval time.Duration
	Graceful bool
	RFC      time.Duration
	Took     []time.Duration
	Unstable int // trials thrown away because the backup took over before the loss
}

const (
	settleLimit = 30 * time.Second
	// maxUnstable bounds the trials that are thrown away.
	maxUnstable = 30
)

func measureFailovers(trials int) (rows []failoverRow, err error) {
	for _, s := range allSeries() {
		// At 1 s a trial is nearly all waiting, so both kinds run at the same time.
		both := s.interval >= time.Second
		results := make(chan failoverRow)
		errs := make(chan error)
		one := func(kind pair.Kind) {
			row, err := measureSeries(s, kind, trials)
			results <- row
			errs <- err
		}
		for _, kind := range kinds() {
			go one(kind)
			if !both {
				rows, err = append(rows, <-results), errors.Join(err, <-errs)
			}
		}
		if both {
			for range kinds() {
				rows, err = append(rows, <-results), errors.Join(err, <-errs)
			}
		}
	}
	return rows, err
}

// measureSeries runs the trials of one series with a pair of one kind.
func measureSeries(s series, kind pair.Kind, n int) (row failoverRow, err error) {
	row = failoverRow{Kind: kind.Name(), Interval: s.interval, Graceful: s.graceful}
	ok := stage.Play("bench-"+kind.Name(), func(t lab.Reporter) {
		site := pair.New(t, pair.DR, 0)
		r := site.Run(t, [2]pair.Kind{kind, kind}, func(_ int, c *pair.Config) {
			c.Service, c.Interval = false, s.interval
		})
		row.RFC = r.Configs[1].MasterDownInterval()
		if s.graceful {
			row.RFC = r.Configs[1].SkewTime()
		}
		for len(row.Took) < n && row.Unstable < maxUnstable {
			if took, ok := trial(r, kind, s.graceful); ok {
				if took < row.RFC-time.Millisecond {
					t.Errorf("%s took over after %v, before the RFC's %v", kind.Name(), took, row.RFC)
				}
				row.Took = append(row.Took, took)
			} else {
				row.Unstable++
			}
		}
	})
	if !ok {
		return row, fmt.Errorf("the measurement of a pair of %s at an interval of %v failed", kind.Name(), s.interval)
	}
	fmt.Printf("  %-10s %s at %v: RFC %s, %s, %d thrown away\n", row.Kind, s.what(), s.interval,
		milliseconds(row.RFC), spread(row.Took), row.Unstable)
	return row, nil
}

// trial takes the master away once and brings it back. A third host times the loss on the wire:
// from the master's last advertisement (or, for a stop, from the SIGTERM) to the first
// advertisement of the backup.
func trial(r *pair.Running, kind pair.Kind, graceful bool) (took time.Duration, ok bool) {
	r.UntilMaster(0, settleLimit)
	time.Sleep(r.Configs[0].Interval) // both routers have settled
	quiet := time.Now()
	time.Sleep(r.Configs[0].Interval)
	var lost time.Time
	if graceful {
		lost = r.Daemons[0].Terminate()
	} else {
		lost = r.Daemons[0].KillAll()
	}
	r.Lab.Until(settleLimit, "dir2 takes over", func() bool { return r.Holds(1) })
	r.Daemons[0].WaitEnd(settleLimit)
	seen := pair.Advertisements(r.Client.Capture("eth0"), quiet)
	r.StartDaemon(0, kind)

	from := pair.From(seen, pair.DirectorAddress(0))
	to := pair.From(seen, pair.DirectorAddress(1))
	if len(from) == 0 || len(to) == 0 || to[0].Time.Before(lost) {
		return 0, false // the backup had already taken over
	}
	start := from[len(from)-1].Time
	if graceful {
		start = lost
	}
	return to[0].Time.Sub(start), true
}

func failoverSection(rows []failoverRow) string {
	var b strings.Builder
	b.WriteString(`## From the loss of the master to the new one's advertisement

Two routers with priorities 200 and 100, VRRP version 3, in network namespaces on the machine's own
kernel. A third host takes the times of the packets. Killed: SIGKILL to all processes of the master,
which are stopped first so that none sees another end; the time runs from the master's last advertisement
to the first one of the new master. Asked to stop: the time runs from the SIGTERM.

| master | interval | RFC 9568 | keepalived | director |
|---|---|---|---|---|
`)
	for _, s := range allSeries() {
		rfc, cells := time.Duration(0), map[string]string{}
		for _, row := range rows {
			if row.Interval == s.interval && row.Graceful == s.graceful {
				rfc = row.RFC
				cells[row.Kind] = spread(row.Took)
				if row.Unstable > 0 {
					cells[row.Kind] += fmt.Sprintf("; %d thrown away", row.Unstable)
				}
			}
		}
		fmt.Fprintf(&b, "| %s | %v | %s | %s | %s |\n", s.what(), s.interval, milliseconds(rfc), cells["keepalived"],
			cells["director"])
	}
	b.WriteString("\nThrown away: trials in which the backup had taken over before the loss.\n")
	return b.String()
}
