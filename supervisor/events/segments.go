package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lvs-director/director/event"
)

const (
	// segmentSize is when another segment is begun, in bytes, unless all together are to have less
	// than four of them; a reader holds a few.
	segmentSize = 4 << 20
	// syncEach is how often lines are put on the disk at most: a host that loses its power loses
	// what came later.
	syncEach = time.Second

	segmentEnd = ".jsonl"
)

// segment is one file of events.
type segment struct {
	number   uint64
	path     string
	size     int64
	modified time.Time
}

// segmentsIn are the segments of a directory in their order; none when there is no directory.
func segmentsIn(dir string) ([]segment, error) {
	list, _, err := look(dir)
	return list, err
}

// look is segmentsIn, and says up to which number names are taken by what is no file.
func look(dir string) (list []segment, taken uint64, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, fmt.Errorf("listing events: %w", err)
	}
	for _, e := range entries {
		text, ok := strings.CutSuffix(e.Name(), segmentEnd)
		n, err := strconv.ParseUint(text, 10, 64)
		if !ok || err != nil {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue
		}
		if !info.Mode().IsRegular() {
			taken = max(taken, n)
			continue
		}
		list = append(list, segment{n, filepath.Join(dir, e.Name()), info.Size(), info.ModTime()})
	}
	slices.SortFunc(list, func(a, b segment) int {
		if a.number < b.number {
			return -1
		}
		return 1
	})
	return list, taken, nil
}

// writer appends lines to the last segment. It belongs to one goroutine.
type writer struct {
	dir    string
	size   int64
	age    time.Duration
	file   *os.File // nil before the first line, and after a failure
	path   string
	at     int64 // size of the file
	synced time.Time
}

// writeAll writes records, some at a time, and gives those that are not written.
func (w *writer) writeAll(list []event.Record) (left []event.Record, err error) {
	var lines bytes.Buffer
	for len(list) > 0 {
		some := list[:min(atOnce, len(list))]
		lines.Reset()
		e := json.NewEncoder(&lines)
		e.SetEscapeHTML(false)
		for i := range some {
			_ = e.Encode(&some[i]) // plain data
		}
		if err := w.write(lines.Bytes()); err != nil {
			return list, err
		}
		list = list[len(some):]
	}
	return nil, nil
}

// write appends whole lines, or nothing.
func (w *writer) write(lines []byte) error {
	if len(lines) == 0 {
		return nil
	}
	if err := w.open(); err != nil {
		return err
	}
	n, err := w.file.Write(lines)
	if err != nil {
		err = fmt.Errorf("writing events: %w", err)
		if n > 0 {
			err = errors.Join(err, w.file.Truncate(w.at))
		}
		w.close()
		return err
	}
	w.at += int64(n)
	if now := time.Now(); now.Sub(w.synced) >= syncEach {
		w.synced = now
		if err := w.file.Sync(); err != nil {
			return nil // the lines are there; a disk that fails refuses the next ones
		}
	}
	return nil
}

func (w *writer) segment() int64 { return min(segmentSize, w.size/4) }

// open has a segment that takes lines: the last one, if it is whole and has room, else a new one.
func (w *writer) open() error {
	if w.file != nil && w.at < w.segment() && w.isThere() {
		return nil
	}
	w.close()
	if err := os.MkdirAll(w.dir, 0o700); err != nil {
		return fmt.Errorf("making the directory of events: %w", err)
	}
	list, taken, err := w.prune()
	if err != nil {
		return err
	}
	number := taken + 1
	if len(list) > 0 && list[len(list)-1].number > taken {
		last := list[len(list)-1]
		number = last.number + 1
		if last.size < w.segment() && endsWhole(last) {
			number = last.number
		}
	}
	w.path = filepath.Join(w.dir, fmt.Sprintf("%08d%s", number, segmentEnd))
	f, err := os.OpenFile(w.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND|syscall.O_NOFOLLOW|syscall.O_NONBLOCK,
		0o600)
	if err != nil {
		return fmt.Errorf("opening a file of events: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return fmt.Errorf("opening a file of events: %w", err)
	}
	w.file, w.at = f, info.Size()
	return nil
}

// isThere says whether the file is still the one of its name.
func (w *writer) isThere() bool {
	mine, err := w.file.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(w.path)
	return err == nil && os.SameFile(mine, named)
}

// endsWhole says that the last line of a segment ends.
func endsWhole(s segment) bool {
	if s.size == 0 {
		return true
	}
	f, err := os.Open(s.path)
	if err != nil {
		return false
	}
	defer f.Close()
	var last [1]byte
	_, err = f.ReadAt(last[:], s.size-1)
	return err == nil && last[0] == '\n'
}

// prune removes the oldest segments beyond the limits, with room for one more, and gives those
// that are left. Their age is that beside the latest one: a clock that is wrong when the host starts
// removes nothing.
func (w *writer) prune() (list []segment, taken uint64, err error) {
	list, taken, err = look(w.dir)
	if err != nil {
		return nil, 0, err
	}
	total := w.segment()
	for _, s := range list {
		total += s.size
	}
	oldest := time.Now()
	if n := len(list); n > 0 && list[n-1].modified.Before(oldest) {
		oldest = list[n-1].modified
	}
	oldest = oldest.Add(-w.age)
	for len(list) > 0 && (total > w.size || list[0].modified.Before(oldest)) {
		if err := os.Remove(list[0].path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, 0, fmt.Errorf("removing old events: %w", err)
		}
		total -= list[0].size
		list = list[1:]
	}
	return list, taken, nil
}

func (w *writer) close() {
	if w.file != nil {
		_ = w.file.Sync()
		_ = w.file.Close()
		w.file = nil
	}
}
