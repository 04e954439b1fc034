package conf

import (
	"io"
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
	Keyword  string // that has no effect, or not the one it should have; else empty
	Message  string // one line, lower case, without position
	Hint     string // what to do about it; may be empty
	Line     string // the physical source line; empty when there is none
	// Blocks are the blocks that the line opens or stands in, the outermost first.
	Blocks []Block
	// Unserved says that something configured is not served, or not in the way
	// that is configured, for as long as this configuration is in force: a
	// problem that status names.
	Unserved bool
}

// Block is a block of a configuration as it is written.
type Block struct {
	Keyword string // "virtual_server"
	Words   string // what follows it: "192.0.2.10 80"
	Pos     Pos    // of the keyword
}

// Object names what the finding is about: the outermost block with a name, and
// the real server in it. It is empty for what stands outside of such blocks.
func (f Finding) Object() string {
	var names []string
	for _, b := range f.Blocks {
		if b.Words != "" && (len(names) == 0 || b.Keyword == "real_server") {
			names = append(names, b.Keyword+" "+b.Words)
		}
	}
	return strings.Join(names, ", ")
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

// MaxSeverity gives the weight of the heaviest finding, and false if there is none.
func MaxSeverity(findings []Finding) (Severity, bool) {
	if len(findings) == 0 {
		return Note, false
	}
	return slices.MaxFunc(findings, func(a, b Finding) int { return int(a.Severity) - int(b.Severity) }).Severity, true
}
