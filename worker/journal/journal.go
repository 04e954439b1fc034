// Package journal records which objects in the kernel are ours.
//
// A worker that dies leaves addresses and IPVS services behind, and the kernel
// does not record who made all of them. So every object is written to the
// journal before it is made and removed from it after it is gone. An object in
// the journal may or may not be in the kernel; an object in the kernel that is
// not in the journal belongs to somebody else.
//
// The journal is in the run directory. It outlives processes but not a boot, as
// the state of the kernel does.
package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxSize bounds a journal that is read, in bytes: 40,000 services take 2 MB.
const maxSize = 64 << 20

// lockWait is how long Open waits for another process to release the journal.
const lockWait = 3 * time.Second

// rewriteSlack is how many lines more than twice the number of keys the file may
// have before it is rewritten.
const rewriteSlack = 4096

// ErrLocked says that another process has the journal; see Holder.
var ErrLocked = errors.New("another process holds the lock")

// Journal is one worker's list of keys, texts without line breaks such as
// "address eth0 10.0.0.1/32". Its methods may be called from any goroutine.
type Journal struct {
	mu     sync.Mutex
	path   string
	header string
	held   map[string]struct{}
	file   *os.File // nil while it cannot be written: see OpenAnyway
	lines  int
	lock   *os.File
	closed bool
	// unread: the file could not be read to its end, so it must not be overwritten by
	// what is known of it. gone are the keys that were released since.
	unread bool
	gone   map[string]struct{}
}

// Open reads the journal at path, or creates it. epoch names the boot and the
// network namespace that the keys belong to (see Epoch). The keys of another
// epoch describe a state of the kernel that is gone and are discarded.
func Open(path, epoch string) (*Journal, error) {
	j := newJournal(path, epoch)
	var err error
	if j.lock, err = lock(path, lockWait); err != nil {
		return nil, fmt.Errorf("opening journal %s: %w", path, err)
	}
	if err := j.read(); err != nil {
		j.lock.Close()
		return nil, fmt.Errorf("reading journal %s: %w", path, err)
	}
	if err := j.rewrite(); err != nil {
		j.lock.Close()
		return nil, fmt.Errorf("writing journal %s: %w", path, err)
	}
	return j, nil
}

func newJournal(path, epoch string) *Journal {
	return &Journal{path: path, header: "director-journal 1 " + epoch, held: make(map[string]struct{})}
}

// OpenAnyway is Open for a worker that is needed although its journal cannot be
// written: err says why not, and the journal, which is never nil but when another
// process has it, is in memory only until Restore can write it. A journal that
// cannot be written any more, on a full disk, is in memory only as well. A file
// that cannot be read to its end is not overwritten before it can.
func OpenAnyway(path, epoch string) (j *Journal, err error) {
	j, err = Open(path, epoch)
	switch {
	case err == nil:
		return j, nil
	case errors.Is(err, ErrLocked):
		return nil, err
	}
	j = newJournal(path, epoch)
	if j.read() != nil { // as far as it can be read; Restore reads it again
		j.unread, j.gone = true, make(map[string]struct{})
	}
	return j, err
}

// readAgain reads the rest of a file that could not be read to its end.
func (j *Journal) readAgain() error {
	whole := &Journal{path: j.path, header: j.header, held: make(map[string]struct{})}
	if err := whole.read(); err != nil {
		return err
	}
	for k := range whole.held {
		if _, gone := j.gone[k]; !gone {
			j.held[k] = struct{}{}
		}
	}
	j.unread, j.gone = false, nil
	return nil
}

// Restore writes the journal anew when its file was removed or replaced, or was
// never there. changed says that it had to. A closed journal is left as it is.
func (j *Journal) Restore() (changed bool, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return false, nil
	}
	if !same(j.lock, j.path+".lock") {
		l, err := lock(j.path, 0)
		if err != nil {
			return false, fmt.Errorf("writing journal %s: %w", j.path, err)
		}
		if j.lock != nil {
			j.lock.Close()
		}
		j.lock, changed = l, true
	}
	if same(j.file, j.path) {
		return changed, nil
	}
	if j.unread {
		if err := j.readAgain(); err != nil {
			return changed, fmt.Errorf("reading journal %s, which is not overwritten before: %w", j.path, err)
		}
	}
	if err := j.rewrite(); err != nil {
		return changed, fmt.Errorf("writing journal %s: %w", j.path, err)
	}
	return true, nil
}

// same says whether f is the file at path.
func same(f *os.File, path string) bool {
	if f == nil {
		return false
	}
	ours, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Stat(path)
	return err == nil && os.SameFile(ours, there)
}

// Written says whether the file has what the journal has.
func (j *Journal) Written() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.file != nil
}

// Held returns the keys in the journal, sorted.
func (j *Journal) Held() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.keys()
}

func (j *Journal) keys() []string {
	keys := make([]string, 0, len(j.held))
	for k := range j.held {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Claim adds keys of objects that are about to be made. When it returns nil they
// are in the file and a crash of this process cannot lose them, unless there is
// no file (see OpenAnyway).
func (j *Journal) Claim(keys ...string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var b strings.Builder
	for _, k := range keys {
		if _, ok := j.held[k]; !ok {
			writeLine(&b, '+', k)
		}
	}
	j.append(b.String())
	for _, k := range keys {
		j.held[k] = struct{}{}
		delete(j.gone, k)
	}
	return nil
}

// Release removes the keys of objects that are gone.
func (j *Journal) Release(keys ...string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	var b strings.Builder
	for _, k := range keys {
		if _, ok := j.held[k]; ok {
			writeLine(&b, '-', k)
			delete(j.held, k)
		}
		if j.unread {
			j.gone[k] = struct{}{}
		}
	}
	j.append(b.String())
	return nil
}

func writeLine(b *strings.Builder, sign byte, key string) {
	b.WriteByte(sign)
	b.WriteString(key)
	b.WriteByte('\n')
}

// Close releases the journal for the next process to open. The file stays.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	var errs []error
	for _, f := range []*os.File{j.file, j.lock} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// append writes lines. Where that fails the file is given up until Restore can
// write a whole one: a worker does not do less because a disk is full.
func (j *Journal) append(text string) {
	if text == "" || j.file == nil {
		return
	}
	if _, err := io.WriteString(j.file, text); err != nil {
		j.file.Close()
		j.file = nil
		return
	}
	j.lines += strings.Count(text, "\n")
	if j.lines > 2*len(j.held)+rewriteSlack {
		_ = j.rewrite() // the file is longer than it need be, and complete
		j.lines = len(j.held)
	}
}

// read replays the file. It ignores a last line that a crash has cut off: the
// object was not made.
func (j *Journal) read() error {
	f, err := os.Open(j.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > maxSize {
		return fmt.Errorf("it has %d bytes, more than %d", info.Size(), maxSize)
	}
	r := bufio.NewReader(io.LimitReader(f, maxSize))
	for first := true; ; first = false {
		line, err := r.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		line = strings.TrimSuffix(line, "\n")
		switch {
		case first && j.header == anyEpoch:
		case first && line != j.header:
			return nil
		case first:
		case strings.HasPrefix(line, "+"):
			j.held[line[1:]] = struct{}{}
		case strings.HasPrefix(line, "-"):
			delete(j.held, line[1:])
		}
	}
}

// anyEpoch is the header of a journal that is only looked at.
const anyEpoch = ""

// removeWait is how long RemoveEmpty waits for a process that has the journal and was killed.
const removeWait = time.Second

// RemoveEmpty removes the journal at path, of whatever epoch, if no key is left in it and
// no process has it. One that was killed may still have it for a moment.
func RemoveEmpty(path string) error {
	if _, err := os.Stat(path); err != nil {
		return err
	}
	held, err := lock(path, removeWait)
	if err != nil {
		return err
	}
	defer held.Close()
	j := &Journal{path: path, header: anyEpoch, held: make(map[string]struct{})}
	if err := j.read(); err != nil {
		return err
	}
	if n := len(j.held); n > 0 {
		return fmt.Errorf("removing the journal %s: it has %d keys", path, n)
	}
	errs := []error{os.Remove(path)}
	unfinished, _ := filepath.Glob(path + ".*") // of rewrite, and the lock
	for _, name := range unfinished {
		errs = append(errs, os.Remove(name))
	}
	return errors.Join(errs...)
}

// rewrite replaces the file by one that contains only the current keys.
func (j *Journal) rewrite() error {
	f, err := os.CreateTemp(filepath.Dir(j.path), filepath.Base(j.path)+".*")
	if err != nil {
		return withoutName(err)
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, j.header)
	for _, k := range j.keys() {
		fmt.Fprintln(w, "+"+k)
	}
	err = w.Flush()
	if err == nil { // else the file of before is better than this one
		err = os.Rename(f.Name(), j.path)
	}
	if err != nil {
		f.Close()
		os.Remove(f.Name())
		return withoutName(err)
	}
	if j.file != nil {
		j.file.Close()
	}
	j.file, j.lines = f, len(j.held)
	return nil
}

// withoutName leaves out the name of a temporary file, which is another one each
// time: the same trouble is told in the same words.
func withoutName(err error) error {
	if path := new(fs.PathError); errors.As(err, &path) {
		return path.Err
	}
	if link := new(os.LinkError); errors.As(err, &link) {
		return link.Err
	}
	return err
}

// Keys are the keys in the journal at path, sorted, without taking it: those of
// another epoch are none.
func Keys(path, epoch string) ([]string, error) {
	j := newJournal(path, epoch)
	if err := j.read(); err != nil {
		return nil, fmt.Errorf("reading journal %s: %w", path, err)
	}
	return j.keys(), nil
}
