package value

import (
	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/conf/syntax"
)

// maxFindings bounds what is reported: a file that is no configuration has as
// many things wrong with it as it has lines.
const maxFindings = 5000

// Report adds a finding at a place; the caller may add a hint to it.
func (l *Reader) Report(s conf.Severity, pos conf.Pos, o *syntax.Origin, code, format string,
	args ...any) *conf.Finding {
	if s != conf.Note {
		l.Complaints++
	}
	if len(l.Findings) >= maxFindings && s != conf.Error {
		l.Dropped++
		l.scratch = conf.Finding{}
		return &l.scratch
	}
	l.Findings = append(l.Findings, l.Tree.Finding(s, pos, o, code, format, args...))
	f := &l.Findings[len(l.Findings)-1]
	if f.Line = MaskLine(f.Line); l.Hush {
		f.Line = hideBehindFirst(f.Line)
	}
	return f
}

// Err is an error about a line.
func (l *Reader) Err(n *syntax.Node, code, format string, args ...any) *conf.Finding {
	return l.Report(conf.Error, n.Pos(), n.Origin, code, format, args...)
}

// Warn is a warning about a line.
func (l *Reader) Warn(n *syntax.Node, code, format string, args ...any) *conf.Finding {
	return l.Report(conf.Warning, n.Pos(), n.Origin, code, format, args...)
}

// Note is a note about a line.
func (l *Reader) Note(n *syntax.Node, code, format string, args ...any) *conf.Finding {
	return l.Report(conf.Note, n.Pos(), n.Origin, code, format, args...)
}

// WarnAt is a warning at a place of a line.
func (l *Reader) WarnAt(p conf.Pos, o *syntax.Origin, code, format string, args ...any) *conf.Finding {
	return l.Report(conf.Warning, p, o, code, format, args...)
}

// NoteAt is a note at a place of a line.
func (l *Reader) NoteAt(p conf.Pos, o *syntax.Origin, code, format string, args ...any) *conf.Finding {
	return l.Report(conf.Note, p, o, code, format, args...)
}

// WarnArg is a warning about word i after the keyword.
func (l *Reader) WarnArg(n *syntax.Node, i int, code, format string, args ...any) *conf.Finding {
	return l.Report(conf.Warning, ArgPos(n, i), n.Origin, code, format, args...)
}

// NoteArg is a note about word i after the keyword.
func (l *Reader) NoteArg(n *syntax.Node, i int, code, format string, args ...any) *conf.Finding {
	return l.Report(conf.Note, ArgPos(n, i), n.Origin, code, format, args...)
}

// ArgPos is where word i after the keyword stands; word -1 is the keyword.
func ArgPos(n *syntax.Node, i int) conf.Pos {
	if i >= 0 && i < len(n.Args) {
		return n.Args[i].Pos
	}
	return n.Pos()
}

// AtEnd is a warning at the closing brace of a block, where keepalived notices
// that something was missing in it.
func (l *Reader) AtEnd(n *syntax.Node, code, format string, args ...any) *conf.Finding {
	return l.Report(conf.Warning, EndPos(n), n.Origin, code, format, args...)
}

// EndPos is where the block of a line ends.
func EndPos(n *syntax.Node) conf.Pos {
	if n.Block != nil && n.Block.End.IsValid() {
		return n.Block.End
	}
	return n.Pos()
}

// Clip keeps a word from the file short enough for one line of text.
func Clip(s string) string {
	const most = 60
	if len(s) <= most {
		return s
	}
	return s[:most] + "..."
}
