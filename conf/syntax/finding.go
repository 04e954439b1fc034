package syntax

import (
	"fmt"
	"strings"

	"github.com/lvs-director/director/conf"
)

// Finding makes a finding at p with the source line and the chain filled in;
// the caller adds a Hint.
func (t *Tree) Finding(s conf.Severity, p conf.Pos, o *Origin, code, format string, args ...any) conf.Finding {
	return conf.Finding{
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
