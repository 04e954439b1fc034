package events

import (
	"fmt"
	"strings"

	"github.com/lvs-director/director/conf/diff"
)

// mostNamed is how many changes of a reload are named, and most fields of each.
const (
	mostNamed  = 12
	mostFields = 4
)

// Changes says what a reload changes, in some words; empty when it is nothing.
func Changes(d diff.Difference) string {
	var list []string
	add := func(a diff.Action, what string, fields []diff.FieldChange) {
		if a == diff.Untouched {
			return
		}
		text := what + " " + a.String()
		if a == diff.Changed && len(fields) > 0 {
			text += " (" + fieldsText(fields) + ")"
		}
		list = append(list, text)
	}
	if len(d.Global) > 0 {
		add(diff.Changed, "global_defs", d.Global)
	}
	for _, c := range d.Instances {
		add(c.Action, "instance "+c.Name, c.Fields)
	}
	for _, c := range d.Others {
		add(c.Action, c.Block+" "+c.Name, c.Fields)
	}
	for _, c := range d.Servers {
		if c.Action != diff.Changed || len(c.Fields) > 0 {
			add(c.Action, "virtual server "+c.Name, c.Fields)
		}
		if c.Action != diff.Changed {
			continue
		}
		for _, r := range c.RealServers {
			add(r.Action, "real server "+r.Name+" of virtual server "+c.Name, r.Fields)
		}
	}
	if more := len(list) - mostNamed; more > 0 {
		list = append(list[:mostNamed], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(list, "; ")
}

func fieldsText(list []diff.FieldChange) string {
	var texts []string
	for n, f := range list {
		if n == mostFields {
			texts = append(texts, fmt.Sprintf("%d more", len(list)-n))
			break
		}
		switch {
		case f.Old == "" && f.New == "":
			texts = append(texts, f.Keyword)
		case f.Old == f.New: // secrets
			texts = append(texts, f.Keyword+" has another value")
		case f.Old == "":
			texts = append(texts, f.Keyword+" "+f.New)
		case f.New == "":
			texts = append(texts, "no "+f.Keyword+" "+f.Old)
		default:
			texts = append(texts, f.Keyword+" "+f.Old+" -> "+f.New)
		}
	}
	return strings.Join(texts, ", ")
}
