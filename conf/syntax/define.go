package syntax

import (
	"bytes"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// definition is what `$NAME=` gave. A definition of several lines has the
// first in value and the others in body; they are read anew at every use.
type definition struct {
	value string
	body  []line
	multi bool
	pos   Pos
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

// builtins are the names that cannot be defined.
var builtins = map[string]bool{
	"_PWD": true, "_INSTANCE": true, "_RANDOM": true, "_ENV": true, "_HASH": true, "_BANG": true,
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
		p.report(Warning, ln.pos(ln.at), ln.origin, "bad-definition", "write $"+name+"=…",
			"no blank may stand before the = of a definition; the line is ignored")
		return true
	}
	if builtins[name] {
		p.report(Warning, ln.pos(ln.at), ln.origin, "reserved-name", "choose another name",
			"$%s is defined already, by the language; the definition is ignored", name)
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
			at, num := f.at, f.num
			blank, comment, ok := p.physicalLine(f, &next)
			if !ok {
				return body
			}
			if blank && open <= 0 {
				f.at, f.num = at, num
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

// expansion is a stretch of a line that substitution has put in place of a
// reference.
type expansion struct {
	off, n   int // in the new text
	from, to int // the reference in the old text
}

// maxReferences bounds the substitutions in one line.
const maxReferences = 1000

// substitute replaces the references of the line, again and again until none
// is left; what is not defined stays as it is. It reports false when the line
// is to be dropped. The lines of a multi-line definition are put on the stack.
func (p *parser) substitute(ln *line) bool {
	buf := append(p.buf[:0], ln.text[ln.at:]...)
	defer func() { p.buf = buf[:0] }()
	base := ln.at
	var exps []expansion
	var protected []int
	var bodies []pendingBody
	expEnd, delta, count := 0, 0, 0
	for i := 0; i < len(buf); {
		j := indexDollar(buf, i)
		if j < 0 {
			break
		}
		i = j
		ref, ok := parseReference(buf, i)
		if !ok || ref.tight {
			i++
			continue
		}
		// The place of the reference in the line as it was.
		from, to := base+i-delta, base+ref.end-delta
		nested := i < expEnd
		if nested {
			from = exps[len(exps)-1].from
		}
		pos := ln.pos(from)
		var value string
		final := false
		if builtins[ref.name] {
			if value, ok = p.builtin(ref, pos, ln.origin); !ok {
				i++
				continue
			}
			final = true
		} else if d := p.defs[ref.name]; d == nil {
			i++
			continue
		} else {
			value = d.value
			if d.multi {
				o := p.child(ln.origin, FromDefinition, "$"+ref.name, pos)
				if o == nil {
					return false
				}
				bodies = append(bodies, pendingBody{
					frame: frame{kind: frameBody, body: d.body, origin: o},
					after: strings.Trim(string(buf[ref.end:]), blanks),
					at:    ln.pos(max(from, min(to, len(ln.text)-1))),
				})
				buf = buf[:ref.end]
			}
		}
		count++
		if count > maxReferences || len(buf)+len(value) > p.limits.Line {
			p.report(Error, pos, ln.origin, "expansion-too-long", "does a definition refer to itself?",
				"the line becomes too long by replacing $%s", ref.name)
			return false
		}
		if !p.charge(costReference+len(buf)+len(value), ln, from) {
			return false
		}
		grow := len(value) - (ref.end - i)
		if nested {
			e := &exps[len(exps)-1]
			if ref.end > expEnd { // it reaches into the line's own text
				e.to += ref.end - expEnd
				e.n += ref.end - expEnd
				expEnd = ref.end
			}
			e.n += grow
			expEnd += grow
		} else {
			exps = append(exps, expansion{i, len(value), from, to})
			expEnd = i + len(value)
		}
		delta += grow
		buf = replace(buf, i, ref.end, value)
		if final {
			if ref.name == "_HASH" || ref.name == "_BANG" {
				protected = append(protected, i)
			}
			i += len(value)
		}
	}
	ln.gen = p.gen
	for _, b := range bodies {
		p.pushBody(ln, b)
	}
	if exps == nil {
		return true
	}
	buf = cutComment(buf, exps, protected)
	p.rewrite(ln, buf, exps)
	return true
}

func indexDollar(buf []byte, i int) int {
	if j := bytes.IndexByte(buf[i:], '$'); j >= 0 {
		return i + j
	}
	return -1
}

// replace puts value in place of buf[i:j].
func replace(buf []byte, i, j int, value string) []byte {
	tail := len(buf) - j
	if n := i + len(value) + tail; n > len(buf) {
		buf = slices.Grow(buf, n-len(buf))[:n]
		copy(buf[i+len(value):], buf[j:j+tail])
	} else {
		copy(buf[i+len(value):], buf[j:])
		buf = buf[:n]
	}
	copy(buf[i:], value)
	return buf
}

// rewrite gives the line its new text, and the places where it comes from.
func (p *parser) rewrite(ln *line, buf []byte, exps []expansion) {
	segs := make([]seg, 0, 2*len(exps)+1)
	off, from := 0, ln.at
	for _, e := range exps {
		segs = ln.appendStretch(segs, off, from, from+e.off-off)
		col, _ := ln.column(e.from)
		segs = append(segs, seg{int32(e.off), col, true})
		off, from = e.off+e.n, e.to
	}
	segs = ln.appendStretch(segs, off, from, max(from, len(ln.text)))
	ln.text, ln.at, ln.segs, ln.literal = string(buf), 0, segs, false
	for i := range len(buf) {
		ln.flags |= class[buf[i]]
	}
}

// pendingBody is a multi-line definition that a line refers to.
type pendingBody struct {
	frame frame
	after string // what stood after the reference
	at    Pos
}

// pushBody has the lines of the definition read next, then what stood after
// the reference.
func (p *parser) pushBody(ln *line, b pendingBody) {
	if b.after != "" {
		p.report(Warning, b.at, ln.origin, "text-after-definition", "put it on a line of its own",
			"nothing may follow %s, which has several lines", b.frame.origin.Name)
		rest := *ln
		rest.text, rest.at, rest.gen, rest.literal = b.after, 0, 0, false
		rest.segs = []seg{{0, b.at.Col, true}}
		p.frames = append(p.frames, frame{kind: frameRest, rest: rest})
	}
	p.frames = append(p.frames, b.frame)
}

// builtin gives the value of a name that the language defines.
func (p *parser) builtin(ref reference, pos Pos, o *Origin) (string, bool) {
	switch ref.name {
	case "_HASH":
		return "#", true
	case "_BANG":
		return "!", true
	case "_INSTANCE":
		return p.opts.ConfigID, true
	case "_PWD":
		return p.directory(), true
	case "_RANDOM":
		lo, hi, err := randomRange(ref.arg)
		if err != nil {
			p.report(Warning, pos, o, "bad-random", "write ${_RANDOM MIN MAX}, two numbers from 0", "${_RANDOM %s}: %v", ref.arg, err)
			return "", false
		}
		return strconv.Itoa(p.opts.Random(lo, hi)), true
	}
	value, ok := p.opts.Env(ref.arg)
	if !ok {
		p.report(Note, pos, o, "no-such-environment", "", "environment variable %q is not set; nothing takes its place", ref.arg)
		return "", true
	}
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == 0 {
			return ' '
		}
		return r
	}, value), true
}

// randomRange reads the "[MIN [MAX]]" of ${_RANDOM}.
func randomRange(arg string) (lo, hi int, err error) {
	hi = 32767
	words := strings.Fields(arg)
	if len(words) > 2 {
		return 0, 0, fmt.Errorf("more than two numbers")
	}
	for i, to := range []*int{&lo, &hi}[:len(words)] {
		n, err := strconv.ParseUint(words[i], 10, 31)
		if err != nil {
			return 0, 0, fmt.Errorf("%q is not a number from 0 to 2147483647", words[i])
		}
		*to = int(n)
	}
	if lo > hi {
		return 0, 0, fmt.Errorf("%d is more than %d", lo, hi)
	}
	return lo, hi, nil
}

// directory is the directory of the file being read, absolute where it can be.
func (p *parser) directory() string {
	dir := path.Dir(p.currentFile().Name)
	if path.IsAbs(dir) {
		return dir
	}
	if p.opts.Dir != "" {
		return path.Join(p.opts.Dir, dir)
	}
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
}
