package syntax

import (
	"slices"
	"sort"
	"strings"

	"github.com/lvs-director/director/conf"
)

// blanks separate words.
const blanks = " \t\f\v\r\n"

// lineFlags tell what a line may hold, so that most lines are not searched for it.
type lineFlags uint8

const (
	hasDollar lineFlags = 1 << iota
	hasBrace
	hasHigh // bytes beyond ASCII
)

// class has a bit for each byte that means something to decomment.
var class = func() (t [256]lineFlags) {
	const stops = 1 << 7
	t['$'], t['{'], t['}'], t['"'] = hasDollar, hasBrace, hasBrace, stops
	t['#'], t['!'], t['\\'] = stops, stops, stops
	for b := 0x80; b < 0x100; b++ {
		t[b] = hasHigh
	}
	return t
}()

var isBlank = [256]bool{' ': true, '\t': true, '\f': true, '\v': true, '\r': true, '\n': true}

// line is a logical line on its way through the parser: text from at on.
// Offsets into text are places in the file: column col+offset, unless segs say
// otherwise.
type line struct {
	text    string
	at      int
	file    string
	num     int32
	col     int32 // of text[0], 1-based
	flags   lineFlags
	judged  bool // a condition was taken off
	literal bool // of the file itself: neither a definition's body nor a loop's round
	gen     uint32
	segs    []seg
	origin  *Origin
}

// seg says where a stretch of a changed line comes from, from offset off up to
// the next one.
type seg struct {
	off   int32
	col   int32
	fixed bool // every byte of it stands at col: it was substituted
}

// trim takes the blanks off both ends and tells whether anything is left.
func (ln *line) trim() bool {
	for ln.at < len(ln.text) && isBlank[ln.text[ln.at]] {
		ln.at++
	}
	end := len(ln.text)
	for end > ln.at && isBlank[ln.text[end-1]] {
		end--
	}
	ln.text = ln.text[:end]
	return ln.at < end
}

// column gives the column of an offset, and whether it was substituted.
func (ln *line) column(off int) (int32, bool) {
	if ln.segs == nil {
		return ln.col + int32(off), false
	}
	i := sort.Search(len(ln.segs), func(i int) bool { return int(ln.segs[i].off) > off }) - 1
	if i < 0 {
		return ln.col + int32(off), false
	}
	s := ln.segs[i]
	if s.fixed {
		return s.col, true
	}
	return s.col + int32(off) - s.off, false
}

// pos gives the place of an offset.
func (ln *line) pos(off int) conf.Pos {
	col, _ := ln.column(off)
	return conf.Pos{File: ln.file, Line: ln.num, Col: col}
}

// appendStretch appends to segs what describes ln.text[from:to] when it stands
// at offset off of another line.
func (ln *line) appendStretch(segs []seg, off, from, to int) []seg {
	if from >= to {
		return segs
	}
	col, fixed := ln.column(from)
	segs = append(segs, seg{int32(off), col, fixed})
	for _, s := range ln.segs {
		if int(s.off) > from && int(s.off) < to {
			segs = append(segs, seg{s.off - int32(from-off), s.col, s.fixed})
		}
	}
	return segs
}

// setPhysical makes ln the physical line raw, which begins in column col,
// without its comment. It gives the comment's offset in raw, -1 if there is none.
//
// Outside double quotes `#` and `!` begin a comment anywhere; a backslash
// before them is taken off and keeps them.
func (ln *line) setPhysical(raw string, col int32) int {
	ln.text, ln.at, ln.col, ln.segs = raw, 0, col, nil
	ln.flags, ln.judged, ln.gen = 0, false, 0
	quoted := false
	for i := 0; i < len(raw); i++ {
		c := class[raw[i]]
		if c == 0 {
			continue
		}
		ln.flags |= c
		if c < 1<<7 {
			continue
		}
		switch raw[i] {
		case '"':
			quoted = !quoted
		case '#', '!':
			if !quoted {
				ln.text = raw[:i]
				return i
			}
		case '\\':
			if quoted || i+1 == len(raw) {
				continue
			}
			switch raw[i+1] {
			case '#', '!':
				return ln.unescape(raw, i)
			case '\\':
				i++ // it escapes nothing after it
			}
		}
	}
	return -1
}

// unescape is setPhysical from the first `\#` or `\!` on, at offset first.
func (ln *line) unescape(raw string, first int) int {
	text := []byte(raw[:first])
	segs := []seg{{0, ln.col, false}}
	quoted := false
	comment := -1
scan:
	for i := first; i < len(raw); i++ {
		c := raw[i]
		ln.flags |= class[c]
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '#' || c == '!':
			comment = i
			break scan
		case c == '\\' && i+1 < len(raw):
			switch raw[i+1] {
			case '#', '!':
				i++
				c = raw[i]
				segs = append(segs, seg{int32(len(text)), ln.col + int32(i), false})
			case '\\':
				i++
				text = append(text, c)
			}
		}
		text = append(text, c)
	}
	ln.text, ln.segs = string(text), segs
	return comment
}

// findBrace gives the offset of the first brace of the line that is structure:
// outside double quotes, and not part of a ${NAME} that was left because there
// is no such definition. keepalived would split the line there, and lose track
// of the blocks.
func (p *parser) findBrace(ln *line) (int, bool) {
	text := ln.text
	for i := ln.at; i < len(text); i++ {
		switch text[i] {
		case '"':
			end := strings.IndexByte(text[i+1:], '"')
			if end < 0 {
				return 0, false
			}
			i += 1 + end
		case '$':
			if ref, ok := parseReference(text, i); ok && ref.braced {
				i = ref.end - 1
			} else if end, ok := shellExpansion(text, i); ok {
				i = end - 1
			}
		case '{', '}':
			return i, true
		}
	}
	return 0, false
}

// cutComment shortens buf at a `#` or `!` that substitution brought in.
// expanded tells the stretches of buf that were substituted, protected the
// offsets of characters that are text all the same.
func cutComment(buf []byte, expanded []expansion, protected []int) []byte {
	quoted := false
	k := 0
	for i, c := range buf {
		switch c {
		case '"':
			quoted = !quoted
		case '#', '!':
			if quoted {
				continue
			}
			for k < len(expanded) && expanded[k].off+expanded[k].n <= i {
				k++
			}
			if k < len(expanded) && expanded[k].off <= i && !slices.Contains(protected, i) {
				return buf[:i]
			}
		}
	}
	return buf
}
