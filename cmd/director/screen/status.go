package screen

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/status"
	"github.com/lvs-director/director/words"
)

// Status writes the report for people, what is degraded first: "!" marks a
// problem, "*" what somebody asked for and has not ended yet, "-" a remark.
func Status(w io.Writer, r control.Status, now time.Time) {
	fmt.Fprintf(w, "director %s, pid %d, up %s, %s, generation %d, digest %s\n",
		r.Version, r.Pid, words.Age(now, r.Since), r.Config, r.Generation, words.ShortDigest(r.Digest))
	wrong, awaited := r.ConfigState, control.ConfigState{ConfirmUntil: r.ConfirmUntil}
	wrong.ConfirmUntil = nil
	for _, line := range status.Attention(wrong, now) {
		fmt.Fprintf(w, "! ATTENTION: %s\n", line)
	}
	for _, line := range status.Attention(awaited, now) {
		fmt.Fprintf(w, "* ATTENTION: %s\n", line)
	}
	for _, o := range r.Overrides {
		mark := "*"
		if status.Absent(o) {
			mark = "!"
		}
		fmt.Fprintf(w, "%s %s\n", mark, status.OverrideText(o, now))
	}
	for _, o := range r.Lifted {
		fmt.Fprintf(w, "* %s\n", status.LiftedText(o))
	}
	for _, p := range r.Problems {
		fmt.Fprintf(w, "! %s\n", p.Text)
	}
	printLate(w, r, now)
	for _, i := range r.Instances {
		if i.Restored > 0 {
			fmt.Fprintf(w, "- %s: something else removed %d of its addresses, routes and rules; director has put them back\n",
				i.Name, i.Restored)
		}
	}
	for _, f := range r.FIFOs {
		if f.Lost > 0 && f.Problem == "" {
			fmt.Fprintf(w, "- %s %s: %d lines were left out because nobody read it\n", f.Keyword, f.Path, f.Lost)
		}
	}
	for _, a := range r.Announces {
		for _, line := range details(a, now) {
			if a.HandedOver != nil {
				fmt.Fprintf(w, "* %s: %s\n", a.Name, line)
			}
		}
	}
	for _, line := range handovers(r, now) {
		fmt.Fprintf(w, "* %s\n", line)
	}
	remarkable := r.ConfigState
	remarkable.HistoryError = "" // it is a problem
	for _, line := range status.Remarks(remarkable) {
		fmt.Fprintf(w, "- %s\n", line)
	}
	tab := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	if len(r.Instances) > 0 {
		fmt.Fprintln(tab, "\nINSTANCE\tSTATE\tSINCE\tPRIORITY\tMASTER\tWHY")
		for _, i := range slices.SortedStableFunc(slices.Values(r.Instances), func(a, b control.Instance) int {
			return cmp.Compare(status.Badness(a.State), status.Badness(b.State))
		}) {
			fmt.Fprintf(tab, "%s\t%s\t%s\t%s\t%s\t%s\n", i.Name, i.State, words.Age(now, i.Since), priorityText(i),
				words.Or(i.Master, "-"), i.Reason)
		}
	}
	if len(r.BFDSessions) > 0 {
		fmt.Fprintln(tab, "\nBFD SESSION\tSTATE\tSINCE\tNEIGHBOR\tDETECTION\tWHY")
		for _, b := range r.BFDSessions {
			fmt.Fprintf(tab, "%s\t%s\t%s\t%s\t%v\t%s\n", b.Name, b.State, words.Age(now, b.Since), b.Neighbor,
				seconds(b.DetectionTime), b.Reason)
		}
	}
	if len(r.Announces) > 0 {
		fmt.Fprintln(tab)
		announces(tab, r.Announces, now)
	}
	peers(tab, r, now)
	printStrangers(r, tab, now)
	if len(r.VirtualServers) > 0 {
		fmt.Fprintln(tab, "\nSERVER\tSTATE\tSINCE\tWEIGHT\tLAST CHECK\tWHY")
		for _, vs := range slices.SortedStableFunc(slices.Values(r.VirtualServers), func(a, b control.VirtualServer) int {
			return cmp.Compare(status.Degree(a), status.Degree(b))
		}) {
			printVirtualServer(tab, vs, now)
		}
	}
	tab.Flush()
	printScripts(w, r, now)
}

// printLate names the parts that did not answer, and how old what is shown of them is. Those that are problems are
// shown as such.
func printLate(w io.Writer, r control.Status, now time.Time) {
	problems := map[string]bool{"vrrp": true, "lvs": true, "front": true, "supervisor": true}
	for _, p := range r.Parts {
		switch {
		case p.Late == "" || problems[p.Name]:
		case p.Heard.IsZero():
			fmt.Fprintf(w, "- %s: %s\n", p.Name, p.Late)
		default:
			fmt.Fprintf(w, "- %s: %s; what is shown of it is %s old\n", p.Name, p.Late, words.Age(now, p.Heard))
		}
	}
}

// handovers are the instances that leave their mastership to the peer.
func handovers(r control.Status, now time.Time) []string {
	var lines []string
	for _, i := range r.Instances {
		switch o := i.HandedOver; {
		case o == nil:
		case o.Until.IsZero():
			lines = append(lines, fmt.Sprintf("%s has been handed over for %s, until you type: director resume %s", i.Name,
				words.Age(now, o.Since), i.Name))
		default:
			lines = append(lines, fmt.Sprintf("%s has been handed over for %s, and will be for another %s (director resume "+
				"%s ends it)",
				i.Name, words.Age(now, o.Since), words.Age(o.Until, now), i.Name))
		}
	}
	return lines
}

func printVirtualServer(w io.Writer, vs control.VirtualServer, now time.Time) {
	state := fmt.Sprintf("%d of %d up", vs.Alive, len(vs.RealServers))
	if vs.Unknown > 0 {
		state += fmt.Sprintf(", %d unknown", vs.Unknown)
	}
	if vs.SorryInUse {
		state += ", sorry server"
	}
	if vs.Elsewhere != "" {
		state += ", elsewhere"
	}
	if vs.ChecksSuspended {
		state += ", checks suspended"
	}
	fmt.Fprintf(w, "%s %s %s\t%s\t\t\t\t%s\n", vs.Name, vs.Scheduler, vs.Forward, state, cmp.Or(vs.Error, vs.Elsewhere))
	for _, rs := range slices.SortedStableFunc(slices.Values(vs.RealServers), func(a, b control.RealServer) int {
		return cmp.Compare(fewer(a.Up), fewer(b.Up))
	}) {
		up, check := "DOWN", "-"
		switch {
		case rs.Kernel != nil && rs.Kernel.Draining:
			up = "DRAINING"
		case rs.Up && rs.Refused():
			up, rs.Reason = "REFUSED", rs.Kernel.Error
		case rs.Verdict == event.CannotTell.String():
			up, rs.Since, rs.Reason = "UNKNOWN", rs.UnknownSince, rs.Unknown
		case rs.Verdict == event.NotChecked.String():
			up = "NOT CHECKED"
		case rs.Up:
			up = "UP"
		}
		if c := rs.LastCheck; c != nil {
			check = fmt.Sprintf("%s ago: %s", words.Age(now, c.At), c.Reason)
		}
		fmt.Fprintf(w, "  -> %s\t%s\t%s\t%s\t%s\t%s\n", rs.Name, up, words.Age(now, rs.Since), weightText(rs), check,
			rs.Reason)
	}
	for _, rs := range vs.Leaving {
		fmt.Fprintf(w, "  -> %s\tLEAVING\t\t%s\t\t%s, %s\n", rs.Name, weightText(rs), rs.Reason, leavingText(rs, now))
	}
}

// weightText is the weight that the kernel has, with its source where that is not
// the configuration; before it is known, the weight that the checks want.
func weightText(rs control.RealServer) string {
	k := rs.Kernel
	switch {
	case k == nil:
		return fmt.Sprint(rs.Weight)
	case !k.Present:
		return "-"
	case k.Source == "" || k.Source == event.WeightConfigured:
		return fmt.Sprint(k.Weight)
	}
	return fmt.Sprintf("%d (%s)", k.Weight, k.Source)
}

// leavingText says what a real server that goes still waits for.
func leavingText(rs control.RealServer, now time.Time) string {
	text := fmt.Sprintf("%d active and %d inactive connections are left", rs.Kernel.Active, rs.Kernel.Inactive)
	if until := rs.Kernel.DrainUntil; !until.IsZero() {
		text += ", it goes in " + words.Age(until, now) + " at the latest"
	}
	return text
}

// priorityText is the effective priority, with the base one where that is another.
func priorityText(i control.Instance) string {
	if i.Base == 0 || i.Priority == i.Base {
		return fmt.Sprint(i.Priority)
	}
	return fmt.Sprintf("%d (base %d)", i.Priority, i.Base)
}

// printScripts shows the scripts that did not end well or have not ended.
func printScripts(w io.Writer, r control.Status, now time.Time) {
	for _, s := range r.Scripts {
		switch {
		case s.Running:
			fmt.Fprintf(w, "%s of %s has been running for %s: %s\n", s.Script, s.Object, words.Age(now, s.Started),
				strings.Join(s.Argv, " "))
		case s.Failed:
			fmt.Fprintf(w, "%s of %s failed %s ago: %s\n", s.Script, s.Object, words.Age(now, s.Ended), s.Result)
		}
	}
}

func fewer(up bool) int {
	if up {
		return 1
	}
	return 0
}

// AttentionBefore is Attention before the answer of a reload or a plan, which
// takes the place of what became of the reload before.
func AttentionBefore(w io.Writer, c control.ConfigState, now time.Time) {
	c.ReloadRefused = ""
	Attention(w, c, now)
}

// Attention writes what nobody may overlook.
func Attention(w io.Writer, c control.ConfigState, now time.Time) {
	for _, line := range status.Attention(c, now) {
		fmt.Fprintln(w, "director: ATTENTION:", line)
	}
}
