package syntax

import (
	"strings"

	"github.com/lvs-director/director/conf"
)

// definition is what `$NAME=` gave. A definition of several lines has the
// first in value and the others in body; they are read anew at every use.
type definition struct {
	value string
	body  []line
	multi bool
	pos   conf.Pos
}

// reference is a `$NAME` or `${NAME}` in a text.
type reference struct {
	name   string
	arg    string // of ${_ENV arg}
	end    int    // offset after it
	braced bool
	tight  bool // a $NAME with something after it that keeps it from being one
}

// nameEnd gives the offset after the name that begins at text[i], i if there is none.
func nameEnd[T string | []byte](text T, i int) int {
	j := i
	for j < len(text) {
		c := text[j]
		if c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || j > i && c >= '0' && c <= '9' {
			j++
			continue
		}
		break
	}
	return j
}

// parseReference looks at the `$` of text[i]. A $NAME counts when a blank, a
// comma, a closing parenthesis or the end follows; a ${NAME} counts anywhere.
func parseReference[T string | []byte](text T, i int) (reference, bool) {
	if i+1 >= len(text) {
		return reference{}, false
	}
	if text[i+1] != '{' {
		end := nameEnd(text, i+1)
		if end == i+1 {
			return reference{}, false
		}
		r := reference{name: string(text[i+1 : end]), end: end}
		if end < len(text) && !isBlank[text[end]] && text[end] != ',' && text[end] != ')' {
			r.tight = true
		}
		return r, true
	}
	end := nameEnd(text, i+2)
	if end == i+2 || end == len(text) {
		return reference{}, false
	}
	r := reference{name: string(text[i+2 : end]), braced: true}
	arg := end
	for end < len(text) && text[end] != '}' {
		// Only the built-in names take words, and those are plain.
		if r.name[0] != '_' || text[end] == '{' || text[end] == '"' {
			return reference{}, false
		}
		end++
	}
	if end == len(text) {
		return reference{}, false
	}
	if r.arg = string(text[arg:end]); r.arg != "" && !isBlank[r.arg[0]] {
		return reference{}, false
	}
	r.arg = strings.Trim(r.arg, blanks)
	r.end = end + 1
	return r, true
}

// shellExpansion tells whether a shell's ${NAME:-default} or the like, which
// this language does not have, begins at text[i], and where it ends.
func shellExpansion(text string, i int) (int, bool) {
	if !strings.HasPrefix(text[i:], "${") || nameEnd(text, i+2) == i+2 {
		return 0, false
	}
	end := strings.IndexAny(text[i+2:], "{}\" \t\f\v")
	if end < 0 || text[i+2+end] != '}' {
		return 0, false
	}
	return i + 2 + end + 1, true
}

// define takes a `$NAME=VALUE` line, with the lines that continue it.
func (p *parser) define(ln *line) bool {
	text := ln.text
	end := nameEnd(text, ln.at+1)
	if end == ln.at+1 || end == len(text) {
		return false
	}
	name := text[ln.at+1 : end]
	if text[end] != '=' {
		rest := strings.TrimLeft(text[end:], blanks)
		if rest[0] != '=' || p.defs[name] != nil || builtins[name] {
			return false
		}
		p.report(conf.Warning, ln.pos(ln.at), ln.origin, "bad-definition", "write $"+name+"=…",
			"no blank may stand before the = of a definition; the line is ignored")
		return true
	}
	if builtins[name] {
		p.report(conf.Warning, ln.pos(ln.at), ln.origin, "reserved-name", "choose another name",
			"$%s is a built-in name; the definition is ignored", name)
		p.continuation(ln)
		return true
	}
	d := &definition{pos: ln.pos(ln.at)}
	value := strings.TrimLeft(text[end+1:], blanks)
	d.value, d.multi = strings.CutSuffix(value, `\`)
	if d.multi {
		d.value = strings.TrimRight(d.value, blanks)
		d.body = p.continuation(ln)
	} else {
		d.value = value
	}
	p.setDefinition(name, d)
	return true
}

func (p *parser) setDefinition(name string, d *definition) {
	if d == nil {
		delete(p.defs, name)
	} else {
		p.defs[name] = d
	}
	p.gen++
}

// continuation collects the lines that belong to the definition which ln
// begins: as long as one ends in a backslash, the next one belongs to it. A
// blank line ends the definition, unless a block is open in it.
func (p *parser) continuation(ln *line) []line {
	if !strings.HasSuffix(ln.text, `\`) {
		return nil
	}
	k := len(p.frames) - 1
	for k >= 0 && p.frames[k].kind == frameRest && p.frames[k].next > 0 {
		k-- // ln itself was what stood after a brace
	}
	if k < 0 || p.frames[k].kind == frameRound {
		return nil
	}
	f := &p.frames[k]
	var body []line
	open := balance(ln.text[ln.at:])
	for {
		var next line
		cont := false
		switch f.kind {
		case frameBody:
			if f.next == len(f.body) {
				return body
			}
			next = f.body[f.next]
			f.next++
		case frameFile:
			at, num, comments := f.at, f.num, len(p.tree.Comments)
			blank, comment, ok := p.physicalLine(f, &next)
			if !ok {
				return body
			}
			if blank && open <= 0 {
				f.at, f.num = at, num // that line is not ours
				p.tree.Comments = p.tree.Comments[:comments]
				return body
			}
			cont = comment
		default:
			return body
		}
		if p.lines++; p.lines > p.limits.Lines {
			return body
		}
		text, more := strings.CutSuffix(next.text, `\`)
		next.text = text
		next.literal = false
		if next.trim() {
			open += balance(next.text[next.at:])
			body = append(body, next)
		}
		if !more && !cont {
			return body
		}
	}
}

// balance counts the opening braces of a text less the closing ones.
func balance(text string) int {
	n := 0
	quoted := false
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			quoted = !quoted
		case '{':
			if !quoted {
				n++
			}
		case '}':
			if !quoted {
				n--
			}
		}
	}
	return n
}
