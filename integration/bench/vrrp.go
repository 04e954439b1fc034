//go:build linux

package main

import (
	"fmt"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
)

// seriesSpec is one line of the table: an interval and a way to lose the
// master.
type seriesSpec struct {
	interval time.Duration
	graceful bool
}

var series = []seriesSpec{
	{time.Second, false}, {100 * time.Millisecond, false}, {10 * time.Millisecond, false},
	{time.Second, true}, {100 * time.Millisecond, true}, {10 * time.Millisecond, true},
}

// timesRow is what one kind needed in one series.
type timesRow struct {
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

// measureSeries runs the trials of one series with a pair of one kind.
func measureSeries(s seriesSpec, kind pair.Kind, n int) (row timesRow, err error) {
	row = timesRow{Kind: kind.Name(), Interval: s.interval, Graceful: s.graceful}
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
		return row, fmt.Errorf("a pair of %s at an interval of %v could not be measured", kind.Name(), s.interval)
	}
	fmt.Printf("%-10s interval %-5v graceful %-5v: RFC %v, median %v of %d, %d thrown away\n", row.Kind, s.interval, s.graceful,
		row.RFC, median(row.Took), len(row.Took), row.Unstable)
	return row, nil
}

// trial loses the master once and brings it back. The loss is timed on the
// wire, by a third host: from the master's last advertisement (or, when it is
// asked to stop, from the asking) to the first of the backup.
func trial(r *pair.Running, kind pair.Kind, graceful bool) (took time.Duration, ok bool) {
	r.UntilMaster(0, settleLimit)
	time.Sleep(3 * r.Configs[0].Interval) // both are quiet
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
