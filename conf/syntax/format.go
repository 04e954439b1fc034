package syntax

import (
	"bytes"
	"strings"
)

// indent is what a block is set in by.
const indent = "    "

// Format gives a configuration in canonical form: one line for each line and
// each brace, an opening brace on the line of its keyword, blocks set in by
// four spaces, words one space apart, no two empty lines in a row. Comments
// stay. Lines whose blanks or place may mean something stay as they are, but
// for the blanks around them: definitions, loops, conditions, includes, and
// what has a reference, a backslash or a single quote. The result means what
// the source means.
func Format(src []byte) []byte {
	text := strings.TrimPrefix(string(src), "\ufeff")
	p := newParser(Options{ConfigID: "-", KeepComments: true})
	p.frames = []frame{{kind: frameFile, file: &File{Name: "-", Text: text}}}
	f := &formatter{}
	var ln line
	for done := int32(0); ; {
		_, _, ok := p.physicalLine(&p.frames[0], &ln)
		num := ln.num
		if !ok {
			num = p.frames[0].num + 1
		}
		for done++; done < num; done++ {
			f.other(p.frames[0].file.Line(int(done)))
		}
		if !ok {
			break
		}
		raw := p.frames[0].file.Line(int(num))
		comment := ""
		if n := len(p.tree.Comments); n > 0 && p.tree.Comments[n-1].Pos.Line == num {
			comment = p.tree.Comments[n-1].Text
		}
		f.line(p, &ln, raw, comment)
		// A definition may also begin behind a condition or a brace.
		if code := ln.text[ln.at:]; strings.HasSuffix(code, `\`) && strings.Contains(code, "$") {
			p.continuation(&ln)
			for done = num; done < p.frames[0].num; done++ {
				f.asIs(p.frames[0].file.Line(int(done) + 1))
			}
		}
	}
	f.flush()
	if bytes.HasPrefix(f.out.Bytes(), []byte("\ufeff")) {
		return append([]byte("\ufeff"), f.out.Bytes()...) // the one in the text would be taken off
	}
	return f.out.Bytes()
}

type formatter struct {
	out   bytes.Buffer
	depth int
	blank bool // an empty line is due
	begun bool // the last line opened a block

	// The last line, when a brace may join it.
	code, comment string
	held          bool
	opened        bool // the last line was a condition that opened a block
	fixed         bool // the last line ends in a backslash: an empty line after it counts
}

// flush writes the line that is held back.
func (f *formatter) flush() {
	if f.held {
		f.held = false
		f.write(f.code, f.comment)
	}
}

func (f *formatter) write(code, comment string) {
	if f.blank && f.out.Len() > 0 {
		f.out.WriteByte('\n')
	}
	f.blank = false
	f.begun = strings.HasSuffix(code, "{")
	for range f.depth {
		f.out.WriteString(indent)
	}
	f.out.WriteString(code)
	if comment != "" {
		if code != "" {
			f.out.WriteByte(' ')
		}
		f.out.WriteString(comment)
	}
	f.out.WriteByte('\n')
}

// other takes an empty line, a comment, or a line that is ignored.
func (f *formatter) other(raw string) {
	raw = strings.Trim(raw, blanks)
	f.flush()
	if raw == "" && f.fixed {
		f.out.WriteByte('\n')
		f.fixed = false
		return
	}
	if raw == "" {
		f.blank = !f.startsBlock()
		return
	}
	f.opened, f.fixed = false, false
	f.write("", raw)
}

// startsBlock tells whether what was written ends in an opening brace or an
// empty line, after which an empty line is of no use.
func (f *formatter) startsBlock() bool {
	return f.begun || f.out.Len() == 0 || bytes.HasSuffix(f.out.Bytes(), []byte("\n\n"))
}

// verbatim takes a line that stays as it is but for the blanks around it.
func (f *formatter) verbatim(text string) {
	f.flush()
	f.opened, f.fixed = false, strings.HasSuffix(text, `\`)
	f.write(text, "")
}

// asIs takes a line of a multi-line definition.
func (f *formatter) asIs(raw string) {
	raw = strings.TrimRight(raw, blanks)
	f.fixed, f.begun = strings.HasSuffix(raw, `\`), false
	f.out.WriteString(raw)
	f.out.WriteByte('\n')
}

// line takes a line with something on it.
func (f *formatter) line(p *parser, ln *line, raw, comment string) {
	code := ln.text[ln.at:]
	if !plain(code, ln) {
		net := balance(code)
		if code[0] == '$' && strings.HasSuffix(code, `\`) {
			net = 0 // the braces of a definition are for where it is used
		}
		if net < 0 {
			f.flush()
			f.depth = max(0, f.depth+net)
		}
		condition := code[0] == '@'
		again := condition && f.opened && net > 0 // the other header of the same block
		if again {
			f.depth--
		}
		f.verbatim(strings.Trim(raw, blanks))
		if net > 0 {
			f.depth += net
			f.opened = condition
		}
		return
	}
	f.opened, f.fixed = false, false
	part := *ln
	for part.trim() {
		at, structural := p.findBrace(&part)
		if !structural {
			f.hold(squeeze(part.text[part.at:]), comment)
			return
		}
		before := squeeze(strings.Trim(part.text[part.at:at], blanks))
		brace := part.text[at]
		part.at = at + 1
		last := strings.Trim(part.text[part.at:], blanks) == ""
		tail := ""
		if last {
			tail = comment
		}
		if brace == '{' {
			f.open(before, tail)
		} else {
			f.close(before, tail)
		}
	}
}

func (f *formatter) hold(code, comment string) {
	f.flush()
	f.code, f.comment, f.held = code, comment, true
}

// open writes an opening brace, on the line of its keyword.
func (f *formatter) open(before, comment string) {
	switch {
	case before != "":
		f.flush()
		f.write(before+" {", comment)
	case f.held && (f.comment == "" || comment == ""):
		f.held = false
		f.write(f.code+" {", f.comment+comment)
	default:
		f.flush()
		f.write("{", comment)
	}
	f.depth++
}

// close writes a closing brace on a line of its own.
func (f *formatter) close(before, comment string) {
	f.flush()
	if before != "" {
		f.write(before, "")
	}
	f.depth = max(0, f.depth-1)
	f.blank = false
	f.write("}", comment)
}

// plain tells whether blanks and line ends of a line mean nothing but
// themselves.
func plain(code string, ln *line) bool {
	return ln.segs == nil && !strings.ContainsAny(code, "$~@'\\") && !strings.Contains(code, "include") &&
		strings.Count(code, `"`)%2 == 0
}

// squeeze makes one space of the blanks between words.
func squeeze(code string) string {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(code); i++ {
		c := code[i]
		if c == '"' {
			quoted = !quoted
		}
		if quoted || !isBlank[c] {
			b.WriteByte(c)
			continue
		}
		if !isBlank[code[i-1]] {
			b.WriteByte(' ')
		}
	}
	return b.String()
}
