package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/words"
)

// printStrangers shows whose advertisements are refused, and what was refused
// of whom nobody knows. Our own virtual routers come first: another password
// or key is a pair that does not work.
func printStrangers(r control.Status, w io.Writer, now time.Time) {
	if len(r.Strangers) > 0 {
		fmt.Fprintln(w, "\nREFUSED FROM\tINTERFACE\tVRID\tINSTANCE\tPRIORITY\tTIMES\tLAST\tWHY")
		for _, s := range slices.SortedStableFunc(slices.Values(r.Strangers), func(a, b event.Stranger) int {
			return fewer(a.Instance == "") - fewer(b.Instance == "")
		}) {
			fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%d\t%d\t%s ago\t%s\n", s.Sender, words.Or(s.Interface, "-"), s.VRID,
				words.Or(s.Instance, "-"),
				s.Priority, s.Times, words.Age(now, s.Last), s.Reason)
		}
	}
	for _, i := range r.Instances {
		if i.Counters != nil && len(i.Counters.Dropped) > 0 {
			fmt.Fprintf(w, "%s dropped: %s\n", i.Name, countsText(i.Counters.Dropped))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Dropped)) {
		if len(r.Dropped[name]) > 0 {
			fmt.Fprintf(w, "%s dropped: %s\n", words.Or(name, "unicast"), countsText(r.Dropped[name]))
		}
	}
	if r.MoreStrangers > 0 {
		fmt.Fprintf(w, "not listed above: %d refused packets of other senders\n", r.MoreStrangers)
	}
}

// countsText is "checksum 3, ttl 1".
func countsText(counts map[string]uint64) string {
	var words []string
	for _, reason := range slices.Sorted(maps.Keys(counts)) {
		words = append(words, fmt.Sprintf("%s %d", reason, counts[reason]))
	}
	return strings.Join(words, ", ")
}
