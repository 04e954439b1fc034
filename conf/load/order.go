package load

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/lvs-director/director/conf"
)

// sortFindings orders findings as the files were read, and makes warnings
// errors for those who want that.
func (l *loader) sortFindings(strict bool) []conf.Finding {
	if l.Dropped > 0 {
		l.Findings = append(l.Findings, conf.Finding{
			Severity: conf.Warning, Pos: conf.Pos{File: l.Config.Path}, Code: "too-many-findings",
			Message: fmt.Sprintf("%d more findings are not shown", l.Dropped),
		})
	}
	order := make(map[string]int, len(l.Tree.Files))
	for i, f := range l.Tree.Files {
		order[f.Name] = i + 1
	}
	slices.SortStableFunc(l.Findings, func(a, b conf.Finding) int {
		return cmp.Or(
			cmp.Compare(order[a.Pos.File], order[b.Pos.File]),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Col, b.Pos.Col),
			cmp.Compare(b.Severity, a.Severity),
		)
	})
	// A line that a loop repeats is read many times and has one thing wrong.
	l.Findings = slices.CompactFunc(l.Findings, func(a, b conf.Finding) bool {
		return a.Pos == b.Pos && a.Severity == b.Severity && a.Message == b.Message
	})
	if strict {
		for i := range l.Findings {
			if l.Findings[i].Severity == conf.Warning {
				l.Findings[i].Severity = conf.Error
			}
		}
	}
	return l.Findings
}
