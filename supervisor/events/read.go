package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lvs-director/director/event"
	"github.com/lvs-director/director/supervisor/control"
	"github.com/lvs-director/director/supervisor/statefile"
)

// Cursor is a place between two lines: "12:34567" is behind byte 34567 of segment 12. The empty
// Cursor is before all.
type Cursor string

func (c Cursor) parse() (number uint64, offset int64, err error) {
	if c == "" {
		return 0, 0, nil
	}
	a, b, ok := strings.Cut(string(c), ":")
	number, errA := strconv.ParseUint(a, 10, 64)
	offset, errB := strconv.ParseInt(b, 10, 64)
	if !ok || errA != nil || errB != nil || offset < 0 {
		return 0, 0, fmt.Errorf("invalid cursor %q", string(c))
	}
	return number, offset, nil
}

func cursorAt(number uint64, offset int64) Cursor {
	return Cursor(fmt.Sprintf("%d:%d", number, offset))
}

// Query says which events are asked for.
type Query struct {
	Object string    // see Matches; empty is all
	Since  time.Time // zero is all
	Kinds  []event.RecordKind
	// Last is how many at most, the latest ones, with Since or without; of After the first ones.
	Last  int
	After Cursor // only those behind it, in the order of the file
}

// Found are events in the order in which they were kept.
type Found struct {
	Records []event.Record
	Cursor  Cursor // behind the last one that was looked at
	More    bool   // there are more than Query.Last
	Damaged int    // lines that cannot be read
}

func (q *Query) wants(r *event.Record) bool {
	return (q.Object == "" || Matches(r.Object, q.Object)) && !r.At.Before(q.Since) &&
		(len(q.Kinds) == 0 || slices.Contains(q.Kinds, r.Kind))
}

// Matches says whether an object is the one that somebody names: all of its text, or the name
// alone ("VI_1"), or an address ("10.0.0.11"), which names all real servers and virtual servers
// that have it.
func Matches(object, name string) bool {
	if object == name {
		return true
	}
	for word := range strings.FieldsSeq(object) {
		if address, ok := strings.CutPrefix(word, "["); word == name || ok && strings.HasPrefix(address, name+"]") {
			return true
		}
	}
	_, rest, _ := strings.Cut(object, " ")
	return rest == name || strings.HasSuffix(object, " "+name)
}

// Read finds events of a directory, beside a Log that writes to it.
func Read(dir string, q Query) (Found, error) {
	list, err := segmentsIn(dir)
	if err != nil {
		return Found{}, err
	}
	if q.After != "" {
		return readAfter(list, q)
	}
	var f Found
	if n := len(list); n > 0 {
		f.Cursor = cursorAt(list[n-1].number, list[n-1].size)
	}
	for i := len(list) - 1; i >= 0 && !f.More; i-- {
		if list[i].modified.Before(q.Since) {
			break
		}
		text, err := read(list[i], 0)
		if err != nil {
			return f, err
		}
		if i == len(list)-1 {
			f.Cursor = cursorAt(list[i].number, int64(len(text)))
		}
		f.backwards(text, &q)
	}
	slices.Reverse(f.Records)
	return f, nil
}

// backwards adds what of a segment is asked for, the latest first.
func (f *Found) backwards(text []byte, q *Query) {
	for len(text) > 0 {
		text = text[:len(text)-1] // the newline of the last line
		start := bytes.LastIndexByte(text, '\n') + 1
		if r, ok := f.parse(text[start:]); ok && q.wants(&r) {
			if f.More = len(f.Records) == q.Last; f.More {
				return
			}
			f.Records = append(f.Records, r)
		}
		text = text[:start]
	}
}

func readAfter(list []segment, q Query) (Found, error) {
	f := Found{Cursor: q.After}
	number, offset, err := q.After.parse()
	if err != nil {
		return f, err
	}
	if n := len(list); n > 0 && (list[n-1].number < number || list[n-1].number == number && list[n-1].size < offset) {
		number = 0 // somebody has removed the files: these are new ones
	}
	for _, s := range list {
		from := int64(0)
		switch {
		case s.number < number:
			continue
		case s.number == number:
			from = offset
		}
		text, err := read(s, from)
		if err != nil {
			return f, err
		}
		for len(text) > 0 {
			line, rest, _ := bytes.Cut(text, []byte{'\n'})
			if r, ok := f.parse(line); ok && q.wants(&r) {
				if f.More = len(f.Records) == q.Last; f.More {
					return f, nil
				}
				f.Records = append(f.Records, r)
			}
			from += int64(len(line)) + 1
			f.Cursor, text = cursorAt(s.number, from), rest
		}
	}
	return f, nil
}

func (f *Found) parse(line []byte) (r event.Record, ok bool) {
	if len(line) == 0 {
		return r, false
	}
	if err := json.Unmarshal(line, &r); err != nil || r.Number == "" {
		f.Damaged++
		return r, false
	}
	return r, true
}

// read reads the whole lines of a segment from a place on. One that was removed meanwhile is empty.
func read(s segment, from int64) ([]byte, error) {
	f, err := os.Open(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading events: %w", err)
	}
	defer f.Close()
	const most = segmentSize + atOnce*4*maxText
	text, err := io.ReadAll(io.NewSectionReader(f, from, most))
	if err != nil {
		return nil, fmt.Errorf("reading events: %w", err)
	}
	return text[:bytes.LastIndexByte(text, '\n')+1], nil
}

// Dir is where the events of the director that runs the configuration at file are kept.
func Dir(stateDir, file string) string {
	return strings.TrimSuffix(statefile.Name(stateDir, "events", file), ".json")
}

// Answer answers a request that was checked, beside a Log or without one.
func Answer(dir string, q control.EventsRequest, r control.EventsReport) (control.EventsReport, error) {
	query := Query{Object: q.Object, Since: q.Since, Last: q.Limit, After: Cursor(q.After)}
	for _, k := range q.Kinds {
		query.Kinds = append(query.Kinds, event.RecordKind(k))
	}
	found, err := Read(dir, query)
	if err != nil {
		return r, fmt.Errorf("events: %w", err)
	}
	r.Events = append(r.Events, found.Records...)
	r.Cursor, r.More, r.Damaged = string(found.Cursor), found.More, found.Damaged
	return r, nil
}
