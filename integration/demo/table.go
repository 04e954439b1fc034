//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/lvs-director/director/integration/traffic"
)

// tolerance is what emulated processors may add to the time of an answer.
const tolerance = 150 * time.Millisecond

// row is what one event cost the client.
type row struct {
	kind  string
	event event
	seen  traffic.Summary
	// lasted and failed are the gap and the failures, less what is due to this
	// machine's lack of processors.
	lasted time.Duration
	failed int
}

// verdict says whether the event cost no more than its limit. The gap may exceed
// the outage by one traffic.Pace, the time between two requests.
func (r row) verdict() string {
	within := func(gap time.Duration, failed int) bool {
		return gap <= r.event.allowed+traffic.Pace+tolerance && (r.event.mayFail || failed <= inFlight)
	}
	switch {
	case within(r.seen.LongestGap, r.seen.Failed):
		return "ok"
	case within(r.lasted, r.failed):
		return busy
	}
	return missed
}

const (
	missed = "MISSED"
	busy   = "too busy"
)

func printTable(w io.Writer, rows []row) {
	fmt.Fprintln(w)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "PAIR OF\tEVENT\tSENT\tFAILED\t(RESET\tNO ANSWER)\tLONGEST GAP\tALLOWED\tOK")
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%d\t%.2f s\t%.2f s\t%s\n", r.kind, r.event.name, r.seen.Sent, r.seen.Failed,
			r.seen.Outcomes[traffic.Reset]+r.seen.Outcomes[traffic.Refused], r.seen.Outcomes[traffic.NoAnswer],
			r.seen.LongestGap.Seconds(), r.event.allowed.Seconds(), r.verdict())
	}
	t.Flush()
	fmt.Fprintln(w, "\nA gap is a time in which no request at all was answered. Allowed: for a lost master its "+
		"Master_Down_Interval")
	fmt.Fprintln(w, "(RFC 9568 6.1: 3 intervals and the skew), for one that hands over the skew, for a lost real "+
		"server the second")
	fmt.Fprintln(w, "that a client waits for an answer; else what this lab's processors need. A gap that is longer by "+
		"up to")
	fmt.Fprintf(w, "%v is ok: requests leave every %v, and processes start late.\n", traffic.Pace+tolerance, traffic.Pace)
	if slices.ContainsFunc(rows, func(r row) bool { return r.verdict() == busy }) {
		fmt.Fprintln(w, "Too busy: more than allowed, but no longer than this machine, busy with other work, kept the lab "+
			"waiting.")
	}
}
