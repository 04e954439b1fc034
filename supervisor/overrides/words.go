package overrides

import (
	"fmt"
	"strings"
	"time"

	"github.com/lvs-director/director/event"
)

// Nothing says that there was nothing of a kind to end.
func Nothing(kind event.OverrideKind) string {
	return map[event.OverrideKind]string{
		event.Drain: "nothing was drained", event.SetWeight: "no weight was set at run time",
	}[kind]
}

// Attributes are an override for a log line.
func Attributes(o event.Override) []any {
	list := []any{"override", string(o.Kind), "real_server", o.RealServer}
	add := func(name, value string) {
		if value != "" {
			list = append(list, name, value)
		}
	}
	if o.Kind == event.SetWeight {
		list = append(list, "weight", o.Weight)
	}
	add("virtual_server", o.VirtualServer)
	if !o.Until.IsZero() {
		add("until", o.Until.Format(time.RFC3339))
	}
	add("by", o.By)
	add("reason", o.Reason)
	if o.Source != event.SourceOperator {
		add("source", o.Source)
	}
	if o.Local {
		list = append(list, "local", true)
	}
	return list
}

// Detail is what an event says of an override beside what it is of.
func Detail(o event.Override) string {
	if o.Kind == event.SetWeight {
		return strings.TrimSpace(fmt.Sprintf("weight %d %s", o.Weight, o.Reason))
	}
	return o.Reason
}

// Words are what a change that another half asked for is in the log and among the events, and
// the override that it is about; nothing when all holds as before.
func (c Change) Words() (line, what string, o event.Override) {
	begun, ended := "draining", "a drain was ended"
	what, over := "drain", "undrain"
	if c.Record.Kind == event.SetWeight {
		begun, ended, what, over = "a weight was set", "a weight was reset", "weight", "reset"
	}
	host := c.Record.Stamp.Host
	switch {
	case c.Is == nil && c.Was == nil, c.Is != nil && c.Was != nil && same(*c.Is, *c.Was):
		return "", "", o
	case c.Is == nil:
		o = *c.Was
		o.By, o.Reason, o.Until = c.Record.By, "", time.Time{}
		return ended + ": " + host + " asked for it", over, o
	}
	return begun + ": " + host + " asked for it", what, *c.Is
}
