// Package journal remembers which things in the kernel are ours.
//
// A worker that dies leaves addresses and IPVS services behind, and the kernel
// keeps no note of who made them. So every one of them is written here before
// it is made, and struck out after it was removed: what is in the journal may
// or may not be in the kernel, but what is in the kernel and not in the
// journal is somebody else's and is never touched.
//
// The journal lives in the run directory and outlives processes, not boots:
// the kernel's state does not outlive one either.
package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// maxSize bounds a journal that is read, in bytes: 40,000 services take 2 MB.
const maxSize = 64 << 20

// patience is how long Open waits for another process to let go of the journal.
const patience = 5 * time.Second

// slack is how many lines may be struck out before the file is written anew.
const slack = 4096

// Journal is one worker's list of keys, texts without line breaks such as
// "address eth0 10.0.0.1/32". It has one owner: it may not be used by several
// goroutines at once.
type Journal struct {
	path   string
	header string
	held   map[string]struct{}
	file   *os.File
	lines  int
	torn   bool // the last write failed
	lock   *os.File
}

// Open reads the journal at path, or begins it. epoch names the boot and the
// network namespace the keys are about: a journal of another epoch is about a
// kernel state that is gone, and is begun anew.
func Open(path, epoch string) (*Journal, error) {
	j := &Journal{path: path, header: "director-journal 1 " + epoch, held: make(map[string]struct{})}
	var err error
	if j.lock, err = lock(path, patience); err != nil {
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

// Held lists the keys that are ours, sorted.
func (j *Journal) Held() []string {
	keys := make([]string, 0, len(j.held))
	for k := range j.held {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// Claim notes that keys are about to be made. They are in the file when it
// returns nil; a crash of this process cannot lose them.
func (j *Journal) Claim(keys ...string) error {
	var b strings.Builder
	for _, k := range keys {
		if _, ok := j.held[k]; !ok {
			b.WriteString("+" + k + "\n")
		}
	}
	if err := j.append(b.String()); err != nil {
		return err
	}
	for _, k := range keys {
		j.held[k] = struct{}{}
	}
	return nil
}

// Release notes that keys have been removed.
func (j *Journal) Release(keys ...string) error {
	var b strings.Builder
	for _, k := range keys {
		if _, ok := j.held[k]; ok {
			b.WriteString("-" + k + "\n")
			delete(j.held, k)
		}
	}
	return j.append(b.String())
}

// Close lets go of the journal. It stays on disk for the next one to open it.
func (j *Journal) Close() error { return errors.Join(j.file.Close(), j.lock.Close()) }

func (j *Journal) append(text string) error {
	if text == "" {
		return nil
	}
	// A write that was cut short left a line without its end: the next one
	// must not continue it.
	if j.torn {
		text = "\n" + text
	}
	_, err := io.WriteString(j.file, text)
	j.torn = err != nil
	if err != nil {
		return fmt.Errorf("writing journal %s: %w", j.path, err)
	}
	j.lines += strings.Count(text, "\n")
	if j.lines > 2*len(j.held)+slack {
		if err := j.rewrite(); err != nil {
			return fmt.Errorf("writing journal %s anew: %w", j.path, err)
		}
	}
	return nil
}

// read replays the file. A last line that was cut off by a crash is ignored:
// what it announced was not begun.
func (j *Journal) read() error {
	f, err := os.Open(j.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
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

// rewrite replaces the file by one that has just the held keys.
func (j *Journal) rewrite() error {
	f, err := os.CreateTemp(filepath.Dir(j.path), filepath.Base(j.path)+".*")
	if err != nil {
		return err
	}
	w := bufio.NewWriter(f)
	fmt.Fprintln(w, j.header)
	for _, k := range j.Held() {
		fmt.Fprintln(w, "+"+k)
	}
	if err := errors.Join(w.Flush(), os.Rename(f.Name(), j.path)); err != nil {
		f.Close()
		os.Remove(f.Name())
		return err
	}
	if j.file != nil {
		j.file.Close()
	}
	j.file, j.lines, j.torn = f, len(j.held), false
	return nil
}
