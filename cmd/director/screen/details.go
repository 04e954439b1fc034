package screen

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

// Details writes what the tables have no room for.
func Details(w io.Writer, r control.Status, now time.Time) {
	if r.Mail != nil {
		fmt.Fprintf(w, "\nmail: %s\n", r.Mail.Text(now))
	}
	for _, g := range r.SyncGroups {
		fmt.Fprintf(w, "\nsync group %s: %s since %s, %s\n", g.Name, g.State, words.Age(now, g.Since),
			words.Or(g.Reason, "no change yet"))
		fmt.Fprintf(w, "  instances: %s\n", strings.Join(g.Instances, ", "))
	}
	for _, i := range r.Instances {
		printInstance(w, i, now)
	}
	for _, b := range r.BFDSessions {
		fmt.Fprintf(w, "\nBFD session %s: %s since %s: %s; was up %d times, down %d times\n", b.Name, b.State,
			words.Age(now, b.Since), b.Reason, b.Ups, b.Downs)
		fmt.Fprintf(w, "  sends each %v, the neighbor may be silent for %v and says %s\n", seconds(b.Interval),
			seconds(b.DetectionTime), words.Or(b.RemoteState, "nothing"))
	}
	for _, a := range r.Announces {
		fmt.Fprintf(w, "\nannounce %s:\n", a.Name)
		for _, line := range details(a, now) {
			fmt.Fprintf(w, "  %s\n", line)
		}
	}
	defer printTold(w, r.Told, now)
	for _, v := range r.VirtualServers {
		fmt.Fprintf(w, "\n%s: quorum %s, put back %d times\n", v.Name,
			map[bool]string{true: "reached", false: "lost"}[v.Quorum], v.Repaired)
		if v.QuorumRequired > 1 || v.Hysteresis > 0 {
			fmt.Fprintf(w, "  quorum %d, hysteresis %d\n", v.QuorumRequired, v.Hysteresis)
		}
		if v.InKernel != "" {
			fmt.Fprintf(w, "  in the kernel: %s; %d connections in all, %d bytes in, %d out\n", v.InKernel,
				v.Connections, v.BytesIn,
				v.BytesOut)
		}
		if v.SorryServer != "" {
			fmt.Fprintf(w, "  sorry server %s: %s\n", v.SorryServer,
				map[bool]string{true: "in use", false: "not in use"}[v.SorryInUse])
		}
		for _, rs := range v.RealServers {
			printInKernel(w, rs, now)
			if n := rs.ChecksOK + rs.ChecksFailed; n > 0 {
				fmt.Fprintf(w, "  -> %s: %d checks passed, %d failed\n", rs.Name, rs.ChecksOK, rs.ChecksFailed)
			}
			if rs.HistoryError != "" {
				fmt.Fprintf(w, "  -> %s: no history of checks: %s\n", rs.Name, rs.HistoryError)
			}
			for _, a := range rs.Asked {
				fmt.Fprintf(w, "  -> %s: %s asks for %s\n", rs.Name, a.Checker, a.Wants)
			}
			for _, h := range rs.History {
				printHistory(w, h, now)
			}
			if c := rs.LastCheck; c != nil && len(rs.History) == 0 {
				fmt.Fprintf(w, "  -> %s: %s, %s ago, took %v: %s\n",
					rs.Name, c.Checker, words.Age(now, c.At), c.Took.Round(time.Microsecond), c.Reason)
			}
		}
	}
}

// printTold shows what scripts and FIFOs were told last, and how that ended.
func printTold(w io.Writer, list []control.Told, now time.Time) {
	if len(list) > 0 {
		fmt.Fprintln(w, "\ntold:")
	}
	for _, t := range list {
		fmt.Fprintf(w, "  %s ago  %s of %s: %s: %s", words.Age(now, t.At), t.By, t.Object, t.What, t.Result)
		if t.Took > 0 {
			fmt.Fprintf(w, ", took %v", t.Took.Round(time.Millisecond))
		}
		fmt.Fprintln(w)
		if t.Output != "" {
			lines := strings.Split(t.Output, "\n")
			for _, line := range lines[max(0, len(lines)-outputLines):] {
				fmt.Fprintf(w, "      | %s\n", line)
			}
		}
	}
}

// outputLines is how many of the last lines of a failing script are shown.
const outputLines = 5

// printHistory shows the last results of a checker, the latest one first.
func printHistory(w io.Writer, h control.CheckHistory, now time.Time) {
	fmt.Fprintf(w, "  -> %s: %s, %d runs\n", h.RealServer, h.Checker, h.Runs)
	for _, c := range slices.Backward(h.Results) {
		fmt.Fprintf(w, "     %s ago  %-7s  took %v: %s\n", words.Age(now, c.At), c.Verdict, c.Took.Round(time.Microsecond),
			c.Reason)
	}
}

// printInKernel shows what the kernel's table has of a real server.
func printInKernel(w io.Writer, rs control.RealServer, now time.Time) {
	k := rs.Kernel
	switch {
	case k == nil:
		return
	case !k.Present:
		fmt.Fprintf(w, "  -> %s: not in the kernel's table", rs.Name)
	default:
		fmt.Fprintf(w, "  -> %s: %s, weight %d (%s), %d active, %d inactive, %d persistent connections, "+
			"%d in all, %d bytes in, %d out, counted %s ago",
			rs.Name, k.Forward, k.Weight, words.Or(string(k.Source), "configuration"), k.Active, k.Inactive, k.Persistent,
			k.Traffic.Connections, k.Traffic.InBytes, k.Traffic.OutBytes, words.Age(now, k.Counted))
	}
	if k.Draining && !k.DrainUntil.IsZero() {
		fmt.Fprintf(w, ", draining for another %s", words.Age(k.DrainUntil, now))
	}
	if k.Error != "" {
		fmt.Fprintf(w, ": %s", k.Error)
	}
	fmt.Fprintln(w)
}

func printInstance(w io.Writer, i control.Instance, now time.Time) {
	fmt.Fprintf(w, "\n%s: %s since %s, %s\n", i.Name, i.State, words.Age(now, i.Since), i.Reason)
	line := func(label, text string) {
		if text != "" {
			fmt.Fprintf(w, "  %-16s %s\n", label, text)
		}
	}
	line("virtual router", fmt.Sprintf("%d on %s", i.VRID, words.Or(i.Interface, "no interface")))
	line("wants", fmt.Sprintf("%s, %s, VRRP version %d, an advertisement each %v", words.Or(i.WantedState, "-"),
		words.Or(i.Family, "-"), i.Version, time.Duration(i.Interval*float64(time.Second))))
	line("priority", fmt.Sprintf("%d effective, %d base", i.Priority, i.Base))
	line("master", i.Master)
	line("sync group", i.SyncGroup)
	line("fault", i.Fault)
	for _, a := range i.VirtualAddresses {
		text := a.Address + " dev " + a.On
		if a.Excluded {
			text += ", not advertised"
		}
		line("address", text+map[bool]string{true: ", the kernel has it", false: ", the kernel does not have it"}[a.Present])
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

// seconds is a number of them as a time.
func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }
