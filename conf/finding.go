package conf

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/lvs-director/director/conf/syntax"
)

// Finding is something to say about a configuration.
type Finding = syntax.Finding

// Severity is the weight of a finding: Note, Warning or Error.
type Severity = syntax.Severity

// The weights of findings.
const (
	Note    = syntax.Note
	Warning = syntax.Warning
	Error   = syntax.Error
)

// HasErrors tells whether the configuration cannot run.
func HasErrors(findings []Finding) bool {
	return slices.ContainsFunc(findings, func(f Finding) bool { return f.Severity == Error })
}

// Count gives the number of errors, warnings and notes.
func Count(findings []Finding) (errors, warnings, notes int) {
	for _, f := range findings {
		switch f.Severity {
		case Error:
			errors++
		case Warning:
			warnings++
		default:
			notes++
		}
	}
	return errors, warnings, notes
}

// WriteFindings writes "FILE:LINE:COL: severity: message (hint)", one line
// each. With carets, for a terminal, the source line follows with a ^ under the
// place, the way by which the line was reached, and the hint on a line of its own.
func WriteFindings(w io.Writer, findings []Finding, carets bool) error {
	var b strings.Builder
	for _, f := range findings {
		b.WriteString(f.String())
		if !carets {
			if f.Hint != "" {
				b.WriteString(" (" + f.Hint + ")")
			}
			b.WriteByte('\n')
			continue
		}
		b.WriteByte('\n')
		if caret := f.Caret(); caret != "" {
			b.WriteString(caret + "\n")
		}
		for _, step := range f.Chain {
			b.WriteString("  " + step.String() + "\n")
		}
		if f.Hint != "" {
			b.WriteString("  " + f.Hint + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// maxFindings bounds what is reported: a file that is no configuration has as
// many things wrong with it as it has lines.
const maxFindings = 5000

func (l *loader) report(s Severity, pos syntax.Pos, o *syntax.Origin, code, format string, args ...any) *Finding {
	if s != Note {
		l.complaints++
	}
	if len(l.findings) >= maxFindings && s != Error {
		l.dropped++
		l.scratch = Finding{}
		return &l.scratch
	}
	l.findings = append(l.findings, l.tree.Finding(s, pos, o, code, format, args...))
	f := &l.findings[len(l.findings)-1]
	f.Line = maskLine(f.Line)
	return f
}

func (l *loader) err(n *syntax.Node, code, format string, args ...any) *Finding {
	return l.report(Error, n.Pos(), n.Origin, code, format, args...)
}

func (l *loader) warn(n *syntax.Node, code, format string, args ...any) *Finding {
	return l.report(Warning, n.Pos(), n.Origin, code, format, args...)
}

func (l *loader) note(n *syntax.Node, code, format string, args ...any) *Finding {
	return l.report(Note, n.Pos(), n.Origin, code, format, args...)
}

func (l *loader) warnAt(p syntax.Pos, o *syntax.Origin, code, format string, args ...any) *Finding {
	return l.report(Warning, p, o, code, format, args...)
}

func (l *loader) noteAt(p syntax.Pos, o *syntax.Origin, code, format string, args ...any) *Finding {
	return l.report(Note, p, o, code, format, args...)
}

// warnArg is a warning about word i after the keyword.
func (l *loader) warnArg(n *syntax.Node, i int, code, format string, args ...any) *Finding {
	return l.report(Warning, argPos(n, i), n.Origin, code, format, args...)
}

func (l *loader) noteArg(n *syntax.Node, i int, code, format string, args ...any) *Finding {
	return l.report(Note, argPos(n, i), n.Origin, code, format, args...)
}

// argPos is where word i after the keyword stands; word -1 is the keyword.
func argPos(n *syntax.Node, i int) syntax.Pos {
	if i >= 0 && i < len(n.Args) {
		return n.Args[i].Pos
	}
	return n.Pos()
}

// atEnd is a warning at the closing brace of a block, where keepalived notices
// that something was missing in it.
func (l *loader) atEnd(n *syntax.Node, code, format string, args ...any) *Finding {
	return l.report(Warning, endPos(n), n.Origin, code, format, args...)
}

func endPos(n *syntax.Node) syntax.Pos {
	if n.Block != nil && n.Block.End.IsValid() {
		return n.Block.End
	}
	return n.Pos()
}

// sortFindings orders findings as the files were read, and makes warnings
// errors for those who want that.
func (l *loader) sortFindings(strict bool) []Finding {
	if l.dropped > 0 {
		l.findings = append(l.findings, Finding{
			Severity: Warning, Pos: syntax.Pos{File: l.cfg.Path}, Code: "too-many-findings",
			Message: fmt.Sprintf("%d more findings are not shown", l.dropped),
		})
	}
	order := make(map[string]int, len(l.tree.Files))
	for i, f := range l.tree.Files {
		order[f.Name] = i + 1
	}
	slices.SortStableFunc(l.findings, func(a, b Finding) int {
		return cmp.Or(
			cmp.Compare(order[a.Pos.File], order[b.Pos.File]),
			cmp.Compare(a.Pos.Line, b.Pos.Line),
			cmp.Compare(a.Pos.Col, b.Pos.Col),
			cmp.Compare(b.Severity, a.Severity),
		)
	})
	// A line that a loop repeats is read many times and has one thing wrong.
	l.findings = slices.CompactFunc(l.findings, func(a, b Finding) bool {
		return a.Pos == b.Pos && a.Severity == b.Severity && a.Message == b.Message
	})
	if strict {
		for i := range l.findings {
			if l.findings[i].Severity == Warning {
				l.findings[i].Severity = Error
			}
		}
	}
	return l.findings
}

// clip keeps a word from the file short enough for one line of text.
func clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}
