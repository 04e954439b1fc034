package syntax

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/lvs-director/director/conf"
)

type frameKind uint8

const (
	frameFile  frameKind = iota // physical lines of a file
	frameBody                   // lines of a multi-line definition
	frameRest                   // one line: what stood after a brace
	frameRound                  // a loop's line, once for each round
)

// frame is a source of lines. The parser keeps a stack of them; the one on top
// is read to its end first.
type frame struct {
	kind   frameKind
	origin *Origin

	file *File // frameFile
	info fs.FileInfo
	at   int
	num  int32

	body []line // frameBody
	next int

	rest line // frameRest, frameRound

	rounds *rounds // frameRound
}

// nextLine sets ln to the next line of the top frame; false at its end.
func (p *parser) nextLine(ln *line) bool {
	f := &p.frames[len(p.frames)-1]
	switch f.kind {
	case frameFile:
		_, _, ok := p.physicalLine(f, ln)
		return ok
	case frameBody:
		if f.next == len(f.body) {
			return false
		}
		*ln = f.body[f.next]
		ln.origin = f.origin
		f.next++
		return true
	case frameRest:
		if f.next > 0 {
			return false
		}
		f.next++
		*ln = f.rest
		return true
	default:
		return p.nextRound(f, ln)
	}
}

// physicalLine reads the next line of a file that is not empty. blank tells
// that blank lines came before it; cont that a comment was taken off which
// ended in a backslash.
func (p *parser) physicalLine(f *frame, ln *line) (blank, cont, ok bool) {
	text := f.file.Text
	for f.at < len(text) && !p.stopped {
		lineStart := f.at
		start := lineStart
		end := strings.IndexByte(text[start:], '\n')
		if end < 0 {
			end = len(text)
		} else {
			end += start
		}
		f.at = end + 1
		f.num++
		for start < end && isBlank[text[start]] {
			start++
		}
		if start == end {
			blank = true
			continue
		}
		raw := text[start:end]
		ln.file, ln.num, ln.origin, ln.literal = f.file.Name, f.num, f.origin, true
		col := int32(start-lineStart) + 1
		if len(raw) > p.limits.Line {
			p.report(conf.Error, conf.Pos{File: f.file.Name, Line: f.num, Col: col}, f.origin, "line-too-long", "",
				"line of %d bytes; the limit is %d", len(raw), p.limits.Line)
			continue
		}
		if strings.IndexByte(raw, 0) >= 0 {
			p.report(conf.Warning, conf.Pos{File: f.file.Name, Line: f.num, Col: col}, f.origin, "nul-byte", "",
				"line with a NUL byte is ignored")
			continue
		}
		comment := ln.setPhysical(raw, col)
		if comment >= 0 {
			raw = strings.TrimRight(raw, blanks)
			if p.opts.KeepComments {
				p.tree.Comments = append(p.tree.Comments, Comment{raw[comment:],
					conf.Pos{File: f.file.Name, Line: f.num, Col: col + int32(comment)}})
			}
			cont = strings.HasSuffix(raw, `\`)
		}
		if ln.trim() {
			return blank, cont, true
		}
	}
	return blank, false, false
}

// popFrame drops the top frame and ends what it began.
func (p *parser) popFrame() {
	f := &p.frames[len(p.frames)-1]
	if f.kind == frameRound {
		p.endRounds(f.rounds)
	}
	p.frames[len(p.frames)-1] = frame{}
	p.frames = p.frames[:len(p.frames)-1]
}

// currentFile is the file that is being read.
func (p *parser) currentFile() *File {
	for i := len(p.frames) - 1; i >= 0; i-- {
		if p.frames[i].kind == frameFile {
			return p.frames[i].file
		}
	}
	return &File{}
}

// child makes the origin of lines reached by one more step from parent; nil
// when there have been too many.
func (p *parser) child(parent *Origin, kind conf.OriginKind, name string, pos conf.Pos) *Origin {
	o := &Origin{Kind: kind, Name: name, Pos: pos, Parent: parent, depth: 1}
	if parent != nil {
		o.depth, o.includes = parent.depth+1, parent.includes
	}
	if kind == conf.FromInclude {
		o.includes++
	}
	if o.depth > p.limits.Depth || o.includes > p.limits.Includes {
		p.stop(pos, parent, "too-deep", "%s", tooDeep(kind, name, o))
		return nil
	}
	return o
}

func tooDeep(kind conf.OriginKind, name string, o *Origin) string {
	switch kind {
	case conf.FromInclude:
		return fmt.Sprintf("%s: includes are nested more than %d deep", name, o.includes-1)
	case conf.FromDefinition:
		return fmt.Sprintf("%s: expansion is nested more than %d deep; does a definition refer to itself?", name, o.depth-1)
	}
	return fmt.Sprintf("loops and definitions are nested more than %d deep", o.depth-1)
}
