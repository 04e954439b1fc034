package overrides

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/words"
)

// Setting is a setting of the kernel, which may not be known.
type Setting uint8

// The states of a Setting.
const (
	Unknown Setting = iota
	Off
	On
)

// Replaced are the drains in force of the very targets, which a new one takes the place
// of: an operator has to know that another one's end or reason goes.
func Replaced(set []event.Override, targets []Target) (lines []string) {
	for _, o := range set {
		if o.Kind != event.Drain || !slices.ContainsFunc(targets, func(t Target) bool { return t.Of(o) }) {
			continue
		}
		text := TargetOf(o).String() + " is drained already"
		if o.By != "" {
			text += " by " + o.By
		}
		if !o.Until.IsZero() {
			text += " until " + o.Until.Local().Format(time.DateTime)
		}
		if o.Reason != "" {
			text += ": " + o.Reason
		}
		lines = append(lines, text+"; the new drain takes its place")
	}
	return lines
}

// AllDrained says whether each of the targets has a drain of its own in force.
func AllDrained(set []event.Override, targets []Target) bool {
	for _, t := range targets {
		if !slices.ContainsFunc(set, func(o event.Override) bool { return o.Kind == event.Drain && t.Of(o) }) {
			return false
		}
	}
	return len(targets) > 0
}

// Notices are what an operator has to know before he drains the targets: what
// persistence makes of it. Quiescent is net.ipv4.vs.expire_quiescent_template, and
// atZero are the real servers that have weight 0 already, as events name them.
func Notices(cfg *conf.Config, targets []Target, quiescent Setting, atZero []Target) (lines []string) {
	var sticky []*conf.VirtualServer
	for _, vs := range cfg.VirtualServers {
		if vs.Persistence > 0 && slices.ContainsFunc(vs.RealServers, func(rs *conf.RealServer) bool {
			return covered(targets, vs.String(), rs.String())
		}) {
			sticky = append(sticky, vs)
		}
	}
	if len(sticky) == 0 {
		return nil
	}
	if quiescent != On {
		why := "net.ipv4.vs.expire_quiescent_template is 0"
		if quiescent == Unknown {
			why = "net.ipv4.vs.expire_quiescent_template is not known to be 1"
		}
		for _, vs := range sticky {
			lines = append(lines, fmt.Sprintf("%s is persistent and %s: clients that have been there return to the drained "+
				"server until their persistence template times out (%s after their last connection), so the drain ends by time "+
				"and not by running empty; to end templates at once, write ipvs { expire_quiescent_template 1 } in global_defs",
				vs, why, words.Duration(vs.Persistence)))
		}
		return lines
	}
	var others []string
	for _, t := range atZero {
		if !covered(targets, t.VirtualServer, t.RealServer) {
			others = append(others, t.String())
		}
	}
	line := "net.ipv4.vs.expire_quiescent_template is 1: the next connection of a sticky client goes to another server"
	if len(others) > 0 {
		if more := len(others) - maxSuggested; more > 0 {
			others = append(others[:maxSuggested], fmt.Sprintf("%d more", more))
		}
		line += "; so it is for every other real server with weight 0: " + strings.Join(others, ", ")
	}
	return append(lines, line)
}

// covered says that one of the targets is for the real server.
func covered(targets []Target, virtualServer, realServer string) bool {
	return slices.ContainsFunc(targets, func(t Target) bool { return t.Covers(virtualServer, realServer) })
}
