// Package statefile keeps what an operator has asked for in one file of the state
// directory for each configuration: written whole or not at all, absent when there is
// nothing to keep.
package statefile

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Name is where what is called kind is kept for the director that runs the configuration
// at config. Directors of one host may share a state directory.
func Name(stateDir, kind, config string) string {
	if absolute, err := filepath.Abs(config); err == nil {
		config = absolute
	}
	sum := sha256.Sum256([]byte(config))
	return filepath.Join(stateDir, fmt.Sprintf("%s-%x.json", kind, sum[:6]))
}

// Read reads a file of at most limit bytes; nil when there is none.
func Read(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if isAbsent(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("%s has more than %d bytes", name, limit)
	}
	return text, err
}

// Remove removes a file that need not be there.
func Remove(name string) error {
	// Looked at first: where nothing can be written, removing a file that is not there fails too.
	_, err := os.Lstat(name)
	if err == nil {
		err = os.Remove(name)
		if err == nil {
			err = syncDir(filepath.Dir(name))
		}
	}
	if isAbsent(err) {
		return nil
	}
	return err
}

// Replace writes a file in the place of another, and makes its directory if need be:
// whoever reads it, after a crash too, finds the one or the other.
func Replace(name string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	next := name + ".new"
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err // the file of before is better than this one
	}
	if err := os.Rename(next, name); err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}

// Note is a small file, by its path.
type Note string

// maxNote bounds what is read of a note, in bytes.
const maxNote = 1 << 20

// Read reads it; nil when there is none.
func (n Note) Read() ([]byte, error) { return Read(string(n), maxNote) }

// Write writes it in the place of what is there; without a text it is removed.
func (n Note) Write(text []byte) error {
	if len(text) == 0 {
		return Remove(string(n))
	}
	return Replace(string(n), text)
}

// isAbsent says whether err means that a file is not there, and not that nobody knows.
func isAbsent(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// syncDir puts on the disk which files a directory has.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// maxAside bounds the files that were put aside.
const maxAside = 100

// PutAside gives a file that cannot be read another name, never that of another
// file, and returns it.
func PutAside(name string) (string, error) {
	for n := 1; n <= maxAside; n++ {
		aside := fmt.Sprintf("%s.unreadable-%d", name, n)
		err := os.Link(name, aside) // fails where there is one, unlike rename
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err == nil {
			err = os.Remove(name)
		}
		if err != nil {
			return "", fmt.Errorf("putting the file aside: %w", err)
		}
		return aside, nil
	}
	return "", fmt.Errorf("putting the file aside: there are %d files like %s.unreadable-1 already: remove them",
		maxAside, name)
}
