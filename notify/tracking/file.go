package tracking

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/lvs-director/director/conf"
	"github.com/lvs-director/director/event"
)

const (
	// filePause is the time between two reads of a file. Reading, unlike inotify,
	// also notices what happens to the directories and mounts above it.
	filePause = 250 * time.Millisecond
	// fileSize is how much of a file counts, in bytes (keepalived's limit).
	fileSize = 127
)

// fileWatch returns the watch of a track_file: the present one when the path is the
// same. A new one writes the file when init_file asks for it.
func (t *Trackers) fileWatch(k id, c *conf.TrackFile) *watch {
	old := t.watches[k]
	if old != nil && old.file.Path == c.Path {
		old.file = c
		return old
	}
	if _, inherited := t.inherited[k]; c.Init && !inherited {
		if err := initFile(c); err != nil {
			t.log.Error("failed to write a track_file, using its present value", "name", c.Name, "error", err)
		}
	}
	return &watch{id: k, file: c}
}

// initFile writes the first value. It overwrites an existing file only when asked to.
func initFile(c *conf.TrackFile) error {
	mode := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if c.Overwrite {
		mode = os.O_WRONLY | os.O_CREATE | os.O_TRUNC | syscall.O_NOFOLLOW | syscall.O_NONBLOCK
	}
	f, err := os.OpenFile(c.Path, mode, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("writing the initial value of track_file %s: %w", c.Name, err)
	}
	_, err = fmt.Fprintln(f, c.InitValue)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing the initial value of track_file %s: %w", c.Name, err)
	}
	return nil
}

// follow reports the value of a file whenever it has changed.
func (t *Trackers) follow(ctx context.Context, w *watch, path string) {
	ticker := time.NewTicker(filePause)
	defer ticker.Stop()
	last, first := 0, true
	for {
		value, reason := readValue(path)
		if first || value != last {
			select {
			case t.results <- Result{watch: w, ok: true, value: value, reason: reason, at: time.Now()}:
			case <-ctx.Done():
				return
			}
		}
		last, first = value, false
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// readValue returns the number at the beginning of a file and a description. A file
// that does not exist or has no number counts as 0.
func readValue(path string) (value int, reason string) {
	// Without O_NONBLOCK opening a named pipe would wait for a writer.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return 0, "counts as 0: " + err.Error()
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return 0, "counts as 0: not a regular file"
	}
	text, err := io.ReadAll(io.LimitReader(f, fileSize))
	if err != nil {
		return 0, "counts as 0: " + err.Error()
	}
	value, ok := leadingNumber(string(text))
	if !ok {
		return 0, "counts as 0: no number"
	}
	return value, "value " + strconv.Itoa(value)
}

// leadingNumber is strtol(3) with base 0: blanks, a sign, then decimal,
// hexadecimal (0x) or octal (0) digits up to the first that is none. A number
// beyond 32 bits becomes the nearest that fits; no weight tells them apart.
func leadingNumber(text string) (n int, ok bool) {
	text = strings.TrimLeft(text, " \t\n\v\f\r")
	negative := strings.HasPrefix(text, "-")
	if negative || strings.HasPrefix(text, "+") {
		text = text[1:]
	}
	base, digits := 10, "0123456789"
	switch {
	case len(text) > 2 && (text[:2] == "0x" || text[:2] == "0X") && strings.ContainsRune(hexDigits, rune(text[2])):
		base, digits, text = 16, hexDigits, text[2:]
	case strings.HasPrefix(text, "0"):
		base, digits = 8, "01234567"
	}
	end := 0
	for end < len(text) && strings.IndexByte(digits, text[end]) >= 0 {
		end++
	}
	if end == 0 {
		return 0, false
	}
	v, err := strconv.ParseInt(text[:end], base, 33)
	if err != nil || v > math.MaxInt32 {
		v = math.MaxInt32
	}
	if negative {
		v = -v
	}
	return int(v), true
}

const hexDigits = "0123456789abcdefABCDEF"

// takeFile takes the value of a file.
func (w *watch) takeFile(r Result) bool {
	if w.known && w.state.Value == r.value {
		return false
	}
	w.state = event.TrackerState{
		Kind: w.kind, Name: w.name, Up: true, Value: r.value, Since: r.at, Reason: r.reason,
	}
	w.known = true
	return true
}
