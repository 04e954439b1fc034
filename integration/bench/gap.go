//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/lvs-director/director/integration/lab"
	"github.com/lvs-director/director/integration/pair"
	"github.com/lvs-director/director/integration/stage"
	"github.com/lvs-director/director/integration/traffic"
)

// gapRow is what a client saw of one kind's failovers.
type gapRow struct {
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

// writeGaps measures what the client sees and leaves the figures in a file.
func writeGaps(path string, n int) error {
	var rows []gapRow
	for _, event := range []string{eventCrash, eventGraceful} {
		for _, kind := range kinds() {
			row, err := measureGap(event, kind, n)
			if err != nil {
				return err
			}
			rows = append(rows, row)
		}
	}
	text, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

// measureGap loses the master of a NAT pair again and again under a client.
func measureGap(event string, kind pair.Kind, n int) (row gapRow, err error) {
	row = gapRow{Kind: kind.Name(), Event: event}
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
		return row, fmt.Errorf("what a client sees of %s could not be measured", kind.Name())
	}
	fmt.Printf("%-10s %s: allowed %v, median gap %v\n", row.Kind, event, row.Allowed, median(row.Gap))
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
