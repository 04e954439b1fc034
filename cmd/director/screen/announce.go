package screen

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/words"
)

// NoAnnounce says that there is nothing to show of a name; empty is all blocks.
func NoAnnounce(r control.AnnounceReport, name string) error {
	if name == "" || len(r.Announces) > 0 {
		return nil
	}
	return fmt.Errorf("there is no announce block %s here: director announce show lists them", name)
}

// Announces writes what is announced, since when, and why not.
func Announces(w io.Writer, list []control.Announce, now time.Time) {
	if len(list) == 0 {
		fmt.Fprintln(w, "nothing is to be announced: the configuration has no announce block")
		return
	}
	tab := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	announces(tab, list, now)
	tab.Flush()
	for _, a := range list {
		for _, line := range details(a, now) {
			fmt.Fprintf(w, "%s: %s\n", a.Name, line)
		}
	}
}

// announces is the table of status.
func announces(tab io.Writer, list []control.Announce, now time.Time) {
	fmt.Fprintln(tab, "ANNOUNCE\tSTATE\tSINCE\tINTERFACE\tADDRESSES\tWHY")
	for _, a := range list {
		since := "-"
		if !a.Since.IsZero() {
			since = words.Age(now, a.Since)
		}
		state := a.State
		if len(a.Missing) > 0 {
			state = "missing"
		}
		fmt.Fprintf(tab, "%s\t%s\t%s\t%s\t%s\t%s\n", a.Name, state, since, a.Interface, someOf(a.Addresses),
			words.Or(whyText(a), "-"))
	}
}

// shownAddresses is how many addresses a line of a table has.
const shownAddresses = 4

func someOf(list []string) string {
	text := strings.Join(list[:min(len(list), shownAddresses)], " ")
	if more := len(list) - shownAddresses; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func whyText(a control.Announce) string {
	switch {
	case len(a.Missing) > 0:
		return a.Error
	case a.State == control.Announced && a.NotRefreshed != "":
		return a.NotRefreshed
	case a.State == control.Announced || a.Waiting == "":
		return a.Why
	case a.Why == "":
		return a.Waiting
	}
	return a.Waiting + " (" + a.State + " because " + a.Why + ")"
}

// details are what the table has no room for.
func details(a control.Announce, now time.Time) (lines []string) {
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	if len(a.Addresses) > shownAddresses {
		add("addresses %s", strings.Join(a.Addresses, " "))
	}
	if len(a.Missing) > 0 {
		add("to be announced and missing: %s", strings.Join(a.Missing, " "))
	}
	switch {
	case a.State != control.Announced:
	case a.MinLifetime == 0:
		add("the addresses have no lifetime (min_lifetime 0): a director that hangs withdraws nothing")
	case a.OnGrace:
		add("refreshed %s ago, on grace (restart_grace)", words.Age(now, a.Refreshed))
	case a.NotRefreshed != "":
		add("not refreshed for %s; the kernel removes the addresses in %s", words.Age(now, a.Refreshed),
			words.Age(a.Expires, now))
	default:
		add("refreshed %s ago, of a lifetime of %v", words.Age(now, a.Refreshed),
			time.Duration(a.MinLifetime*float64(time.Second)))
	}
	if o := a.HandedOver; o != nil {
		until := "until you type: director resume " + a.Name
		if !o.Until.IsZero() {
			until = "for another " + words.Age(o.Until, now) + " (director resume " + a.Name + " ends it)"
		}
		add("handed over for %s, %s", words.Age(now, o.Since), until)
	}
	return lines
}
