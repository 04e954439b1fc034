package syntax

import (
	"fmt"
	"slices"
	"strings"
)

// Severity is the weight of a finding.
type Severity uint8

const (
	// Note is worth knowing; keepalived says nothing about it.
	Note Severity = iota
	// Warning is what keepalived would complain about and run all the same.
	Warning
	// Error leaves no sensible way to run the configuration.
	Error
)

// String gives "note", "warning" or "error".
func (s Severity) String() string {
	switch s {
	case Note:
		return "note"
	case Warning:
		return "warning"
	}
	return "error"
}

// MarshalText gives the severity's name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Finding is something to say about a configuration.
type Finding struct {
	Severity Severity
	Pos      Pos
	Chain    []Step // how the line was reached, the nearest step first; bounded
	Code     string // short and stable, such as "missing-brace"
	Message  string // one line, lower case, without position
	Hint     string // what to do about it; may be empty
	Line     string // the physical source line; empty when there is none
}

// String gives "file:line:col: severity: message", one line.
func (f Finding) String() string {
	return f.Pos.String() + ": " + f.Severity.String() + ": " + f.Message
}

// Caret gives the source line and below it a line with `^` under the finding's
// column, or "" when the line or the column is not known.
func (f Finding) Caret() string {
	if f.Line == "" || f.Pos.Col < 1 || int(f.Pos.Col) > len(f.Line)+1 {
		return ""
	}
	pad := []byte(f.Line[:f.Pos.Col-1])
	out := pad[:0:0]
	for _, b := range pad {
		switch {
		case b == '\t':
			out = append(out, '\t')
		case b&0xc0 != 0x80: // one space for each character, not for each byte
			out = append(out, ' ')
		}
	}
	return f.Line + "\n" + string(out) + "^"
}

// Finding makes a finding at p with the source line and the chain filled in;
// the caller adds a Hint.
func (t *Tree) Finding(s Severity, p Pos, o *Origin, code, format string, args ...any) Finding {
	return Finding{
		Severity: s, Pos: p, Chain: o.Steps(), Code: code,
		Message: oneLine(fmt.Sprintf(format, args...)), Line: t.Line(p),
	}
}

// oneLine keeps what a file wrote from breaking a report into lines or from
// steering a terminal.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}

// MaxSeverity gives the weight of the heaviest finding, and false if there is none.
func MaxSeverity(findings []Finding) (Severity, bool) {
	if len(findings) == 0 {
		return Note, false
	}
	return slices.MaxFunc(findings, func(a, b Finding) int { return int(a.Severity) - int(b.Severity) }).Severity, true
}
