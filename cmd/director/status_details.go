package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/words"
)

// printDetails writes what the tables have no room for.
func printDetails(w io.Writer, r control.Status, now time.Time) {
	for _, g := range r.SyncGroups {
		fmt.Fprintf(w, "\nsync group %s: %s since %s, %s\n", g.Name, g.State, words.Age(now, g.Since),
			words.Or(g.Reason, "no change yet"))
		fmt.Fprintf(w, "  instances: %s\n", strings.Join(g.Instances, ", "))
	}
	for _, i := range r.Instances {
		printInstance(w, i, now)
	}
	for _, v := range r.VirtualServers {
		fmt.Fprintf(w, "\n%s: quorum %s, put back %d times\n", v.Name,
			map[bool]string{true: "reached", false: "lost"}[v.Quorum], v.Repaired)
		for _, rs := range v.RealServers {
			if c := rs.LastCheck; c != nil {
				fmt.Fprintf(w, "  -> %s: %s, %s ago, took %v: %s\n",
					rs.Name, c.Checker, words.Age(now, c.At), c.Took.Round(time.Microsecond), c.Reason)
			}
		}
	}
}

func printInstance(w io.Writer, i control.Instance, now time.Time) {
	fmt.Fprintf(w, "\n%s: %s since %s, %s\n", i.Name, i.State, words.Age(now, i.Since), i.Reason)
	line := func(label, text string) {
		if text != "" {
			fmt.Fprintf(w, "  %-16s %s\n", label, text)
		}
	}
	line("virtual router", fmt.Sprintf("%d on %s", i.VRID, words.Or(i.Interface, "no interface")))
	line("priority", fmt.Sprintf("%d effective, %d base", i.Priority, i.Base))
	line("master", i.Master)
	line("sync group", i.SyncGroup)
	line("fault", i.Fault)
	for _, a := range i.Addresses {
		line("address", a)
	}
	for _, t := range i.Tracked {
		text := fmt.Sprintf("%s: %s, weight %d", t.Object, t.State, t.Weight)
		if t.Change != 0 {
			text += fmt.Sprintf(", changes the priority by %+d", t.Change)
		}
		if t.Reason != "" {
			text += " (" + t.Reason + ")"
		}
		line("tracks", text)
	}
	line("missing", i.Missing)
	line("still holding", i.Holding)
	if c := i.Counters; c != nil {
		line("advertisements", fmt.Sprintf("%d sent, %d failed, %d received; MASTER %d times", c.Sent, c.SendErrors,
			c.Received, c.Masters))
	}
}
