package status

import (
	"fmt"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/overrides"
	"github.com/lvs-director/director/words"
)

// overrides reports on the drains and weights in force.
func (m *maker) overrides() {
	for _, o := range m.Overrides {
		m.r.Overrides = append(m.r.Overrides, m.override(o))
	}
	for _, o := range m.Lifted {
		m.r.Lifted = append(m.r.Lifted, m.override(o))
	}
}

func (m *maker) override(o event.Override) control.Override {
	r := control.Override{Override: o}
	if o.Stamp.Host != m.HostName {
		r.Elsewhere = o.Stamp.Host
	}
	target := overrides.TargetOf(o)
	for _, v := range m.r.VirtualServers {
		for _, rs := range v.RealServers {
			if !target.Covers(v.Name, rs.Name) {
				continue
			}
			r.Servers++
			if k := rs.Kernel; k != nil {
				r.Active += k.Active
				r.Inactive += k.Inactive
			} else {
				r.Uncounted = true
			}
		}
	}
	return r
}

// Absent says that a drain is of nothing that is configured: what it was for may serve
// under another name. What was asked for on another half may be of what only that one has.
func Absent(o control.Override) bool {
	return o.Kind == event.Drain && o.Servers == 0 && o.Elsewhere == ""
}

// inTable puts what the kernel's table has into the report on a virtual server.
func (k *Knowledge) inTable(vs *conf.VirtualServer, r *control.VirtualServer) {
	r.QuorumRequired, r.Hysteresis = vs.Quorum, vs.Hysteresis
	if s := vs.Sorry; s != nil {
		r.SorryServer = s.Key.String()
	}
	told := k.InTable[r.Name]
	r.Slots = told.Slots
	r.InKernel, r.Traffic = told.Words, control.NewTraffic(told.Traffic)
	position := make(map[string]*control.RealServer, len(r.RealServers))
	for n := range r.RealServers {
		position[r.RealServers[n].Name] = &r.RealServers[n]
	}
	leaving := make(map[string]bool)
	for _, s := range told.Servers {
		if s.Sorry {
			r.SorryInUse = r.SorryInUse || s.Present
			continue
		}
		rs := position[s.RealServer]
		if rs == nil {
			if s.Draining && !leaving[s.Service+s.RealServer] {
				leaving[s.Service+s.RealServer] = true
				r.Leaving = append(r.Leaving, control.RealServer{
					Name: s.RealServer, Reason: "no longer in the configuration", Kernel: newInKernel(s),
				})
			}
			continue
		}
		if rs.Kernel == nil {
			rs.Kernel = newInKernel(s)
			continue
		}
		rs.Kernel.Active += s.Active
		rs.Kernel.Inactive += s.Inactive
		rs.Kernel.Persistent += s.Persistent
		rs.Kernel.Traffic.Add(s.Traffic)
		if rs.Kernel.Error == "" {
			rs.Kernel.Error = s.Error
		}
	}
}

func newInKernel(s event.ServerInTable) *control.InKernel {
	return &control.InKernel{
		Present: s.Present, Weight: s.Weight, SlotWeight: s.Place, Source: s.Source, Forward: s.Forward, Draining: s.Draining,
		DrainUntil: s.DrainUntil, Active: s.Active, Inactive: s.Inactive, Persistent: s.Persistent, Counted: s.Counted,
		Traffic: s.Traffic, Error: s.Error,
	}
}

// UndoCommand is what ends an override.
func UndoCommand(o event.Override) string {
	command := "director undrain " + o.RealServer
	if o.Kind == event.SetWeight {
		command = "director weight " + o.RealServer + " --reset"
	}
	if strings.HasPrefix(o.RealServer, "[") { // a shell takes brackets for a pattern
		command = strings.Replace(command, o.RealServer, "'"+o.RealServer+"'", 1)
	}
	if o.VirtualServer != "" {
		command += " --vs '" + o.VirtualServer + "'"
	}
	return command
}

// LiftedText is an override that holds on other halves only, for people.
func LiftedText(o control.Override) string {
	text, what := overrides.TargetOf(o.Override).String(), "is drained"
	if o.Kind == event.SetWeight {
		what = fmt.Sprintf("has weight %d", o.Weight)
	}
	text += " " + what + " on the other half of the pair and not on this host, where somebody has ended it (--local)"
	return text + ": " + UndoCommand(o.Override) + " ends it there too"
}

// OverrideText is an override for people: what, since when, by whom, why, until
// when, and what is left.
func OverrideText(o control.Override, now time.Time) string {
	text := o.RealServer
	if o.VirtualServer != "" {
		text += " in " + o.VirtualServer
	}
	if o.Kind == event.SetWeight {
		text += fmt.Sprintf(" has had weight %d for %s", o.Weight, words.Age(now, o.Since))
	} else {
		text += " has been drained for " + words.Age(now, o.Since)
	}
	switch {
	case o.Source == event.SourceKernel:
		text += ", set in the kernel's table by another program (ipvsadm)"
	case o.By != "":
		text += ", by " + o.By
	}
	switch {
	case o.Elsewhere != "":
		text += " on " + o.Elsewhere
	case o.Local:
		text += " on this host only (--local)"
	}
	if o.Reason != "" {
		text += fmt.Sprintf(" (%s)", o.Reason)
	}
	if o.Until.IsZero() {
		text += ", until you type: " + UndoCommand(o.Override)
	} else {
		text += fmt.Sprintf(", and will be for another %s (%s ends it)", words.Age(o.Until, now), UndoCommand(o.Override))
	}
	switch {
	case o.Servers == 0 && o.Elsewhere != "":
		text += "; for nothing here: no real server of this host's configuration is called so"
	case o.Servers == 0:
		text += "; no real server of the configuration is called so at present"
	case o.Kind == event.Drain && o.Uncounted:
		text += "; how many connections are left is not known, since the table cannot be read"
	case o.Kind == event.Drain:
		text += fmt.Sprintf("; %d active and %d inactive connections are left", o.Active, o.Inactive)
	}
	return text
}
