package syntax

import (
	"bytes"
	"slices"
	"strings"

	"github.com/lvs-director/director/conf"
)

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
				o := p.child(ln.origin, conf.FromDefinition, "$"+ref.name, pos)
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
			p.report(conf.Error, pos, ln.origin, "expansion-too-long", "does a definition refer to itself?",
				"the line becomes too long when $%s is replaced", ref.name)
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
	at    conf.Pos
}

// pushBody has the lines of the definition read next, then what stood after
// the reference.
func (p *parser) pushBody(ln *line, b pendingBody) {
	if b.after != "" {
		p.report(conf.Warning, b.at, ln.origin, "text-after-definition", "put it on a line of its own",
			"nothing may follow %s, which has several lines", b.frame.origin.Name)
		rest := *ln
		rest.text, rest.at, rest.gen, rest.literal = b.after, 0, 0, false
		rest.segs = []seg{{0, b.at.Col, true}}
		p.frames = append(p.frames, frame{kind: frameRest, rest: rest})
	}
	p.frames = append(p.frames, b.frame)
}
