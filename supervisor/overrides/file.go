package overrides

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/lvs-director/director/event"
)

// version is that of the file. A new field does not change it, a changed meaning
// does.
const version = 1

// maxFile bounds the file that is read: Limit overrides with long reasons fit.
const maxFile = 64 << 20

// file is the form of the file.
type file struct {
	Version int `json:"version"`
	// Boot is that of the host in which the weights of SourceKernel were seen: the
	// kernel's table does not outlive it.
	Boot      string           `json:"boot,omitempty"`
	Overrides []event.Override `json:"overrides"`
}

// File is where the overrides of the director that runs the configuration at path
// are kept. Directors of one host may share a state directory.
func File(stateDir, path string) string {
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	sum := sha256.Sum256([]byte(path))
	return filepath.Join(stateDir, fmt.Sprintf("overrides-%x.json", sum[:6]))
}

// Load reads the overrides; a file that does not exist has none. After an error
// the set is as it was. Boot is the present boot of the host.
func (s *Set) Load(name, boot string) error {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the overrides: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return fmt.Errorf("reading the overrides: %w", err)
	}
	list, err := parse(text, boot)
	if err != nil {
		return fmt.Errorf("reading the overrides in %s: %w", name, err)
	}
	var next Set
	if err := next.Add(list...); err != nil {
		return fmt.Errorf("reading the overrides in %s: %w", name, err)
	}
	*s = next
	return nil
}

// parse reads the text of a file.
func parse(text []byte, boot string) ([]event.Override, error) {
	if len(text) > maxFile {
		return nil, fmt.Errorf("it has more than %d bytes", maxFile)
	}
	var f file
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, err
	}
	if f.Version < 1 || f.Version > version {
		return nil, fmt.Errorf("it has version %d, this program reads %d", f.Version, version)
	}
	var list []event.Override
	for _, o := range f.Overrides {
		if o.RealServer == "" || o.Kind != event.Drain && o.Kind != event.SetWeight || o.Weight < 0 {
			return nil, fmt.Errorf("it has an override that this program does not know: %s %q", o.Kind, o.RealServer)
		}
		if o.Source != event.SourceKernel || f.Boot == boot {
			list = append(list, o)
		}
	}
	return list, nil
}

// Save writes the overrides, the whole file at once. Without any there is no file.
func (s *Set) Save(name, boot string) error {
	if len(s.byKey) == 0 {
		if _, err := os.Lstat(name); err != nil {
			return nil // where nothing can be written, removing a file that is not there fails too
		}
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("noting that there are no overrides: %w", err)
		}
		return nil
	}
	text, err := json.MarshalIndent(file{version, boot, s.List()}, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(name), 0o700)
	}
	if err == nil {
		err = replace(name, append(text, '\n'))
	}
	if err != nil {
		return fmt.Errorf("writing the overrides: %w", err)
	}
	return nil
}

// replace writes a file in the place of another: whoever reads it, after a crash
// too, finds the one or the other.
func replace(name string, text []byte) error {
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
		return err
	}
	return os.Rename(next, name)
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
			return "", fmt.Errorf("putting the overrides aside: %w", err)
		}
		return aside, nil
	}
	return "", fmt.Errorf("putting the overrides aside: there are %d files like %s.unreadable-1 already", maxAside, name)
}
