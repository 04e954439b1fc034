package load

import (
	"slices"
	"strings"

	"github.com/lvs-director/director/conf"
)

// maxKeepalivedLine is the longest line that keepalived reads whole, in bytes
// without the end of the line; what follows becomes a line of its own.
const maxKeepalivedLine = 1022

// compatLines looks, for the way back to keepalived, at the lines as they stand
// in the files.
func (l *loader) compatLines() {
	for _, f := range l.Tree.Files {
		number := int32(0)
		for line := range strings.Lines(f.Text) {
			number++
			line = strings.TrimRight(line, "\r\n")
			pos := conf.Pos{File: f.Name, Line: number, Col: 1}
			if len(line) > maxKeepalivedLine {
				l.WarnAt(pos, nil, "long-line", "line has %d bytes: keepalived reads %d and takes the rest for another line",
					len(line), maxKeepalivedLine)
			}
			words := strings.Fields(line)
			if len(words) > 1 && words[0][0] == '@' && strings.HasPrefix(words[1], "include") {
				l.WarnAt(pos, nil, "include-condition",
					"include stands behind an @ condition: keepalived would read the file twice")
			}
		}
	}
}

// misunderstood are the findings about what keepalived does not understand, or
// understands otherwise, beside those that begin with unknown- and invalid-.
var misunderstood = []string{
	"own-keyword", "long-line", "include-condition", "forward-reference", "executable-file", "byte-order-mark",
	"shell-expansion",
	"odd-blank", "no-configuration", "missing-block", "missing-brace", "extra-brace", "unexpected-brace",
	"missing-parameter",
	"missing-value", "unterminated-quote", "bad-definition", "bad-loop", "bad-random", "reserved-name",
	"text-after-definition",
	"out-of-range", "interface-name", "nul-byte", "line-too-long", "wrong-scheduler",
}

// NotUnderstood are those of the findings that name a line which keepalived
// would not understand. They are whole only when the file was loaded with
// Options.Compat.
func NotUnderstood(findings []conf.Finding) []conf.Finding {
	var list []conf.Finding
	for _, f := range findings {
		unknown := f.Severity != conf.Note && (strings.HasPrefix(f.Code, "unknown-") || strings.HasPrefix(f.Code, "invalid-"))
		if f.Unserved || !unknown && !slices.Contains(misunderstood, f.Code) {
			continue
		}
		f.Severity = conf.Warning
		list = append(list, f)
	}
	return list
}
