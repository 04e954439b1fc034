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
	"github.com/lvs-director/director/integration/traffic"
)

// clientRow is what a client saw of one kind's failovers.
type clientRow struct {
	Kind    string
	Event   string
	Allowed time.Duration
	Gap     []time.Duration
	Failed  []int
}

// The events of the client's table.
const (
	eventCrash    = "host of the master lost"
	eventGraceful = "master asked to stop"
)

func measureClients(trials int) (rows []clientRow, err error) {
	for _, event := range []string{eventCrash, eventGraceful} {
		for _, kind := range kinds() {
			row, failed := measureGap(event, kind, trials)
			rows, err = append(rows, row), errors.Join(err, failed)
		}
	}
	return rows, err
}

// measureGap takes the master of a NAT pair away n times while a client sends requests.
func measureGap(event string, kind pair.Kind, n int) (row clientRow, err error) {
	row = clientRow{Kind: kind.Name(), Event: event}
	ok := stage.Play("bench-"+kind.Name(), func(t lab.Reporter) {
		site := pair.New(t, pair.NAT, 2)
		r := site.Run(t, [2]pair.Kind{kind, kind}, nil)
		row.Allowed = r.Configs[1].MasterDownInterval()
		if event == eventGraceful {
			row.Allowed = r.Configs[1].SkewTime()
		}
		for range n {
			seen := gap(r, event, kind)
			row.Gap = append(row.Gap, seen.LongestGap)
			row.Failed = append(row.Failed, seen.Failed)
		}
	})
	if !ok {
		return row, fmt.Errorf("the measurement of what a client sees of %s (%s) failed", kind.Name(), event)
	}
	fmt.Printf("  %-10s %s: allowed %s, %s\n", row.Kind, event, milliseconds(row.Allowed), spread(row.Gap))
	return row, nil
}

func gap(r *pair.Running, event string, kind pair.Kind) traffic.Summary {
	r.UntilMaster(0, settleLimit)
	r.UntilAnswered(settleLimit)
	time.Sleep(time.Second)
	lost := time.Now()
	if event == eventCrash {
		r.Dirs[0].Crash()
	} else {
		r.Daemons[0].Terminate()
	}
	r.Lab.Until(settleLimit, "dir2 takes over", func() bool { return r.Holds(1) })
	r.UntilAnswered(settleLimit)
	seen := r.Web.Between(lost, time.Now())
	if event == eventCrash {
		r.Dirs[0].Boot()
	} else {
		r.Daemons[0].WaitEnd(settleLimit)
	}
	r.StartDaemon(0, kind)
	return seen
}

func clientSection(rows []clientRow) string {
	var b strings.Builder
	b.WriteString(`## What a client sees

A pair in NAT with two real servers, one advertisement a second, and a client that starts a request
every 20 ms on a connection of its own. The gap is the longest time between two answers; a request
fails when it is refused, reset, or not answered in a second.

| event | allowed | keepalived: gap | failed | director: gap | failed |
|---|---|---|---|---|---|
`)
	for _, event := range []string{eventCrash, eventGraceful} {
		var allowed time.Duration
		gaps, failed := map[string]string{}, map[string]int{}
		for _, row := range rows {
			if row.Event == event {
				allowed, gaps[row.Kind], failed[row.Kind] = row.Allowed, spread(row.Gap), median(row.Failed)
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %d | %s | %d |\n", event, milliseconds(allowed),
			gaps["keepalived"], failed["keepalived"], gaps["director"], failed["director"])
	}
	b.WriteString("\nA gap can be shorter than allowed: the host fails at some moment between two advertisements.\n")
	return b.String()
}
