package vrrp

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/vrrp/link"
	"github.com/lvs-director/director/vrrp/resource"
)

// What is not right in the kernel is told as one list, event.HostState: also
// what belongs to no instance any more.

// noteTrouble remembers what is not right of an owner's.
func (e *Engine) noteTrouble(r resource.Result) {
	before := e.troubles[r.Owner]
	if len(r.Trouble) == 0 {
		if len(before) == 0 || !r.All {
			return
		}
		delete(e.troubles, r.Owner)
	} else {
		e.troubles[r.Owner] = r.Trouble
	}
	e.tellProblems()
}

// tellProblems tells the list if it has changed.
func (e *Engine) tellProblems() {
	if e.opts.Host == nil {
		return
	}
	now := e.opts.Clock.Now()
	byKey := make(map[resource.Key]*event.Problem)
	var keys []resource.Key
	for owner, list := range e.troubles {
		for _, t := range list {
			p := byKey[t.Key]
			if p == nil {
				p = &event.Problem{Kind: t.Kind, Object: t.Key.String(), Times: t.Times, Since: t.Since.Round(0)}
				if t.Err != nil {
					p.Error = t.Err.Error()
				}
				byKey[t.Key] = p
				keys = append(keys, t.Key)
			}
			if id, ok := owner.(conf.InstanceID); ok && e.instances[id] != nil {
				p.Instances = append(p.Instances, e.instances[id].cfg.Name)
			}
		}
	}
	var problems []event.Problem
	slices.SortFunc(keys, resource.Compare)
	for _, k := range keys {
		slices.Sort(byKey[k].Instances)
		problems = append(problems, *byKey[k])
	}
	problems = append(problems, e.conflicts...)
	problems = append(problems, e.vmacs.Problems(now)...)
	for _, table := range e.filterTables() {
		problems = append(problems, e.filters[table])
	}
	if slices.EqualFunc(problems, e.problems, sameProblem) {
		return
	}
	e.problems = problems
	e.opts.Host(event.HostState{Problems: slices.Clone(problems)})
}

func sameProblem(a, b event.Problem) bool {
	return a.Kind == b.Kind && a.Object == b.Object && a.Error == b.Error && a.Times == b.Times &&
		a.Since.Equal(b.Since) && slices.Equal(a.Instances, b.Instances)
}

func (e *Engine) filterTables() (names []string) {
	for name := range e.filters {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// filterRepaired says that something else had changed the filters of no_accept,
// or that they could not be put back.
func (e *Engine) filterRepaired(r link.FilterRepair, now time.Time) {
	attrs := []any{"table", r.Table, "missing", strings.Join(r.Missing, ", "), "times", r.Count}
	switch _, ok := e.limits.allow(fmt.Sprint("filter ", r.Table, r.Err != nil), now); {
	case !ok:
	case r.Err != nil:
		e.log.Error("failed to put the nftables table of no_accept back: packets to its virtual addresses are accepted",
			append(attrs, "error", r.Err)...)
	default:
		e.log.Warn("something else changed the nftables table of no_accept: put back", attrs...)
	}
	before, known := e.filters[r.Table]
	switch {
	case r.Err != nil:
		p := event.Problem{Kind: event.Missing, Object: "nftables table " + r.Table, Error: r.Err.Error(), Times: r.Count, Since: now.Round(0)}
		if known {
			p.Since = before.Since
		}
		e.filters[r.Table] = p
	case known:
		delete(e.filters, r.Table)
	}
	e.tellProblems()
}
