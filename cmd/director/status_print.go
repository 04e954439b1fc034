package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/lvs-director/director/event"
)

// printStatus writes the report for people, what is degraded first.
func printStatus(w io.Writer, r statusReport, now time.Time) {
	fmt.Fprintf(w, "director %s, pid %d, up %s, %s, generation %d, digest %s\n",
		r.Version, r.Pid, age(now, r.Since), r.Config, r.Generation, shortDigest(r.Digest))
	for _, line := range r.attention(now) {
		fmt.Fprintf(w, "! ATTENTION: %s\n", line)
	}
	for _, p := range r.Problems {
		fmt.Fprintf(w, "! %s\n", p)
	}
	for _, i := range r.Instances {
		if i.Restored > 0 {
			fmt.Fprintf(w, "- %s: something else has removed %d of its addresses, routes and rules, and they were put back\n", i.Name, i.Restored)
		}
	}
	for _, line := range r.handovers(now) {
		fmt.Fprintf(w, "! %s\n", line)
	}
	for _, line := range r.remarks() {
		fmt.Fprintf(w, "- %s\n", line)
	}
	tab := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	if len(r.Instances) > 0 {
		fmt.Fprintln(tab, "\nINSTANCE\tSTATE\tSINCE\tPRIORITY\tMASTER\tWHY")
		for _, i := range slices.SortedStableFunc(slices.Values(r.Instances), func(a, b instanceReport) int {
			return cmp.Compare(badness(a.State), badness(b.State))
		}) {
			fmt.Fprintf(tab, "%s\t%s\t%s\t%d\t%s\t%s\n", i.Name, i.State, age(now, i.Since), i.Priority, or(i.Master, "-"), i.Reason)
		}
	}
	r.printStrangers(tab, now)
	if len(r.VirtualServers) > 0 {
		fmt.Fprintln(tab, "\nSERVER\tSTATE\tSINCE\tWEIGHT\tLAST CHECK\tWHY")
		for _, vs := range slices.SortedStableFunc(slices.Values(r.VirtualServers), func(a, b virtualServerReport) int {
			return cmp.Compare(a.degree(), b.degree())
		}) {
			printVirtualServer(tab, vs, now)
		}
	}
	tab.Flush()
	printScripts(w, r, now)
}

// handovers are the instances that leave their mastership to the peer.
func (r statusReport) handovers(now time.Time) []string {
	var lines []string
	for _, i := range r.Instances {
		switch o := i.HandedOver; {
		case o == nil:
		case o.Until.IsZero():
			lines = append(lines, fmt.Sprintf("%s is handed over since %s, until you type: director resume %s", i.Name, age(now, o.Since), i.Name))
		default:
			lines = append(lines, fmt.Sprintf("%s is handed over since %s, for another %s (director resume %s ends it)",
				i.Name, age(now, o.Since), age(o.Until, now), i.Name))
		}
	}
	return lines
}

func printVirtualServer(w io.Writer, vs virtualServerReport, now time.Time) {
	state := fmt.Sprintf("%d of %d up", vs.Alive, len(vs.RealServers))
	fmt.Fprintf(w, "%s %s %s\t%s\t\t\t\t%s\n", vs.Name, vs.Scheduler, vs.Forward, state, vs.Error)
	for _, rs := range slices.SortedStableFunc(slices.Values(vs.RealServers), func(a, b realServerReport) int {
		return cmp.Compare(fewer(a.Up), fewer(b.Up))
	}) {
		up, check := "DOWN", "-"
		if rs.Up {
			up = "UP"
		}
		if c := rs.LastCheck; c != nil {
			check = fmt.Sprintf("%s ago: %s", age(now, c.At), c.Reason)
		}
		fmt.Fprintf(w, "  -> %s\t%s\t%s\t%d\t%s\t%s\n", rs.Name, up, age(now, rs.Since), rs.Weight, check, rs.Reason)
	}
}

// printScripts shows the scripts that did not end well or have not ended.
func printScripts(w io.Writer, r statusReport, now time.Time) {
	for _, s := range r.Scripts {
		switch {
		case s.Running:
			fmt.Fprintf(w, "%s of %s runs since %s: %s\n", s.Script, s.Object, age(now, s.Exit.Started), strings.Join(s.Exit.Argv, " "))
		case !s.Exit.OK():
			fmt.Fprintf(w, "%s of %s failed %s ago: %s\n", s.Script, s.Object, age(now, s.Exit.Ended), s.Exit)
		}
	}
}

// badness orders states: what needs the operator first.
func badness(s event.VRRPState) int {
	switch s {
	case event.Master:
		return 2
	case event.Backup:
		return 1
	}
	return 0
}

// degree orders virtual servers: 0 no service, 1 degraded, 2 well.
func (v virtualServerReport) degree() int {
	switch {
	case v.Alive == 0 || v.Error != "":
		return 0
	case v.Alive < len(v.RealServers):
		return 1
	}
	return 2
}

func fewer(up bool) int {
	if up {
		return 1
	}
	return 0
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// age is a duration as people say it: the two largest units at most.
func age(now, then time.Time) string {
	if then.IsZero() {
		return "-"
	}
	d := now.Sub(then)
	switch {
	case d < time.Second:
		return fmt.Sprintf("%dms", max(d.Milliseconds(), 0))
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
}
