package events

import (
	"bytes"
	"encoding/json"
	"slices"

	"github.com/lvs-director/director/event"
)

// archive reads segments, the latest first, as far as it has to.
type archive struct {
	segments []segment
	at       int // the segments from here on were read
	lines    map[event.Number][]byte
	newer    map[event.Number][]byte // of the segment before the first of them: causes may be told late
	latestOf []byte                  // the lines of the segment that was read last
	vain     int                     // how many were read for a cause since one was found in them
}

// older reads one more segment.
func (a *archive) older() (more bool, err error) {
	if a.at == 0 {
		return false, nil
	}
	a.at--
	text, err := read(a.segments[a.at], 0)
	if err != nil {
		return false, err
	}
	a.latestOf = text
	for len(text) > 0 {
		line, rest, _ := bytes.Cut(text, []byte{'\n'})
		if n := numberOf(line); n != "" {
			a.lines[n] = line
		}
		text = rest
	}
	return true, nil
}

// numberOf is the number of a line, without reading the rest of it.
func numberOf(line []byte) event.Number {
	const field = `{"number":"`
	text, ok := bytes.CutPrefix(line, []byte(field))
	n := bytes.IndexByte(text, '"')
	if !ok || n < 0 {
		return ""
	}
	return event.Number(text[:n])
}

// latest is the latest record of some kinds about an object in the segment that was read last.
func (a *archive) latest(kinds []event.RecordKind, named func(object string) bool) (r event.Record, ok bool) {
	text := a.latestOf
	for len(text) > 0 {
		text = text[:len(text)-1]
		start := bytes.LastIndexByte(text, '\n') + 1
		r = event.Record{}
		if json.Unmarshal(text[start:], &r) == nil && slices.Contains(kinds, r.Kind) && named(r.Object) {
			return r, true
		}
		text = text[:start]
	}
	return event.Record{}, false
}

// searched is how many segments in a row are looked through in vain for causes that are not kept.
const searched = 4

func (a *archive) find(n event.Number) (*event.Record, error) {
	line, ok := a.newer[n]
	if !ok {
		line, ok = a.lines[n]
	}
	for !ok && a.vain < searched {
		more, err := a.older()
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		a.vain++
		if line, ok = a.lines[n]; ok {
			a.vain = 0
		}
	}
	var r event.Record
	if !ok || json.Unmarshal(line, &r) != nil {
		return nil, nil
	}
	return &r, nil
}
